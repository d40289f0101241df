"""Figure 1 of arXiv 2406.12763: losses, directions and separating lines, unit balls at the margin
polytope."""

import os

import matplotlib.pyplot as plt
import numpy as np

import mirror
import style


def margin_polytope(ax, z, width):
    """{b: min_i z_i . b >= 1} on a grid that is fine enough for its corners."""
    grid = np.linspace(-width, width, 1200)
    b1, b2 = np.meshgrid(grid, grid)
    margin = np.min(z[:, 0, None, None] * b1 + z[:, 1, None, None] * b2, axis=0)
    ax.contourf(b1, b2, margin, levels=[1, np.inf], colors=["#e4e4e4"], zorder=0)
    ax.contour(b1, b2, margin, levels=[1], colors=[style.GREY], linewidths=0.8, zorder=1)


def main():
    args = style.arguments(__doc__)
    style.use()
    real = style.load(os.path.join(args.runs, "real_time"))
    settled = style.load(os.path.join(args.runs, "figure1"))
    fig, (left, middle, right) = plt.subplots(1, 3, figsize=(style.PAGE, 2.45))

    for name, run in mirror.runs(real):
        label, color, _ = mirror.NAMES[name]
        left.plot(run["time"][1:], 10.0 ** run["log10_loss"][1:], color=color, label=label)
    style.log_time_axis(left, real["time"].values)
    style.log_axis(left, r"loss $L(\beta_t)$")
    left.legend(loc="lower left")
    style.panel_label(left, "(a)")

    rows = []
    first = next(iter(mirror.runs(settled)))[1]
    mirror.draw_points(middle, first)
    reach = 1.08 * np.abs(first["input"].values).max()
    z = first["input"].values * first["label"].values[:, None]
    solutions = []
    for name, run in mirror.runs(settled):
        label, color, norm = mirror.NAMES[name]
        predicted, found = run["predicted_direction"].values, run["direction"].values[-1]
        middle.annotate("", xy=0.62 * reach * found, xytext=(0, 0),
                        arrowprops={"arrowstyle": "-|>", "color": color, "lw": 1.3,
                                    "shrinkA": 0, "shrinkB": 0}, zorder=4)
        line = 2 * reach * np.array([-found[1], found[0]])
        middle.plot([-line[0], line[0]], [-line[1], line[1]], color=color, lw=0.9,
                    ls=(0, (5, 1.5)), zorder=3)
        solution = run["maximum_margin_solution"].values
        solutions.append(solution)
        radius = run["limit_shape"].values / np.max(run["limit_shape"].values)
        angle = run["polar_angle"].values
        # phi_inf(solution): the ball that touches the polytope there.
        at = np.interp(np.arctan2(solution[1], solution[0]) % (2 * np.pi), angle, radius)
        size = np.linalg.norm(solution) / at
        mirror.closed_curve(right, size * radius, angle, color=color, label=norm)
        right.plot(*solution, "o", color=color, ms=4, zorder=3)
        rows += [(f"{name}: direction (degrees)", mirror.degrees(predicted), mirror.degrees(found)),
                 (f"{name}: angle to it (rad)", 0, float(run["angle"].values[-1])),
                 (f"{name}: log10 t when settled within 1e-3", None,
                  float(run["settled_log10_time"]))]
    middle.set_xlim(-reach, reach)
    middle.set_ylim(-reach, reach)
    middle.set_xlabel("$x_1$")
    middle.set_ylabel("$x_2$")
    style.panel_label(middle, "(b)")

    width = 2.1 * max(np.abs(s).max() for s in solutions)
    margin_polytope(right, z, width)
    right.set_xlim(-0.75 * width / 2.1 * 1.5, width)
    right.set_ylim(-0.75 * width / 2.1 * 1.5, width)
    right.set_aspect("equal")
    right.set_xlabel(r"$\beta_1$")
    right.set_ylabel(r"$\beta_2$")
    right.legend(loc="upper right")
    style.panel_label(right, "(c)")

    style.save(fig, args.out)
    style.table(rows)


main()
