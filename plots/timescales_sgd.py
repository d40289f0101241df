"""One-pass SGD against the population flow from the same weights and the reduced system."""

import numpy as np

import fits
import style
import timescales as ts
from matplotlib import pyplot as plt

options = style.arguments(__doc__)
style.use()
sgd, small, flow, reduced = (ts.open_run(options.runs, n)
                             for n in ("sgd", "sgd_small", "sgd_flow", "sgd_reduced"))
t = ts.values(flow, "time")
step = ts.values(sgd, "step")
noisy, exact = ts.values(sgd, "risk"), ts.values(flow, "risk")  # (step, seed, time), (seed, time)
limit = ts.values(reduced, "risk")                              # (dimension, seed, time)
SMALL = 8e-6 / 16  # step over batch of sgd_small.toml
early = len(ts.values(small, "time"))

fig, (left, right) = plt.subplots(1, 2, figsize=(style.PAGE, 3.0), width_ratios=[1.3, 1])
order = np.argsort(-step)
for k, color in zip(order, ts.sequence(len(step))):
    mean = noisy[k].mean(axis=0)
    error = noisy[k].std(axis=0, ddof=1) / noisy.shape[1]**0.5
    left.fill_between(t, mean - 2 * error, mean + 2 * error, color=color, alpha=0.25, lw=0)
    left.plot(t, mean, color=color, label=r"SGD, $\eta = $" + style.tex(step[k]))
left.plot(t, exact[:noisy.shape[1]].mean(axis=0), color=style.BLACK, lw=1.0, label="population flow")
left.plot(t, limit[1].mean(axis=0), color=style.RED, lw=1.0, ls="--",
          label=r"reduced, $s_i(0) = \langle u_i, u_*\rangle$")
left.plot(t, limit[0].mean(axis=0), color=style.GREY, lw=1.0, ls=":", label="reduced, $s_i(0) = 0$")
left.set_xlim(0, t[-1])
left.set_ylim(0, None)
left.set_xlabel("time $t$")
left.set_ylabel("population risk $R$")
left.legend()

# Noise and drift of SGD are set by step/batch. Differences to the flow from the same weights: their
# scatter over seeds at the times that all runs have, and the mean with its standard error.
rate_of_noise = np.append(step, SMALL)
smallest = ts.values(small, "risk") - exact[:, :early]
difference = [run[:, :early] - exact[:run.shape[0], :early] for run in noisy] + [smallest]
difference = [part[None, :, 1:] for part in difference]
scatter, scatter_error = (np.array([ts.mean_and_scatter(part)[k][0] for part in difference])
                          for k in (1, 3))
law = fits.power_law(rate_of_noise, scatter, scatter_error)
rate = ts.with_error(law.exponent, 2 * law.error)
right.errorbar(rate_of_noise, scatter, yerr=scatter * scatter_error, fmt="o", color=style.BLUE, ms=3.5,
               capsize=2, label=r"scatter over seeds, $t \leq 0.24$")
right.plot(rate_of_noise, law(rate_of_noise), color=style.BLUE, lw=0.8,
           label=f"power {rate}".replace("+-", r"$\pm$"))
# The mean difference of the larger steps, over all their times.
late = (noisy - exact[None, :noisy.shape[1]])[:, :, 1:].mean(axis=2)
bias, bias_error = late.mean(axis=1), late.std(axis=1, ddof=1) / late.shape[1]**0.5
law = fits.power_law(step, bias, bias_error / bias)
drift = ts.with_error(law.exponent, 2 * law.error)
right.errorbar(step, bias, yerr=bias_error, fmt="s", color=style.RED, mfc="white", ms=3.5,
               capsize=2, label=r"mean over seeds and $t \leq 0.8$")
right.plot(step, law(step), color=style.RED, lw=0.8,
           label=f"power {drift}".replace("+-", r"$\pm$"))
right.set_xscale("log")
style.log_ticks(right.xaxis)
style.log_axis(right, r"$R_{\mathrm{SGD}} - R_{\mathrm{flow}}$")
right.set_xlabel(r"step/batch $\eta/B$")
right.set_ylim(None, 0.3)  # room for the legend
right.legend(loc="upper left")
for ax, text in ((left, "(a)"), (right, "(b)")):
    style.panel_label(ax, text)
style.save(fig, options.out)

rows = [("exponent of the scatter in step/batch", "1/2", rate),
        ("exponent of the mean difference in the step, three larger, t <= 0.8", "1",
         drift)]
for k in np.argsort(-rate_of_noise):
    part = difference[k][0]
    seeds = part.shape[0]
    overall = part.mean(axis=1)
    ratio = np.abs(part.mean(axis=0)) / part.std(axis=0, ddof=1) * seeds**0.5
    small_enough = rate_of_noise[k] == SMALL
    rows += [(f"step/batch = {rate_of_noise[k]:g}, {seeds} seeds: mean of R_SGD - R_flow, t <= 0.24",
              "0" if small_enough else None,
              ts.with_error(overall.mean(), overall.std(ddof=1) / seeds**0.5)),
             ("  |mean over seeds|/standard error: median over t, largest",
              "< 1, < 3" if small_enough else None, f"{np.median(ratio):.2f}, {ratio.max():.2f}")]
rows += [
    ("sup|R_flow - R_reduced|, s(0) = 0, mean over seeds", None,
     float(np.abs(exact[:limit.shape[1]] - limit[0]).max(axis=1).mean())),
    ("sup|R_flow - R_reduced|, s(0) = <u_i, u*>, mean over seeds", None,
     float(np.abs(exact[:limit.shape[1]] - limit[1]).max(axis=1).mean())),
]
style.table(rows)
