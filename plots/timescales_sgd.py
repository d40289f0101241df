"""One-pass SGD against the population flow from the same weights and the reduced system."""

import numpy as np

import style
import timescales as ts
from matplotlib import pyplot as plt

options = style.arguments(__doc__)
style.use()
sgd, flow, reduced = (ts.open_run(options.runs, n) for n in ("sgd", "sgd_flow", "sgd_reduced"))
t = ts.values(flow, "time")
step = ts.values(sgd, "step")
noisy, exact = ts.values(sgd, "risk"), ts.values(flow, "risk")  # (step, seed, time), (seed, time)
limit = ts.values(reduced, "risk")                              # (dimension, seed, time)
seeds = exact.shape[0]

fig, (left, right) = plt.subplots(1, 2, figsize=(style.PAGE, 3.0), width_ratios=[1.3, 1])
order = np.argsort(-step)
for k, color in zip(order, ts.sequence(len(step))):
    mean = noisy[k].mean(axis=0)
    error = noisy[k].std(axis=0, ddof=1) / seeds**0.5
    left.fill_between(t, mean - 2 * error, mean + 2 * error, color=color, alpha=0.25, lw=0)
    left.plot(t, mean, color=color, label=r"SGD, $\eta = $" + style.tex(step[k]))
left.plot(t, exact.mean(axis=0), color=style.BLACK, lw=1.0, label="population flow")
left.plot(t, limit[1].mean(axis=0), color=style.RED, lw=1.0, ls="--",
          label=r"reduced, $s_i(0) = \langle u_i, u_*\rangle$")
left.plot(t, limit[0].mean(axis=0), color=style.GREY, lw=1.0, ls=":", label="reduced, $s_i(0) = 0$")
left.set_xlim(0, t[-1])
left.set_ylim(0, None)
left.set_xlabel("time $t$")
left.set_ylabel("population risk $R$")
left.legend()

# The fluctuation: scatter over seeds of the difference to the flow from the same weights, rms over t.
difference = noisy - exact[None]
scatter = np.sqrt((difference.std(axis=1, ddof=1)**2)[:, 1:].mean(axis=1))
bias = np.abs(difference.mean(axis=1)).max(axis=1)
rate, error, constant = ts.slope(step, scatter)
relative = 1 / np.sqrt(2 * (seeds - 1))
right.errorbar(step, scatter, yerr=scatter * relative, fmt="o", color=style.BLUE, ms=3.5, capsize=2,
               label="scatter over seeds")
right.plot(step, constant * step**rate, color=style.BLUE, lw=0.8)
right.plot(step, bias, "s", color=style.RED, mfc="white", ms=3.5, label="sup of the mean difference")
right.set_xscale("log")
style.log_ticks(right.xaxis)
style.log_axis(right, r"$R_{\mathrm{SGD}} - R_{\mathrm{flow}}$")
right.set_xlabel(r"step $\eta$")
right.legend()
for ax, text in ((left, "(a)"), (right, "(b)")):
    style.panel_label(ax, text)
style.save(fig, options.out)

small = int(np.argmin(step))
standard = difference[small].std(axis=0, ddof=1) / seeds**0.5
deviation = np.abs(difference[small].mean(axis=0))[1:] / standard[1:]
# The error of a scatter over a few seeds is larger than the line's residual.
points = np.log(step)
own = 2 * relative / np.sqrt(((points - points.mean())**2).sum())
style.table([
    ("exponent of the fluctuation in the step", "1/2", ts.with_error(rate, max(error, own))),
    (f"mean difference over its standard error, median over t, step = {step[small]:g}", "about 1",
     float(np.median(deviation))),
    ("largest of these over t", "2 to 3", float(deviation.max())),
    ("sup|R_flow - R_reduced|, s(0) = 0, mean over seeds", None,
     float(np.abs(exact - limit[0]).max(axis=1).mean())),
    ("sup|R_flow - R_reduced|, s(0) = <u_i, u*>, mean over seeds", None,
     float(np.abs(exact - limit[1]).max(axis=1).mean())),
])
