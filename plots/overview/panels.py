"""What a panel holds, and how it is drawn. Panels are put together from numbers alone; matplotlib is
met here and on the page."""

import dataclasses

import numpy as np
from matplotlib import collections, colors, patches

import style
from overview import scales

MAP = "RdBu_r"  # of the entries of a matrix, white at 0
UNKNOWN = style.LINE_STYLES[2]  # of a line between points that are decades apart
LEAP = 3.0  # times where an axis becomes logarithmic
BELOW = "▿"  # what lies below a logarithmic axis


@dataclasses.dataclass
class Curve:
    x: np.ndarray
    y: np.ndarray
    color: object = style.BLUE
    dash: object = "-"
    width: float = 1.1
    alpha: float = 1.0
    marker: bool = False  # a point at each value
    line: bool = True
    hollow: bool = False
    gaps: bool = False  # no lines to where a logarithmic axis has no place; so it is with markers


@dataclasses.dataclass
class Band:
    x: np.ndarray
    low: np.ndarray
    high: np.ndarray
    color: object = style.BLUE


@dataclasses.dataclass
class Level:
    """A line across the panel: what theory or the target says."""
    value: float
    color: object = style.GREY
    dash: object = dataclasses.field(default_factory=lambda: style.LINE_STYLES[1])


@dataclasses.dataclass
class Mark:
    """A point that stands out, in a shape of its own."""
    x: float
    y: float
    color: object = style.BLACK
    shape: str = "o"
    hollow: bool = False


@dataclasses.dataclass
class Arrow:
    """The head of an arrow at the second of two points, away from the first."""
    tail: tuple
    head: tuple
    color: object = style.BLACK


@dataclasses.dataclass
class Key:
    """An entry of a legend; without a line or a mark it is a word between the others."""
    label: str
    color: object = None
    dash: object = "-"
    width: float = 1.3
    marker: str = ""  # "", "full", "hollow"
    line: bool = True
    shape: str = "o"


@dataclasses.dataclass
class Panel:
    title: str
    x: scales.Scale
    y: scales.Scale
    x_label: str = ""
    curves: list = dataclasses.field(default_factory=list)
    bands: list = dataclasses.field(default_factory=list)
    levels: list = dataclasses.field(default_factory=list)
    legend: list = dataclasses.field(default_factory=list)
    names: tuple = ()  # of the variables that it shows
    marks: list = dataclasses.field(default_factory=list)
    arrows: list = dataclasses.field(default_factory=list)

    @property
    def remark(self):
        if not self._below():
            return self.y.remark
        return f"{self.y.remark} ({BELOW})" if self.y.remark else f"{BELOW}: below the axis"

    def _below(self):
        """[(x, curve)] of points that a logarithmic axis does not reach down to."""
        if self.y.kind != "log" or self.y.nothing:
            return []
        found = [(np.asarray(curve.x)[np.asarray(curve.y) < self.y.low], curve)
                 for curve in self.curves if curve.marker and not curve.hollow]
        return [(x, curve) for x, curve in found if x.size]

    def draw(self, frame):
        """Draws what is within the frame, and its axes."""
        frame.set_axis("x", self.x)
        if self.y.nothing or not self._has_values():
            frame.say(self.y.nothing or "no finite value")
            return
        frame.set_axis("y", self.y)
        ax, ink = frame.ax, frame.ink
        for band in self.bands:
            good = np.isfinite(band.low) & np.isfinite(band.high) & np.isfinite(band.x)
            if good.any():
                ax.fill_between(band.x, band.low, band.high, where=good, color=band.color,
                                alpha=0.18, lw=0, zorder=1)
        for level in self.levels:
            ax.axhline(level.value, color=level.color, ls=level.dash, lw=0.8 * ink, zorder=1.5)
        self._draw_curves(ax, ink)
        for x, curve in self._below():
            ax.scatter(x, np.full(x.size, self.y.low), s=10 * ink**2, marker="v", facecolors="white",
                       edgecolors=[_rgba(curve)], linewidths=0.6 * ink, clip_on=False, zorder=4)
        self._draw_marks(ax, ink)

    def _draw_marks(self, ax, ink):
        for mark in self.marks:
            ax.scatter([mark.x], [mark.y], s=13 * ink**2, marker=mark.shape, zorder=4,
                       facecolors="white" if mark.hollow else [mark.color],
                       edgecolors=[mark.color], linewidths=0.8 * ink)
        for arrow in self.arrows:
            ax.add_patch(patches.FancyArrowPatch(
                arrow.tail, arrow.head, arrowstyle="-|>,head_length=0.5,head_width=0.25",
                mutation_scale=9 * ink, shrinkA=0, shrinkB=0, lw=0, color=arrow.color, zorder=3.5))

    def _has_values(self):
        return bool(self.levels) or any(
            np.isfinite(np.asarray(curve.y, dtype=float)).any() for curve in self.curves)

    def _draw_curves(self, ax, ink):
        pieces, hows, marks = [], [], []
        for curve in self.curves:
            x, y = np.asarray(curve.x, dtype=float), np.asarray(curve.y, dtype=float)
            if self.x.kind == "log":
                x = np.where(x > 0, x, np.nan)
            if self.y.kind == "log" and (curve.marker or curve.gaps):
                y = np.where(y >= self.y.low, y, np.nan)
            for first, last in _finite_pieces(x, y):
                alone = last - first == 1
                if curve.line and not alone:
                    points = np.column_stack([x[first:last], y[first:last]])
                    if leaps(self.x, points[:, 0]):
                        pieces.append(points[:2])
                        hows.append(dataclasses.replace(curve, dash=UNKNOWN, width=0.5 * curve.width))
                        points = points[1:]
                    pieces.append(points)
                    hows.append(curve)
                if curve.marker or (alone and not curve.gaps):
                    marks.append((x[first:last], y[first:last], curve))
        if pieces:
            ax.add_collection(collections.LineCollection(
                pieces, colors=[_rgba(how) for how in hows], capstyle="round",
                linewidths=[how.width * ink for how in hows],
                linestyles=[how.dash for how in hows], zorder=2), autolim=False)
        if marks:
            ax.scatter(np.concatenate([x for x, _, _ in marks]),
                       np.concatenate([y for _, y, _ in marks]),
                       s=(9 if len(marks) < 200 else 4) * ink**2,
                       facecolors=[c for x, _, how in marks
                                   for c in [(1, 1, 1, 1) if how.hollow else _rgba(how)] * len(x)],
                       edgecolors=[c for x, _, how in marks for c in [_rgba(how)] * len(x)],
                       linewidths=[(0.8 if how.alpha == 1 else 0) * ink for x, _, how in marks
                                   for _ in x], zorder=3)


def leaps(scale, x):
    """Whether a curve goes from 0 over decades of its axis to the next point, of which it knows
    nothing."""
    return scale.kind == "symlog" and len(x) > 2 and x[0] == 0 and x[1] > LEAP * scale.threshold


def _rgba(curve):
    return colors.to_rgba(curve.color, curve.alpha)


def _finite_pieces(x, y):
    """(first, after the last) of the stretches where both are finite."""
    good = np.concatenate([[False], np.isfinite(x) & np.isfinite(y), [False]])
    edges = np.flatnonzero(good[1:] != good[:-1])
    return list(zip(edges[::2], edges[1::2]))


@dataclasses.dataclass
class Picture:
    """A matrix as a picture; those of one group share the colours' scale."""
    title: str
    matrix: np.ndarray
    x_label: str
    limit: float  # of the colours, both ways of 0
    starts: tuple = (0, 0)  # numbers of the first row and the first column
    with_bar: bool = True
    names: tuple = ()
    group: int = 1  # pictures that belong together from this one on
    legend: list = dataclasses.field(default_factory=list)
    remark: str = ""

    def __post_init__(self):
        (rows, columns), (row, column) = self.matrix.shape, self.starts
        self.x = scales.Scale("linear", column - 0.5, column + columns - 0.5, whole=True)
        self.y = scales.Scale("linear", row - 0.5, row + rows - 0.5, whole=True)

    def draw(self, frame):
        if not np.isfinite(self.matrix).any():
            frame.say("no finite value")
            return
        frame.ax.imshow(self.matrix / self.limit, cmap=MAP, vmin=-1, vmax=1, aspect="auto",
                        interpolation="nearest",
                        extent=(self.x.low, self.x.high, self.y.high, self.y.low))
        frame.put_ticks("x", self.x)
        frame.put_ticks("y", dataclasses.replace(self.y, low=self.y.high, high=self.y.low))

    def bar_scale(self):
        return scales.Scale("linear", -self.limit, self.limit)

    def draw_bar(self, frame):
        """The scale of the colours, in a frame of its own beside the panel."""
        frame.ax.imshow(np.linspace(1, -1, 256)[:, None], cmap=MAP, aspect="auto")
        frame.put_ticks("y", self.bar_scale(), outer=True, far=True)
