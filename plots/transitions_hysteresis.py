"""Hysteresis loops of one, two and three hidden layers, with their areas."""

import os

import numpy as np

import style
import transitions as theory
from matplotlib import pyplot as plt

options = style.arguments(__doc__)
style.use()
study = style.load(os.path.join(options.runs, "depths"))
loops = {2: study.sel(depth=2), 3: study.sel(depth=3),
         4: style.load(os.path.join(options.runs, "depth_4"))}
S = study["target_singular_values"].values[0]

fig, axes = plt.subplots(1, 3, figsize=(style.PAGE, 2.5))
rows = []
for ax, (depth, sweep) in zip(axes, loops.items()):
    decay = sweep["weight_decay"].values
    lines = []
    for way, color in (("up", style.BLUE), ("down", style.RED)):
        values = theory.norm_squared(sweep, way)
        lines.append(theory.upright(decay, values, theory.found(sweep, way)))
        theory.draw(ax, sweep, values, way, color, way)
    (x_up, up), (x_down, down) = lines
    area = float(sweep["hysteresis_area"])
    ax.fill(np.concatenate([x_up, x_down[::-1]]), np.concatenate([up, down[::-1]]),
            color=style.SKY, alpha=0.25, lw=0)
    ax.set_title(f"({'abc'[depth - 2]})  $L = {depth}$, area {abs(area):.5f}", loc="left")
    ax.set_xlabel(r"weight decay $\lambda$")
    ax.set_xlim(0, 1 if depth == 2 else 0.5 if depth == 3 else 0.36)
    ax.set_ylim(bottom=-0.2)
    rows += [(f"L = {depth}: area of the loop", theory.loop_area(S, depth), area),
             (f"L = {depth}: losses shed in the jumps", theory.loop_area(S, depth),
              float(sweep["dissipated_loss"]))]
    rows += [(f"L = {depth}: end of mode {k} on the way up",
              theory.spinodal(s, depth), at) for (k, s), (at, _) in
             zip([(2, S[1]), (1, S[0])], theory.found(sweep, "up"))]
    rows += [(f"L = {depth}: mode {k} learnt on the way down",
              theory.spinodal(s, 2) if depth == 2 else theory.relearning(s, depth), at)
             for (k, s), (at, _) in zip([(2, S[1]), (1, S[0])], theory.found(sweep, "down"))]
axes[0].set_ylabel(r"$\Vert w\Vert^2$")
axes[0].legend(loc="upper right")
style.save(fig, options.out)
style.table(rows)
