"""Order of the transitions: error and |w|^2 up and down, one against two hidden layers."""

import os

import numpy as np

import style
import transitions as theory
from matplotlib import pyplot as plt

options = style.arguments(__doc__)
style.use()
study = style.load(os.path.join(options.runs, "depths"))
S = study["target_singular_values"].values[0]
ARROWS = {2: (((0.40, 0.08), (0.52, 0.17)), ((0.60, 0.46), (0.48, 0.35))),
          3: (((0.16, 0.07), (0.23, 0.14)), ((0.34, 0.69), (0.24, 0.69)))}

fig, axes = plt.subplots(2, 2, figsize=(style.PAGE, 4.2), sharex="col")
for column, depth in zip(axes.T, (2, 3)):
    sweep = study.sel(depth=depth)
    for ax, name in zip(column, ("train_loss", "norm_squared")):
        for way, color in (("up", style.BLUE), ("down", style.RED)):
            values = (theory.norm_squared(sweep, way) if name == "norm_squared"
                      else sweep[name].sel(direction=way).values)
            theory.draw(ax, sweep, values, way, color, way)
        for k, s in enumerate(S):
            ax.axvline(theory.spinodal(s, depth), color=style.GREY, lw=0.7, ls=":",
                       label=("onset $s_i$" if depth == 2 else r"spinodal $\lambda_{\mathrm{sp}}$")
                       if k == 0 else None)
            if depth > 2:
                ax.axvline(theory.maxwell(s, depth), color=style.GREEN, lw=0.7, ls=(0, (6, 2)),
                           label=r"Maxwell $\lambda_{\mathrm{M}}$" if k == 0 else None)
    column[0].set_xlim(0, 1 if depth == 2 else 0.5)
    column[1].set_xlabel(r"weight decay $\lambda$")
    column[0].set_title(f"({'ab'[depth - 2]})  {'one' if depth == 2 else 'two'} hidden layer"
                        + "s" * (depth > 2), loc="left")
    column[0].set_ylim(-0.03, 0.78)
    column[1].set_ylim(bottom=-0.2)
axes[0, 0].set_ylabel("error $E$")
axes[1, 0].set_ylabel(r"$\Vert w\Vert^2$")
axes[0, 0].legend(loc="upper left")
axes[1, 1].legend(loc="center", bbox_to_anchor=(0.42, 0.38))
for ax, depth in zip(axes[0], (2, 3)):
    for tail, head in ARROWS[depth]:
        theory.arrow(ax, tail, head)
style.save(fig, options.out)

rows = []
for depth in (2, 3):
    sweep = study.sel(depth=depth)
    for way in ("up", "down"):
        expected = sorted(theory.spinodal(s, depth) if way == "up" or depth == 2
                          else theory.relearning(s, depth) for s in S)
        for want, (at, order) in zip(expected, theory.found(sweep, way)):
            rows.append((f"{depth - 1} hidden, {way}: transition (order)",
                         f"{want:.6f} ({2 if depth == 2 else 1})", f"{at:.6f} ({order})"))
    at = int(np.argmin(np.abs(sweep["weight_decay"].values - 0.299)))
    decay = float(sweep["weight_decay"][at])
    p = np.array([theory.learnt(s, depth, decay) for s in S])
    rows.append((f"{depth - 1} hidden, up: E at {decay:.3f}", 0.5 * np.sum((S - p)**2),
                 float(sweep["train_loss"].sel(direction="up")[at])))
    rows.append((f"{depth - 1} hidden, up: |w|^2 at {decay:.3f}", depth * np.sum(p**(2 / depth)),
                 theory.norm_squared(sweep, "up")[at]))
style.table(rows)
