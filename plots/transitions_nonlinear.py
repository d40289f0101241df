"""tanh and ReLU networks: onset with one hidden layer, jumps with two."""

import os

import numpy as np

import style
import transitions as theory
from matplotlib import pyplot as plt

options = style.arguments(__doc__)
style.use()
tanh, relu, deep, branches = (style.load(os.path.join(options.runs, "nonlinear_" + name))
                              for name in ("tanh", "relu", "deep", "branches"))
ONSET_TANH = 1.2  # the norm of the correlation of inputs and targets
ONSET_RELU = 0.8196  # the largest |mean of y relu(w x)| over unit vectors w
SLOPE = 0.0349  # of (onset - lambda)/c_12 at lambda = 1.18, all twelve neurons equal
FOLD, BRANCH_POINT = 1, 2

fig, axes = plt.subplots(1, 3, figsize=(style.PAGE, 2.7))
for way, color in (("up", style.BLUE), ("down", style.RED)):
    theory.draw(axes[0], tanh, theory.norm_squared(tanh, way), way, color, f"tanh, {way}")
decay = relu["weight_decay"].values
relu_norm = theory.norm_squared(relu, "up")
axes[0].plot(decay, relu_norm, "o", color=style.GREEN, ms=2.3, label="ReLU")
for at, color in ((ONSET_TANH, style.GREY), (ONSET_RELU, style.GREEN)):
    axes[0].axvline(at, color=color, lw=0.7, ls=":")
axes[0].set_title("(a)  one hidden layer", loc="left")
axes[0].set_xlim(0, 1.3)
axes[0].set_ylim(-0.15, 6.5)
axes[0].legend(loc="upper right")

for k, seed in enumerate(deep["seed"].values):
    sweep = deep.sel(seed=seed)
    for way, color in (("up", style.BLUE), ("down", style.RED)):
        theory.draw(axes[1], sweep, theory.norm_squared(sweep, way), way, color,
                    way if k == 0 else None, lw=1)
axes[1].set_title("(b)  two, tanh, three starts", loc="left")
axes[1].set_xlim(0, 0.65)
axes[1].set_ylim(-0.15, 6.5)
axes[1].legend(loc="upper right")


def points(b, kind):
    run = branches.isel(start=b)
    chosen = run["special_kind"].values == kind
    return run["special_weight_decay"].values[chosen], run["special_norm_squared"].values[chosen]


for b, color in ((0, style.GREEN), (1, style.ORANGE)):
    run = branches.isel(start=b, branch=0)
    x, y = run["weight_decay"].values, run["norm"].values**2
    stable = run["unstable_modes"].values <= 0
    for k in range(np.isfinite(x).sum() - 1):
        solid = stable[k] and stable[k + 1]
        axes[2].plot(x[k:k + 2], y[k:k + 2], "-" if solid else ":", color=color, lw=1.3)
    axes[2].plot([], [], color=color, label=rf"branch from $\lambda = {float(run['start']):g}$")
    axes[2].plot(*points(b, FOLD), "D", color=style.BLACK, ms=3.5, zorder=4)
    axes[2].plot(*points(b, BRANCH_POINT), "o", color=style.BLACK, mfc="white", ms=3.5, zorder=4)
up = deep.isel(seed=0)
axes[2].plot(up["weight_decay"].values, theory.norm_squared(up, "up"), "o", color=style.BLUE, ms=1.5,
             label="sweep up")
axes[2].set_title("(c)  its branches", loc="left")
axes[2].set_xlim(0.05, 0.62)
axes[2].set_ylim(-0.15, 6.5)
axes[2].legend(loc="upper right", fontsize=7)
axes[0].set_ylabel(r"$\Vert w\Vert^2$")
for ax in axes:
    ax.set_xlabel(r"weight decay $\lambda$")
style.save(fig, options.out)


def onset_of(x, y):
    """Where a straight line through the last two values that are alive meets 0."""
    last = np.flatnonzero(y > 1e-2)[-1]
    return float(x[last] + y[last] * (x[last] - x[last - 1]) / (y[last - 1] - y[last]))


def value(run, way, level):
    place = int(np.argmin(np.abs(run["weight_decay"].values - level)))
    return float(theory.norm_squared(run, way)[..., place])


x = tanh["weight_decay"].values
jumps = theory.found(tanh, "up")
onset = min(jumps, key=lambda found: abs(found[0] - ONSET_TANH)) if jumps else (np.nan, 0)
rows = [("tanh, one hidden layer: onset (order)", f"{ONSET_TANH} (2)", f"{onset[0]:.4f} ({onset[1]})"),
        ("  |w|^2 at 1.18; (onset - 1.18)/c_12", SLOPE, value(tanh, "up", 1.18)),
        ("ReLU, one hidden layer: onset, by its last two values", ONSET_RELU,
         onset_of(decay, relu_norm))]
for k, seed in enumerate(deep["seed"].values):
    run = deep.sel(seed=seed)
    y, x = theory.norm_squared(run, "up"), run["weight_decay"].values
    drops = np.sort(np.argsort(np.diff(y))[:2])
    rows.append((f"tanh, two, start {seed}: last value before each drop", "0.20, 0.57",
                 ", ".join(f"{x[j]:.2f}" for j in drops)))
    y = theory.norm_squared(run, "down")
    rises = np.sort(np.argsort(np.diff(y))[:2])
    rows.append(("  learnt again on the way down, by the draw of the seed", "0.06-0.07, 0.18-0.21",
                 ", ".join(f"{x[j]:.2f}" for j in rises)))
run = deep.isel(seed=0)
rows += [("tanh, two: |w|^2 at 0.20, where the saddle has 4.205", 4.089112, value(run, "up", 0.2)),
         ("  |w|^2 at 0.21", 3.091729, value(run, "up", 0.21)),
         ("branch from 0.3: |w|^2 there; fold", "2.811647; 0.57074608",
          f"{value(run, 'up', 0.3):.6f}; {points(1, FOLD)[0].max():.8f}"),
         ("branch from 0.15: |w|^2 there", 4.877341, f"{value(run, 'up', 0.15):.6f}"),
         ("  loses stability at", 0.196095, f"{points(0, BRANCH_POINT)[0].max():.6f}"),
         ("  folds, unstable, at", 0.20432274, f"{points(0, FOLD)[0].max():.8f}")]
style.table(rows)
