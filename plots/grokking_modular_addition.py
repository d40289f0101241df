"""Grokking on a + b mod 13: accuracy and error against log t for several lambda, and their collapse."""

import os

import numpy as np

import fits
import grokking
import style
from matplotlib import pyplot as plt

options = style.arguments(__doc__)
style.use()

study, free, tolerances = (style.load(os.path.join(options.runs, "modular_addition" + name))
                           for name in ("", "_gradient_flow", "_tolerance"))
decays = study["weight_decay"].values
times = study["time"].values
colors = [style.SEQUENCE(k / (len(decays) - 1)) for k in range(len(decays))]


def first(t, values, level):
    """When the values first reach a level, interpolated in log t; NaN where they never do."""
    above = np.flatnonzero(values >= level)
    if above.size == 0 or above[0] == 0:
        return np.nan
    k = above[0]
    return float(np.exp(np.interp(level, values[k - 1:k + 1], np.log(t[k - 1:k + 1]))))


fig, panels = plt.subplots(2, 2, figsize=(style.PAGE, 4.0), sharey="row")
for column, collapsed in enumerate((False, True)):
    accuracy, error = panels[:, column]
    for k, decay in enumerate(decays):
        run = study.isel(weight_decay=k, sample=slice(1, None))
        x = times[k][1:] * (decay if collapsed else 1)
        for what, dashes in (("train", style.LINE_STYLES[2]), ("test", "-")):
            how = dict(color=colors[k], ls=dashes, lw=1.2 if what == "test" else 1.0)
            accuracy.plot(x, 100 * run[f"{what}_accuracy"], **how)
            error.plot(x, run[f"{what}_error"], **how)
    range_ = (times[:, 1:] * (decays[:, None] if collapsed else 1)).ravel()
    low = 1e-4 if collapsed else 1e-1
    for ax in (accuracy, error):
        style.log_time_axis(ax, [low, range_.max()],
                            r"slow time $\tau = \lambda t$" if collapsed else "time $t$")
    grokking.shared_time(accuracy, error)
    accuracy.set_ylim(-3, 106)
    style.log_axis(error, None if collapsed else "mean squared error", 3e-6, 3e1)
panels[0, 0].set_ylabel("accuracy (%)")
chance = 100 / 13
for ax in panels[0]:
    ax.axhline(chance, color=style.BLACK, lw=0.6, ls="--")
panels[0, 1].annotate("chance", (6e-2, chance), xytext=(0, 2), textcoords="offset points", fontsize=8)
panels[0, 1].legend(
    handles=grokking.key([(style.tex(d), {"color": c}) for d, c in zip(decays, colors)]),
    title=r"$\lambda$", loc="upper left", bbox_to_anchor=(1.01, 1.03), title_fontsize=8)
panels[1, 1].legend(handles=grokking.key(
    [("test", {"color": style.BLACK}),
     ("train", {"color": style.BLACK, "ls": style.LINE_STYLES[2], "lw": 1.0})]),
    loc="upper left", bbox_to_anchor=(1.01, 1.03))
for ax, letter in zip(panels.flat, "abcd"):
    style.panel_label(ax, f"({letter})")
style.save(fig, options.out)

learnt, generalised = (np.array([
    first(times[k], study[f"{what}_accuracy"].values[k], level) for k in range(len(decays))])
    for what, level in (("train", 0.995), ("test", 0.5)))
law = fits.power_law(decays, generalised)
middle = int(np.argmin(np.abs(decays - 2e-3)))


def at(name, time):
    return grokking.at(times[middle], study[name].values[middle], time)


# Accuracy goes by whole test pairs and samples in t, so that tolerances are compared by the error.
coarse, fine = (tolerances["test_error"].sel(rtol=r, method="nearest").values for r in (1e-4, 1e-6))
spacing = times[middle][-1] / times[middle][-2] - 1
# F = 1/(2n) |r|^2 has r' = -J J^T r / n; there are 13 residuals a pair.
rates = free["tangent_kernel_eigenvalues"].sel(snapshot_time=1e3).values
rates = rates * 13 / rates.size
rows = [("lambda = 0.002: train accuracy at t = 250", 1, at("train_accuracy", 250))]
rows += [(f"  test accuracy at t = {t:g} (descent, another draw)", published, at("test_accuracy", t))
         for t, published in ((1500, 0.06), (3000, 0.90), (4500, 1))]
rows += [(f"lambda = {d:g}: train accuracy 1 at t, test accuracy 1/2 at t", None,
          f"{learnt[k]:.3g}, {generalised[k]:.5g}") for k, d in enumerate(decays)]
rows += [(f"  lambda t of test accuracy 1/2, lambda = {d:g}", None, d * generalised[k])
         for k, d in enumerate(decays)]
rows += [
    ("exponent of t(test accuracy 1/2) in lambda", -1, f"{law.exponent:.3f} +- {law.error:.1g}"),
    ("least train, test accuracy at tau = 20", 1,
     "{:g}, {:g}".format(*(study[f"{w}_accuracy"].values[:, -1].min() for w in ("train", "test")))),
    ("exponent of t(test accuracy 1/2) in lambda, the two smallest lambda", -1,
     np.log(generalised[1] / generalised[0]) / np.log(decays[1] / decays[0])),
] + [
    ("lambda = 0.002: largest relative change of the test error, rtol 1e-4 to 1e-6", 0,
     float(np.abs(coarse / fine - 1).max())),
    ("  steps at rtol 1e-4, 1e-6", None, "{}, {}".format(*tolerances["steps"].values)),
    ("  samples around test accuracy 1/2: spacing in t", None, f"{spacing:.1%}"),
] + [
    (f"lambda = 0: training loss at t = {time:g}", None,
     grokking.at(free["time"].values, free["train_loss"].values, time)) for time in (1e2, 1e3, 1e4)
] + [
    (f"  rates of J J'/n below {bound:g} at t = 1000, of {rates.size}", None,
     int((rates < bound).sum())) for bound in (2e-3, 2.5e-4, 1e-5)
] + [
    ("  the smallest", None, float(rates.min())),
    ("steps of the solver, least and most", None,
     f"{int(study['steps'].min())}, {int(study['steps'].max())}"),
]
style.table(rows)
