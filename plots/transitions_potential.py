"""The regularised loss of one mode over its strength, below, at and above Maxwell point and spinodal."""

import os

import numpy as np

import style
import transitions as theory
from matplotlib import pyplot as plt

options = style.arguments(__doc__)
style.use()
branches = style.load(os.path.join(options.runs, "potential"))
S = float(branches["target_singular_values"].values[0])
DEPTH = 3
decay, loss = branches["weight_decay"].values, branches["regularised_loss"].values
strength = branches["mode_strength"].values.squeeze(-1) if "mode" in branches["mode_strength"].dims \
    else branches["mode_strength"].values
stable = branches["unstable_modes"].values == 0
learnt = int(np.nanargmax(np.nanmax(strength, axis=1)))  # the branch with the fold
fold = float(branches["special_weight_decay"].values[branches["special_kind"].values == 1][0])
crossing = float(branches["maxwell_weight_decay"].values[0])
LEVELS = [float(np.nanmin(decay[learnt])), crossing, (crossing + fold) / 2, fold, 0.4]
WORDS = ["below both", "Maxwell point", "between", "spinodal", "above both"]


def at(level, minimum):
    """(strength, loss) of the branch's minimum or saddle, by interpolation of its points."""
    known = np.isfinite(decay[learnt]) & (strength[learnt] > 0)
    top = int(np.nanargmax(np.where(known, decay[learnt], -1)))
    places = np.flatnonzero(known)
    part = [p for p in places if (strength[learnt, p] >= strength[learnt, top]) == minimum or p == top]
    part = sorted(part, key=lambda p: decay[learnt, p])
    # Between two points p is a function of the square root of the distance from the fold.
    x = -np.sqrt(np.maximum(fold - decay[learnt][part], 0))
    return [float(np.interp(-np.sqrt(max(fold - level, 0)), x, values[learnt][part]))
            for values in (strength, loss)]


fig, ax = plt.subplots(figsize=(style.COLUMN + 1, 2.9))
p = np.linspace(0, 0.75, 1500)
rows = []
for k, (level, word) in enumerate(zip(LEVELS, WORDS)):
    color = style.SEQUENCE(k / (len(LEVELS) - 1))
    ax.plot(p, theory.potential(p, S, DEPTH, level) - S**2 / 2, color=color, lw=1.2,
            label=rf"$\lambda = {level:.4f}$, {word}")
    roots = theory.stationary(S, DEPTH, level)
    ax.plot(0, 0, "o", color=style.BLACK, ms=3.5, zorder=4, clip_on=False)
    if level > fold * (1 + 1e-9):
        continue
    for minimum in (True, False):
        if word == "spinodal" and not minimum:
            continue
        where, value = at(level, minimum)
        ax.plot(where, value - S**2 / 2, "o", color=color, mfc=color if minimum else "white", ms=4.5,
                zorder=4)
        exact = (S * (DEPTH - 2) / (2 * (DEPTH - 1)) if word == "spinodal"
                 else roots[-1] if minimum else roots[0])
        kind = "saddle node" if word == "spinodal" else "minimum" if minimum else "saddle"
        rows += [(f"{level:.4f}: strength of the {kind}", exact, where),
                 (f"{level:.4f}: its loss above p = 0",
                  theory.potential(exact, S, DEPTH, level) - S**2 / 2, value - S**2 / 2)]
ax.set_xlabel("strength $p$ of the mode, $s = 0.8$")
ax.set_ylabel("$V(p) - V(0)$")
ax.set_xlim(0, 0.75)
ax.set_ylim(-0.08, 0.22)
ax.axhline(0, color=style.GREY, lw=0.5)
ax.legend(loc="upper left", fontsize=7.5)
style.save(fig, options.out)
rows = [("Maxwell point", theory.maxwell(S, DEPTH), crossing),
        ("spinodal", theory.spinodal(S, DEPTH), fold)] + rows
style.table(rows)
