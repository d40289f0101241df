"""The scalar curvature of the graph of the error along sweeps, one against two hidden layers."""

import os

import numpy as np

import style
import transitions as theory
from matplotlib import pyplot as plt

options = style.arguments(__doc__)
style.use()
study = style.load(os.path.join(options.runs, "curvature")).sel(direction="up")
decay = study["weight_decay"].values
S = study["target_singular_values"].values[0]
WIDTH = 4
# By an independent script, two hidden layers.
REFERENCE = ((0.01, 67.807), (0.349, 2.1235), (0.352, -0.1494), (0.409, -1.8617), (0.412, 0.0))

fig, axes = plt.subplots(1, 3, figsize=(style.PAGE, 2.6))
for ax, depth, color in zip(axes, (2, 3), (style.RED, style.BLUE)):
    sweep = study.sel(depth=depth)
    theory.draw(ax, sweep, sweep["scalar_curvature"].values, "up", color)
    ax.set_title(f"({'ab'[depth - 2]})  {'one hidden layer' if depth == 2 else 'two hidden layers'}",
                 loc="left")
    ax.set_xlim(0, 1 if depth == 2 else 0.5)
axes[0].axhline(-2 * WIDTH * np.sum(S**2), color=style.BLACK, lw=0.8, ls="--",
                label=r"$-2h\sum_i s_i^2$")
axes[0].legend(loc="upper right")
sweep = study.sel(depth=3)
theory.draw(axes[2], sweep, sweep["scalar_curvature"].values, "up", style.BLUE)
axes[2].set_title("(c)  two, at the transitions", loc="left")
axes[2].set_xlim(0.33, 0.43)
axes[2].set_ylim(-2.6, 5)
for ax in axes[1:]:
    for k, s in enumerate(S):
        ax.axvline(theory.spinodal(s, 3), color=style.GREY, lw=0.7, ls=":",
                   label=r"$\lambda_{\mathrm{sp}}$" if k == 0 else None)
    ax.plot(*np.array(REFERENCE).T, "o", ms=3.5, color=style.BLACK, mfc="white", zorder=4,
            label="independent script")
axes[2].axhline(0, color=style.GREY, lw=0.5)
axes[1].legend(loc="upper right")
axes[0].set_ylabel("scalar curvature $R$")
for ax in axes:
    ax.set_xlabel(r"weight decay $\lambda$")
style.save(fig, options.out)


def at(depth, level):
    place = int(np.argmin(np.abs(decay - level)))
    return float(study.sel(depth=depth)["scalar_curvature"][place])


rows = [(f"L = 3: R at {level:g}", value, at(3, level)) for level, value in REFERENCE]
for depth, expected in ((3, "not 0"), (2, 0)):
    sweep = study.sel(depth=depth)
    jumps = sweep["transition_scalar_curvature_jump"].values  # of one way, in its sense
    rows += [(f"L = {depth}: jump of R at {where:.6f}", expected, float(jump))
             for (where, _), jump in zip(theory.found(sweep, "up"), jumps)]
rows.append(("L = 2: R at w = 0", -2 * WIDTH * np.sum(S**2), at(2, 0.95)))
style.table(rows)
