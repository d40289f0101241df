"""Figure 2 of arXiv 2406.12763: sublevel sets of two potentials at growing levels, scaled to one size,
and their limit, the unit ball of the horizon function."""

import os

import matplotlib.pyplot as plt
import numpy as np

import mirror
import style


def main():
    args = style.arguments(__doc__)
    style.use()
    fig, axes = plt.subplots(1, 2, figsize=(0.8 * style.PAGE, 2.3))
    rows = []
    for ax, name, mark in zip(axes, ("cosh", "hyperbolic_entropy"), ("(a)", "(b)")):
        run = style.load(os.path.join(args.runs, "figure2_" + name))
        angle, limit = run["polar_angle"].values, run["limit_shape"].values
        shapes, levels = run["sublevel_shape"].values, run["level"].values
        for k, (level, radius) in enumerate(zip(levels, shapes)):
            mirror.closed_curve(ax, radius, angle, lw=0.9,
                                color=style.SEQUENCE(k / max(1, len(levels) - 1)),
                                label=rf"$\phi = 10^{{{int(level)}}}$" if level else r"$\phi = 1$")
        mirror.closed_curve(ax, limit, angle, zorder=3, color=style.BLACK, ls=(0, (4, 1.5)), lw=1.2,
                            label=r"$\phi_\infty = 1$")
        ax.set_xlim(-1.06, 1.06)
        ax.set_ylim(-1.06, 1.06)
        ax.set_aspect("equal")
        ax.set_xlabel(r"$\beta_1$")
        ax.set_ylabel(r"$\beta_2$")
        ax.set_title(mirror.NAMES[name][0])
        style.panel_label(ax, mark)
        rows += [(f"{name}: distance of the shape at level 10^{int(level)} to the limit", 0,
                  float(np.max(np.abs(radius - limit)))) for level, radius in zip(levels, shapes)
                 if level in (0, 16, 256)]
    axes[1].legend(loc="center left", bbox_to_anchor=(1.02, 0.5))
    style.save(fig, args.out)
    style.table(rows)


main()
