"""Grokking on a + b mod 97: accuracy, error and norm against lambda t for several lambda."""

import os

import numpy as np

import grokking
import style
from matplotlib import pyplot as plt

options = style.arguments(__doc__)
style.use()

study, descent = (style.load(os.path.join(options.runs, "modular_addition_97" + name))
                  for name in ("", "_descent"))
decays = study["weight_decay"].values
times = study["time"].values
colors = [style.SEQUENCE(k / (len(decays) - 1)) for k in range(len(decays))]
MODULUS = 97


def first(k, name, level):
    """When an accuracy first reaches a level, interpolated in log t; NaN where it never does."""
    values = study[name].values[k]
    above = np.flatnonzero(values >= level)
    if above.size == 0 or above[0] == 0:
        return np.nan
    j = above[0]
    return float(np.exp(np.interp(level, values[j - 1:j + 1], np.log(times[k][j - 1:j + 1]))))


fig, panels = plt.subplots(1, 3, figsize=(style.PAGE, 2.3))
accuracy, error, norm = panels
for k, (decay, color) in enumerate(zip(decays, colors)):
    run = study.isel(decay=k, sample=slice(1, None))
    x = decay * times[k][1:]
    for what, how in (("train", dict(ls=style.LINE_STYLES[2], lw=1.0)), ("test", dict(ls="-", lw=1.2))):
        accuracy.plot(x, 100 * run[f"{what}_accuracy"], color=color, **how)
        error.plot(x, MODULUS * run[f"{what}_error"], color=color, **how)
    norm.plot(x, run["norm"], color=color, lw=1.2)
for ax in panels:
    style.log_time_axis(ax, [1e-1, 8], r"slow time $\tau = \lambda t$")
accuracy.set_ylim(-3, 106)
accuracy.set_ylabel("accuracy (%)")
style.log_axis(error, "squared error of a pair", 3e-2, 3)
style.log_axis(norm, "norm of the weights", 1, 300)
norm.legend(
    handles=grokking.key([(style.tex(d), {"color": c}) for d, c in zip(decays, colors)] + [
        ("test", {"color": style.BLACK}),
        ("train", {"color": style.BLACK, "ls": style.LINE_STYLES[2], "lw": 1.0})]),
    title=r"$\lambda$", loc="upper left", bbox_to_anchor=(1.01, 1.03), title_fontsize=8)
for ax, letter in zip(panels, "abc"):
    style.panel_label(ax, f"({letter})")
style.save(fig, options.out)

rows = []
for k, decay in enumerate(decays):
    rows += [
        (f"lambda = {decay:g}: train accuracy .99 at t", None, first(k, "train_accuracy", 0.99)),
        ("  test accuracy 1/2, .99 at t", None,
         "{:.5g}, {:.5g}".format(*(first(k, "test_accuracy", level) for level in (0.5, 0.99)))),
        ("  lambda t of test accuracy 1/2", None, decay * first(k, "test_accuracy", 0.5)),
        ("  train, test accuracy at the end", None,
         "{:.4f}, {:.4f}".format(*(study[f"{w}_accuracy"].values[k][-1] for w in ("train", "test")))),
        ("  |w| at the end", None, float(study["norm"].values[k][-1])),
        ("  F + lambda/2 |w|^2 at the end (of w = 0: 1/2)", None,
         float(study["regularised_loss"].values[k][-1])),
        ("  steps, wall seconds", None,
         f"{int(study['steps'][k])}, {float(study['wall_seconds'][k]):.0f}"),
    ]
step = float(descent["time"].values[-1]) / int(descent["steps"])
seconds = float(descent["wall_seconds"]) / int(descent["steps"])
middle = int(np.argmin(np.abs(decays - 2e-4)))
needed = first(middle, "test_accuracy", 0.99) / step
rows += [
    (f"descent of step {step:g}: seconds a step, of {int(descent['steps'])}", None, seconds),
    (f"  steps to the time of test accuracy .99 of lambda = {decays[middle]:g}", None, needed),
    ("  seconds to there, extrapolated", None, needed * seconds),
]
style.table(rows)
