"""Branches of two features with two hidden layers: minima, saddles, folds and Maxwell points."""

import os

import numpy as np

import style
import transitions as theory
from matplotlib import pyplot as plt

options = style.arguments(__doc__)
style.use()
branches = style.load(os.path.join(options.runs, "bifurcation"))
S = branches["target_singular_values"].values
strengths = np.sort(branches["mode_strength"].values, axis=-1)[..., ::-1]
modes = branches["mode_strength"].values
decay = branches["weight_decay"].values
stable = branches["unstable_modes"].values == 0
norm = branches["norm"].values**2
loss = branches["regularised_loss"].values
FOLD = 1
kinds = branches["special_kind"].values
folds = [(float(at), int(b), int(p)) for at, b, p, kind in
         zip(branches["special_weight_decay"].values, branches["special_branch"].values,
             branches["special_point"].values, kinds) if kind == FOLD]


def pieces(b):
    """(numbers of the points, whether stable) of a branch, each piece up to where the next begins."""
    known = np.flatnonzero(np.isfinite(decay[b]))
    edges = np.flatnonzero(np.diff(stable[b][known].astype(int))) + 1
    for k, part in enumerate(np.split(known, edges)):
        yield (np.concatenate([[part[0] - 1], part]) if k else part), stable[b][part[0]]


fig, axes = plt.subplots(1, 3, figsize=(style.PAGE, 2.7))
COLORS = (style.BLUE, style.GREEN, style.RED)
# The branch of k learnt modes, k = 2, 1, 0, by the norm where it begins.
order = np.argsort([-norm[b][np.isfinite(norm[b])].max() for b in range(len(norm))])
for b, color, count in zip(order, COLORS, (2, 1, 0)):
    for part, solid in pieces(b):
        dash, label = ("-", f"{count} learnt") if solid else ("--", None)
        for k, s in enumerate(S):
            axes[k].plot(decay[b][part], modes[b][part, k], dash, color=color, lw=1.2, label=label)
        axes[2].plot(decay[b][part], loss[b][part], dash, color=color, lw=1.2, label=label)
for at, b, p in folds:
    mode = int(np.argmin([abs(theory.spinodal(s, 3) - at) for s in S]))
    axes[mode].plot(at, modes[b, p, mode], "D", color=style.BLACK, ms=3.5, zorder=4)
    axes[2].plot(at, loss[b, p], "D", color=style.BLACK, ms=3.5, zorder=4)
for at, value in zip(branches["maxwell_weight_decay"].values,
                     branches["maxwell_regularised_loss"].values):
    axes[2].plot(at, value, "s", color=style.BLACK, mfc="white", ms=4, zorder=4)
for k, s in enumerate(S):
    axes[k].set_ylabel(rf"strength $p_{k + 1}$ of the mode $\eta_{k + 1} = {s:g}$")
    axes[k].set_ylim(-0.03, 0.95)
axes[2].set_ylabel("regularised loss")
axes[2].set_xlim(0.2, 0.45)
axes[2].set_ylim(0.45, 0.8)
for ax, text in zip(axes, "abc"):
    style.panel_label(ax, f"({text})")
    ax.set_xlabel(r"weight decay $\lambda$")
for ax in axes[:2]:
    ax.set_xlim(0, 0.5)
axes[1].plot([], [], "--", color=style.GREY, lw=1.2, label="saddle")
axes[1].plot([], [], "D", color=style.BLACK, ms=3.5, label="fold")
axes[1].legend(loc="upper right", fontsize=7)
axes[2].plot([], [], "s", color=style.BLACK, mfc="white", ms=4, label="Maxwell point")
axes[2].legend(*[x[-1:] for x in axes[2].get_legend_handles_labels()], loc="lower right")
style.save(fig, options.out)

rows = []
for s in sorted(S):
    found = min((at for at, _, _ in folds), key=lambda at: abs(at - theory.spinodal(s, 3)))
    rows.append((f"fold of {s:g}", f"{theory.spinodal(s, 3):.10f}", f"{found:.10f}"))
for s in sorted(S):
    found = min(branches["maxwell_weight_decay"].values, key=lambda at: abs(at - theory.maxwell(s, 3)))
    rows.append((f"Maxwell point of {s:g}", f"{theory.maxwell(s, 3):.10f}", f"{found:.10f}"))
worst = 0.0
for b, p in np.argwhere(np.isfinite(decay)):
    for k, s in enumerate(S):
        roots = np.append(theory.stationary(s, 3, decay[b, p]), 0.0)
        worst = max(worst, np.abs(roots - modes[b, p, k]).min() if abs(
            decay[b, p] - theory.spinodal(s, 3)) > 1e-6 else 0.0)
rows += [("largest distance of a strength from its root", 0, worst),
         ("branches; saddles among them, of index", "3; 2, 1",
          f"{len(decay)}; {sum((~stable[b][np.isfinite(decay[b])]).any() for b in range(len(decay)))}, "
          f"{branches['unstable_modes'].values.max()}"),
         ("exponent of d|w|^2/dlambda at the folds", -0.5,
          ", ".join(f"{x:.4f}" for x in branches["fold_response_exponent"].values
                    if np.isfinite(x)))]
style.table(rows)
