"""A ReLU network with two hidden layers, integrated piece by piece: error against tolerance and
distance of gradient descent against its step."""

import os

import numpy as np

import fits
import style
from matplotlib import pyplot as plt

options = style.arguments(__doc__)
style.use()

flow, descent = (style.load(os.path.join(options.runs, "deep_relu" + name))
                 for name in ("", "_gradient_descent"))
states = flow["parameters"].values
exact = states[0]
rtol, step = flow["rtol"].values, descent["step"].values
error = np.linalg.norm(states - exact, axis=2).max(axis=1)
apart = np.linalg.norm(descent["parameters"].values - exact, axis=2).max(axis=1)
in_rtol, in_step = fits.power_law(rtol[1:], error[1:]), fits.power_law(step, apart)

fig, axes = plt.subplots(1, 2, figsize=(style.PAGE, 2.6))
for ax, x, y, law, color, label in (
        (axes[0], rtol[1:], error[1:], in_rtol, style.BLUE, "relative tolerance of the flow"),
        (axes[1], step, apart, in_step, style.RED, r"step $\eta$ of gradient descent")):
    ax.loglog(x, y, "o", color=color)
    ax.loglog(x, law(x), color=color, lw=0.8, label=f"exponent {law.exponent:.2f}")
    ax.set_xlabel(label)
    ax.legend(loc="upper left")
style.log_ticks(axes[0].xaxis)
style.log_axis(axes[0])
# Less than a decade each: what was run, and round numbers.
for axis, ticks in ((axes[1].xaxis, step), (axes[1].yaxis, (2e-4, 5e-4, 1e-3))):
    style.log_ticks(axis)
    axis.set_ticks(ticks, [style.tex(tick) for tick in ticks])
for ax in axes:
    ax.set_ylabel("largest distance of $w(t)$ from\nthe flow at tolerance $10^{-10}$")
for ax, letter in zip(axes, "ab"):
    style.panel_label(ax, f"({letter})")
style.save(fig, options.out)

rows = [(f"max over t of |w - w(rtol = 1e-10)|, rtol = {rtol[k]:.0e}", None,
         f"{error[k]:.1e} ({int(flow['steps'][k])} steps, {int(flow['events'][k])} changes)")
        for k in range(len(rtol) - 1, 0, -1)]
rows.append(("  its order in rtol", 1, f"{in_rtol.exponent:.2f}"))
rows += [(f"max over t of |w - w(rtol = 1e-10)|, descent, step {step[k]:.1e}", None,
          f"{apart[k]:.1e}") for k in range(len(step))]
rows.append(("  its order in the step", 1, f"{in_step.exponent:.2f}"))
rows.append(("largest defect of the energy identity in a decade", 0,
             float(flow["energy_defect_max"].max())))
style.table(rows)
