"""What the figures of mirror flow share: potentials' names and colours, points, directions."""

import numpy as np

import style

NAMES = {
    "squared_norm": (r"$\Vert\beta\Vert_2^2$", style.BLUE, "2-norm"),
    "cosh": (r"$\sum\cosh\beta_i$", style.RED, r"$\infty$-norm"),
    "hyperbolic_entropy": ("hyperbolic entropy", style.GREEN, "1-norm"),
}


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


def degrees(direction):
    return float(np.degrees(np.arctan2(direction[1], direction[0])))
