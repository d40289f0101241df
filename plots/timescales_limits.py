"""Finite width, finite dimension and finite samples against their limits."""

import numpy as np

import style
import timescales as ts
from matplotlib import pyplot as plt

options = style.arguments(__doc__)
style.use()
width, limit = (ts.open_run(options.runs, n) for n in ("finite_width", "finite_width_limit"))
dimension = ts.open_run(options.runs, "finite_dimension")
samples = ts.open_run(options.runs, "finite_samples")
published = {"gaussian_quantiles": {20: .0857, 50: .0351, 100: .0177, 200: .0089},
             "uniform_quantiles": {20: .0728, 50: .0296}}
rows = []
fig, axes = plt.subplots(2, 3, figsize=(style.PAGE, 4.4))

# Width, at d = infinity. Axes in the config's order: law, width.
t = ts.values(width, "time")
m = ts.values(width, "width")
laws = [str(x) for x in width["initial_second_layer"].values]
finite, reduced = ts.values(width, "risk"), ts.values(limit, "risk")
ax = axes[0, 0]
for k, color in enumerate(ts.sequence(len(m))):
    ax.plot(t, finite[0, k], color=color, label=f"$m = {int(m[k])}$")
ax.plot(t, reduced[0, -1], color=style.BLACK, lw=0.9, ls="--", label="reduced")
low = axes[1, 0]
for j, (law, color) in enumerate(zip(laws, (style.BLUE, style.RED))):
    distance = np.abs(finite[j] - reduced[j]).max(axis=1)
    rate, error, constant = ts.slope(m, distance)
    low.plot(m, distance, "o", color=color, ms=3.5, label=law.split("_")[0])
    low.plot(m, constant * m**rate, color=color, lw=0.8)
    for size, value in published[law].items():
        rows.append((f"sup|R_m - R_reduced|, {law}, m = {size}", f"{value:.4f}",
                     f"{distance[list(m).index(size)]:.4f}"))
    rows.append((f"exponent in m, {law}", "-1", ts.with_error(rate, error)))
low.set_xlabel("width $m$")

# Dimension: mean over draws of the sup distance to d = infinity (entry 0).
d = ts.values(dimension, "dimension")
risk = ts.values(dimension, "risk")
time = ts.values(dimension, "time")
ax = axes[0, 1]
for k, color in enumerate(ts.sequence(len(d) - 1)):
    ax.plot(time, risk[k + 1, 0], color=color, label=f"$d = ${style.tex(d[k + 1])}")
ax.plot(time, risk[0, 0], color=style.BLACK, lw=0.9, ls="--", label=r"$d = \infty$")
distance = np.abs(risk[1:] - risk[:1]).max(axis=2)
mean, spread = distance.mean(axis=1), distance.std(axis=1, ddof=1) / distance.shape[1]**0.5
axes[1, 1].errorbar(d[1:], mean, yerr=spread, fmt="o", color=style.BLUE, ms=3.5, capsize=2)
far = d[1:] >= 300
rate, error, constant = ts.slope(d[1:][far], mean[far])
axes[1, 1].plot(d[1:], constant * d[1:]**rate, color=style.BLUE, lw=0.8)
rows.append(("exponent in d of sup|R_d - R_infinity|, d >= 300", "-1/2 to -1",
             ts.with_error(rate, error)))
axes[1, 1].set_xlabel("dimension $d$")

# Samples: mean over draws of the sup distance to the population flow (entry 0).
n = ts.values(samples, "samples")
risk = ts.values(samples, "risk")
time = ts.values(samples, "time")
ax = axes[0, 2]
for k, color in enumerate(ts.sequence(len(n) - 1)):
    ax.plot(time, risk[k + 1, 0], color=color, label=f"$n = {int(n[k + 1])}$")
ax.plot(time, risk[0, 0], color=style.BLACK, lw=0.9, ls="--", label=r"$n = \infty$")
distance = np.abs(risk[1:] - risk[:1]).max(axis=2)
mean, spread = distance.mean(axis=1), distance.std(axis=1, ddof=1) / distance.shape[1]**0.5
axes[1, 2].errorbar(n[1:], mean, yerr=spread, fmt="o", color=style.BLUE, ms=3.5, capsize=2)
rate, error, constant = ts.slope(n[1:], mean)
axes[1, 2].plot(n[1:], constant * n[1:]**rate, color=style.BLUE, lw=0.8)
rows.append(("exponent in n of sup|R_n - R_population|", "-1/2 to -1", ts.with_error(rate, error)))
axes[1, 2].set_xlabel("samples $n$")

for ax, letter in zip(axes.flat, "abcdef"):
    style.panel_label(ax, f"({letter})")
for ax in axes[0]:
    ax.set_xlim(0, 1)
    ax.set_ylim(0, None)
    ax.set_xlabel("time $t$")
    ax.legend(fontsize=7)
axes[0, 0].set_ylabel("population risk $R$")
for ax in axes[1]:
    ax.set_xscale("log")
    style.log_ticks(ax.xaxis)
    style.log_axis(ax)
axes[1, 0].set_ylabel(r"$\sup_{t\leq 1}|R - R_{\mathrm{limit}}|$")
low.legend(fontsize=7)
style.save(fig, options.out)
style.table(rows)
