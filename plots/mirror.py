"""What the figures of mirror flow share: potentials' names and colours, points, directions."""

import numpy as np
from matplotlib import patches

import style

NAMES = {
    "squared_norm": (r"$\Vert\beta\Vert_2^2$", style.BLUE, "2-norm"),
    "cosh": (r"$\sum\cosh\beta_i$", style.RED, r"$\infty$-norm"),
    "hyperbolic_entropy": ("hyperbolic entropy", style.GREEN, "1-norm"),
}
SETTLED = r"settled: $10^{-3}$ rad"  # what a line at that angle says


def runs(dataset):
    """(name, dataset of one run) for each potential of a study, without the padding of shorter runs."""
    for name in dataset["potential"].values:
        run = dataset.sel(potential=name)
        if "sample" in run.dims:
            run = run.isel(sample=np.isfinite(run["time"].values))
        yield str(name), run


def draw_points(ax, run, size=9):
    """The training points, and axes that are equal and hold them."""
    x, y = run["input"].values, run["label"].values
    for label, face in ((1, style.GREY), (-1, "white")):
        ax.scatter(*x[y == label].T, s=size, facecolor=face, edgecolor=style.GREY, linewidth=0.6,
                   zorder=2, label=f"$y={label:+d}$")
    ax.set_aspect("equal")


def closed_curve(ax, radius, angle, zorder=2, **how):
    """A curve around the origin, without an end where it begins."""
    turn = angle - angle[0] < 2 * np.pi - 1e-9
    points = np.column_stack([radius[turn] * np.cos(angle[turn]), radius[turn] * np.sin(angle[turn])])
    ax.plot([], [], **how)  # for the legend
    ax.add_patch(patches.Polygon(points, closed=True, fill=False, joinstyle="round", zorder=zorder,
                                 edgecolor=how["color"], lw=how.get("lw", 1.3),
                                 ls=how.get("ls", "-")))


def degrees(direction):
    return float(np.degrees(np.arctan2(direction[1], direction[0])))
