"""What a panel holds, and how it is drawn. Panels are put together from numbers alone; matplotlib is
met here and on the page."""

import dataclasses

import numpy as np
from matplotlib import collections, colors, lines, ticker

import style
from overview import scales

TICK_MARKS = {"x": ((lines.TICKUP, 0), (lines.TICKDOWN, 1)),
              "y": ((lines.TICKRIGHT, 0), (lines.TICKLEFT, 1))}


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
class Key:
    """An entry of a legend; without a line or a mark it is a word between the others."""
    label: str
    color: object = None
    dash: object = "-"
    width: float = 1.3
    marker: str = ""  # "", "full", "hollow"
    line: bool = True


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
    bar: object = None  # looks.Bar, if the colours in it need one

    @property
    def remark(self):
        return self.y.remark

    def draw(self, ax, ink):
        """Draws into axes that fill the panel's frame; `ink` scales lines and marks."""
        if self.y.nothing or not (self.curves or self.bands or self.levels):
            say(ax, self.y.nothing or "no finite value", ink)
            set_axis(ax, "x", self.x, ink)
            ax.set_yticks([])
            return
        set_axis(ax, "x", self.x, ink)
        set_axis(ax, "y", self.y, ink)
        for band in self.bands:
            good = np.isfinite(band.low) & np.isfinite(band.high) & np.isfinite(band.x)
            if good.any():
                ax.fill_between(band.x, band.low, band.high, where=good, color=band.color,
                                alpha=0.18, lw=0, zorder=1)
        for level in self.levels:
            ax.axhline(level.value, color=level.color, ls=level.dash, lw=0.8 * ink, zorder=1.5)
        self._draw_curves(ax, ink)

    def _draw_curves(self, ax, ink):
        pieces, hows, marks = [], [], []
        for curve in self.curves:
            x, y = np.asarray(curve.x, dtype=float), np.asarray(curve.y, dtype=float)
            if self.x.kind == "log":
                x = np.where(x > 0, x, np.nan)
            if self.y.kind == "log" and curve.marker:  # no lines to where nothing is resolved
                y = np.where(y >= self.y.low, y, np.nan)
            for first, last in _finite_pieces(x, y):
                alone = last - first == 1
                if curve.line and not alone:
                    pieces.append(np.column_stack([x[first:last], y[first:last]]))
                    hows.append(curve)
                if curve.marker or alone:
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

    def draw(self, ax, ink):
        if not np.isfinite(self.matrix).any():
            say(ax, "no finite value", ink)
            ax.set_xticks([])
            ax.set_yticks([])
            return
        ax.imshow(self.matrix, cmap="RdBu_r", vmin=-self.limit, vmax=self.limit, aspect="auto",
                  interpolation="nearest", extent=(self.x.low, self.x.high, self.y.high, self.y.low))
        for side, scale in (("x", self.x), ("y", self.y)):
            places, texts, _ = fitting_ticks(scale, _inches(ax, side), side, ink)
            _put_ticks(ax, side, places, texts)

    def draw_bar(self, ax, ink):
        """The scale of the colours, in axes of its own beside the panel."""
        ax.imshow(np.linspace(1, -1, 256)[:, None], cmap="RdBu_r", aspect="auto",
                  extent=(0, 1, -self.limit, self.limit))
        ax.set_xticks([])
        places, texts, _ = scales.Scale("linear", -self.limit, self.limit).ticks(5)
        _put_ticks(ax, "y", places, texts)
        ax.yaxis.tick_right()


def say(ax, text, ink):
    """Words where there is nothing to draw."""
    ax.text(0.5, 0.5, text, ha="center", va="center", transform=ax.transAxes, color=style.GREY,
            fontsize=style.SMALL * ink)


def set_axis(ax, side, scale, ink):
    """Scale, limits, and ticks on both sides of the frame."""
    if scale.kind == "log":
        getattr(ax, f"set_{side}scale")("log", nonpositive="clip")
    elif scale.kind == "symlog":
        # matplotlib counts the linear part in tenths of what it takes.
        getattr(ax, f"set_{side}scale")("symlog", linthresh=scale.threshold,
                                        linscale=0.9 * scales.LINEAR_DECADES)
    getattr(ax, f"set_{side}lim")(scale.low, scale.high)
    inches = _inches(ax, side)
    places, texts, others = fitting_ticks(scale, inches, side, ink)
    _put_ticks(ax, side, places, texts)
    if others:
        # One artist for each side of the frame; matplotlib's minor ticks are one each.
        transform = ax.get_xaxis_transform() if side == "x" else ax.get_yaxis_transform()
        for mark, at in TICK_MARKS[side]:
            across = np.full(len(others), at)
            ax.add_artist(lines.Line2D(*((others, across) if side == "x" else (across, others)),
                                       ls="none", marker=mark, ms=1.8 * ink, mew=0.4 * ink,
                                       color=style.BLACK, transform=transform, clip_on=False))


def _inches(ax, side):
    box, figure = ax.get_position(), ax.figure
    return (box.width * figure.get_figwidth() if side == "x" else box.height * figure.get_figheight())


def fitting_ticks(scale, inches, side, ink):
    """As many labelled ticks as have room beside each other."""
    size = style.SMALL * ink
    height = 1.5 * size / 72

    def room(text):
        return style.text_width(text, size) + 0.05 * ink if side == "x" else height

    most = max(2, int(inches / (0.3 * ink if side == "x" else 0.24 * ink)))
    for count in range(most, 1, -1):
        places, texts, others = scale.ticks(count)
        at = scale.unit(places) * inches if len(places) else []
        kept = []
        for k in range(len(places)):
            if all(abs(at[k] - at[j]) >= (room(texts[k]) + room(texts[j])) / 2 for j in kept):
                kept.append(k)
        if len(kept) == len(places) or scale.places is not None:
            break
    return [places[k] for k in kept], [texts[k] for k in kept], others


def _put_ticks(ax, side, places, texts):
    axis = ax.xaxis if side == "x" else ax.yaxis
    axis.set_major_locator(ticker.FixedLocator(places))
    axis.set_major_formatter(ticker.FixedFormatter(texts))
    axis.set_minor_locator(ticker.NullLocator())
