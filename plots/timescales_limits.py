"""Finite width, finite dimension and finite samples against their limits."""

import numpy as np

import fits
import style
import timescales as ts
from matplotlib import pyplot as plt

options = style.arguments(__doc__)
style.use()
width, limit = (ts.open_run(options.runs, n) for n in ("finite_width", "finite_width_limit"))
dimension = ts.open_run(options.runs, "finite_dimension")
samples = ts.open_run(options.runs, "finite_samples")
relu = ts.open_run(options.runs, "finite_samples_relu")
published = {"gaussian_quantiles": {20: .0857, 50: .0351, 100: .0177, 200: .0089, 400: .0044},
             "uniform_quantiles": {20: .0728, 50: .0296}}
EPSILON = 1e-2  # of all these configs
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
    law_in_m = fits.power_law(m, distance)
    low.plot(m, distance, "o", color=color, ms=3.5, label=law.split("_")[0])
    low.plot(m, law_in_m(m), color=color, lw=0.8)
    for size, value in published[law].items():
        rows.append((f"sup|R_m - R_reduced|, {law}, m = {size}", f"{value:.4f}",
                     f"{distance[list(m).index(size)]:.4f}"))
    rows.append((f"exponent in m, {law}", "-1",
                 ts.with_error(law_in_m.exponent, 2 * law_in_m.error)))
    rows.append((f"  from the last two m alone, {law}", "-1",
                 float(np.log(distance[-1] / distance[-2]) / np.log(m[-1] / m[-2]))))
low.set_xlabel("width $m$")

def power_law(ax, x, y, error, against, color, mark, label):
    """Points with standard errors of log y and the power of `against` through them."""
    ax.errorbar(x, y, yerr=y * error, fmt=mark, color=color, ms=3.5, capsize=2, label=label)
    law = fits.power_law(against, y, error)
    ax.plot(x, law(against), color=color, lw=0.8)
    return ts.with_error(law.exponent, 2 * law.error)


# Dimension, against d = infinity (entry 0). Random overlaps act as a variance 1/(d epsilon) added to
# that of a(0): times move by log(1 + 1/(d epsilon Var a)). The draws scatter as the overlaps do.
d = ts.values(dimension, "dimension")
risk = ts.values(dimension, "risk")
time = ts.values(dimension, "time")
ax = axes[0, 1]
for k, color in enumerate(ts.sequence(len(d) - 1)):
    ax.plot(time, risk[k + 1, 0], color=color, label=f"$d = ${style.tex(d[k + 1])}")
ax.plot(time, risk[0, 0], color=style.BLACK, lw=0.9, ls="--", label=r"$d = \infty$")
shift = np.log1p(1 / (d[1:] * EPSILON * float(dimension["initial_spread"].values.flat[0])))
mean, scatter, mean_error, scatter_error = ts.mean_and_scatter(risk[1:] - risk[:1])
rows.append(("exponent of the mean of R_d - R_infinity in log(1 + 1/(d eps Var a))", "1",
             power_law(axes[1, 1], d[1:], mean, mean_error, shift, style.BLUE, "o",
                       "mean over draws and $t$")))
rows.append(("exponent of its scatter over draws in d", "-1/2",
             power_law(axes[1, 1], d[1:], scatter, scatter_error, d[1:], style.RED, "s",
                       "scatter over draws")))
axes[1, 1].set_xlabel("dimension $d$")

# Samples, against the population flow from the same weights (entry 0): the noise of the gradient
# moves the risk by n^(-1/2).
n = ts.values(samples, "samples")
risk = ts.values(samples, "risk")
time = ts.values(samples, "time")
ax = axes[0, 2]
for k, color in enumerate(ts.sequence(len(n) - 1)):
    ax.plot(time, risk[k + 1, 0], color=color, label=f"$n = {int(n[k + 1])}$")
ax.plot(time, risk[0, 0], color=style.BLACK, lw=0.9, ls="--", label=r"$n = \infty$")


def finite_samples(run, name, colors, marks, scatter_too):
    """Differences of the risk from that of the same weights without end of samples, against n."""
    n = ts.values(run, "samples")[1:]
    risk = ts.values(run, "risk")
    difference = risk[1:] - risk[:1]
    _, scatter, _, scatter_error = ts.mean_and_scatter(difference)
    distance = np.abs(difference).max(axis=2)
    mean = distance.mean(axis=1)
    error = distance.std(axis=1, ddof=1) / distance.shape[1]**0.5 / mean
    rows.append((f"exponent of sup|R_n - R_population|, mean over draws, in n, {name}", "-1/2",
                 power_law(axes[1, 2], n, mean, error, n, colors[0], marks[0],
                           rf"$\sup_t|R_n - R|$, {name}")))
    law = fits.power_law(n, scatter, scatter_error)
    rate = ts.with_error(law.exponent, 2 * law.error)
    if scatter_too:
        rate = power_law(axes[1, 2], n, scatter, scatter_error, n, colors[1], marks[1],
                         f"scatter over draws, {name}")
    rows.append((f"exponent of the scatter over draws of R_n - R_population in n, {name}", "-1/2",
                 rate))


finite_samples(samples, "GELU", (style.BLUE, style.RED), "os", True)
finite_samples(relu, "ReLU", (style.GREEN,), "^", False)
events = relu["events"].values[1:].mean(axis=1)
sizes = ts.values(relu, "samples")[1:]
rows.append(("activation changes at the most samples, ReLU, mean over draws", None,
             f"{events[-1]:.0f} at n = {int(sizes[-1])}"))
rows.append(("  exponent in n", "1", fits.power_law(sizes, events).exponent))
rows.append(("  largest defect of the energy identity", 0, float(relu["energy_defect_max"].max())))
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
for ax in axes[1, 1:]:
    ax.set_ylabel(r"$|R - R_{\mathrm{limit}}|$")
low.set_xticks(m, [f"{int(size)}" for size in m])
for ax in axes[1]:
    ax.plot([], [], color=style.GREY, lw=0.8, label="fit")
low.legend(fontsize=7)
axes[1, 1].legend(fontsize=7, loc="lower left")
axes[1, 2].set_ylim(2e-4, None)
axes[1, 2].legend(fontsize=7, loc="lower left")
style.save(fig, options.out)
style.table(rows)
