"""What the scripts of the grokking figures share."""

import csv
import os

import numpy as np

import style

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "examples", "grokking", "data")


def published(figure):
    """The published curves as {series: (t, value)}, read off the paper's vector graphics."""
    curves = {}
    with open(os.path.join(DATA, f"grokking_figure{figure}_curves.csv")) as file:
        for row in csv.DictReader(file):
            curves.setdefault(row["series"], []).append((float(row["t"]), float(row["value"])))
    return {name: tuple(np.array(points).T) for name, points in curves.items()}


def at(t, values, time):
    """The value at a time, interpolated in log t."""
    good = t > 0
    return float(np.interp(np.log(time), np.log(t[good]), values[good]))


def half_time(t, error, start):
    """When the error first is below half of what it was at the time `start`, on its plateau."""
    plateau = at(t, error, start)
    below = np.flatnonzero((t > start) & (error < plateau / 2))
    if below.size == 0:
        return np.nan
    k = below[0]
    x = np.interp(-np.log(plateau / 2), -np.log(error[k - 1:k + 1]), np.log(t[k - 1:k + 1]))
    return float(np.exp(x))


def decay_defect(run, weight_decay, until):
    """How far an invariant is from decaying as exp(-2 lambda t), relative to its largest entry."""
    values = run["invariant"].values.reshape(run.sizes["time"], -1)
    t = run["time"].values
    t, values = t[t <= until], values[t <= until]
    still = values * np.exp(2 * weight_decay * t)[:, None]
    return float(np.abs(still - values[0]).max() / np.abs(values[0]).max())


def points(ax, curve, color, times):
    """Published values within these times: open circles, whole ones also on the frame."""
    t, values = curve
    shown = (t >= 0.999 * times[times > 0].min()) & (t <= 1.001 * times.max())
    ax.plot(t[shown], values[shown], "o", mfc="white", mec=color, mew=0.8, ms=3.2, zorder=3,
            clip_on=False)


def shared_time(upper, lower):
    """Two panels over one time axis: numbers and label below the lower one alone."""
    upper.tick_params(labelbottom=False)
    upper.set_xlabel("")


def key(handles):
    """Handles of a legend from (label, style) pairs."""
    return [style.plt.Line2D([], [], label=label, **how) for label, how in handles]


def losses_legend(ax):
    """The legend of a panel with losses, the published ones, those without decay, and draws."""
    ax.legend(handles=key([
        ("train", {"color": style.BLUE}), ("test", {"color": style.RED}),
        (r"$\lambda = 0$", {"color": style.GREY, "ls": ":", "lw": 1}),
        ("published", {"color": style.GREY, "ls": "", "marker": "o", "mfc": "white", "ms": 3.2}),
        ("80 % of draws", {"color": style.GREY, "lw": 5, "alpha": 0.3}),
    ]), ncol=3, loc="upper right", columnspacing=1.0, handlelength=1.3, fontsize=7.5)


def prediction(ax, run, k):
    """The network at snapshot k, the teacher and the training points, as three artists."""
    x = run["grid_point"].values
    teacher, = ax.plot(x, run["teacher_on_grid"], color=style.BLACK, lw=0.8, ls="--")
    curve, = ax.plot(x, run["prediction"][k], color=style.RED, lw=1.2)
    dots, = ax.plot(run["point"], run["target"], "o", color=style.BLUE, ms=3.5, zorder=3)
    return curve, teacher, dots
