"""A frame on the page with its axes: ticks on all sides, the numbers at them, and words within.
matplotlib's own axes are switched off: they take most of the time of a picture."""

import dataclasses

import numpy as np
from matplotlib import lines

import style
from overview import lettering, scales

LONG, SHORT = 3.2, 1.8  # points of labelled and of unlabelled ticks
PAD = 0.035  # inches from the frame to the numbers
MARKS = {"x": ((lines.TICKUP, 0), (lines.TICKDOWN, 1)),
         "y": ((lines.TICKRIGHT, 0), (lines.TICKLEFT, 1))}
SLANT = 25  # degrees of words that have no room side by side
CAP = 0.33  # half of a number's height, in letter sizes


@dataclasses.dataclass
class Frame:
    """Place and size in inches on the figure; `ink` scales letters, lines and marks."""
    figure: object
    left: float
    bottom: float
    width: float
    height: float
    ink: float
    name: str = ""  # by which its numbers are known in an SVG

    def __post_init__(self):
        across, up = self.figure.get_size_inches()
        self.ax = self.figure.add_axes((self.left / across, self.bottom / up, self.width / across,
                                        self.height / up))
        self.ax.xaxis.set_visible(False)
        self.ax.yaxis.set_visible(False)
        for spine in self.ax.spines.values():
            spine.set_linewidth(0.6 * self.ink)

    @property
    def size(self):
        """Points of the numbers."""
        return style.SMALL * self.ink

    def say(self, text):
        """Words where there is nothing to draw."""
        self.ax.text(0.5, 0.5, text, ha="center", va="center", transform=self.ax.transAxes,
                     color=style.GREY, fontsize=self.size)

    def set_axis(self, side, scale):
        """Scale, limits, ticks and numbers of an axis, "x" or "y"."""
        if scale.kind == "log":
            getattr(self.ax, f"set_{side}scale")("log", nonpositive="clip")
        elif scale.kind == "symlog":
            # matplotlib counts the linear part in tenths of what it takes.
            getattr(self.ax, f"set_{side}scale")("symlog", linthresh=scale.threshold,
                                                 linscale=0.9 * scales.LINEAR_DECADES)
        getattr(self.ax, f"set_{side}lim")(scale.low, scale.high)
        self.put_ticks(side, scale)

    def put_ticks(self, side, scale, outer=False, far=False):
        """Ticks and their numbers; `outer` ones at one side only, and `far` at the right."""
        length = self.width if side == "x" else self.height
        places, texts, others = fitting_ticks(scale, length, side, self.ink)
        at = scale.unit(places) if len(places) else np.array([])
        for mark, edge in MARKS[side][int(far):1 + int(far)] if outer else MARKS[side]:
            named = f"{self.name}-{side}ticks" if edge == int(far) else None
            self._mark(side, at, edge, mark, LONG, named)
            if len(others):
                self._mark(side, scale.unit(others), edge, mark, SHORT)
        slanted = side == "x" and scale.kind == "words" and words_slant(scale, length, self.ink)
        for k, (unit, text) in enumerate(zip(at, texts)):
            self._number(side, unit, text, slanted, far, f"{self.name}-{side}number{k}")

    def _mark(self, side, at, edge, mark, length, name=None):
        at, edge = np.asarray(at), np.full(len(at), edge)
        self.ax.add_artist(lines.Line2D(
            *((at, edge) if side == "x" else (edge, at)), ls="none", marker=mark,
            ms=length * self.ink, mew=(0.6 if length == LONG else 0.4) * self.ink,
            color=style.BLACK, transform=self.ax.transAxes, clip_on=False, gid=name))

    def _number(self, side, unit, text, slanted, far, name):
        pad, half = PAD * self.ink, CAP * self.size / 72
        if side == "y":
            x = self.left + self.width + pad if far else self.left - pad
            lettering.put(self.figure, x, self.bottom + unit * self.height - half, text, self.size,
                          "left" if far else "right", name)
        elif slanted:
            across, up = self.figure.get_size_inches()
            self.figure.text((self.left + unit * self.width) / across,
                             (self.bottom - 2 * pad) / up, text, fontsize=self.size, ha="right",
                             va="top", rotation=SLANT, rotation_mode="anchor", gid=name)
        else:
            lettering.put(self.figure, self.left + unit * self.width,
                          self.bottom - pad - 2.2 * half, text, self.size, "center", name)


def words_slant(scale, inches, ink):
    """Whether the words have no room side by side."""
    widths = [lettering.width(text, style.SMALL * ink) for text in scale.texts]
    return max(widths, default=0) > inches / max(1, len(widths)) - 0.06 * ink


def _is_innermost(places, k):
    """Whether this is, beside a 0 among the places, the nearest one to it on its side."""
    return 0.0 in places and places[k] != 0 and not any(
        0 < place / places[k] < 1 for place in places)


def fitting_ticks(scale, inches, side, ink):
    """As many labelled ticks as have room beside each other: (places, texts, unlabelled places)."""
    size = style.SMALL * ink

    def room(text):
        return lettering.width(text, size) + 0.06 * ink if side == "x" else 1.5 * size / 72

    if scale.kind == "words":
        return scale.ticks(0)
    most = max(2, int(inches / (0.3 * ink if side == "x" else 0.24 * ink)))
    for count in range(most, 1, -1):
        places, texts, others = scale.ticks(count)
        at = scale.unit(places) * inches if len(places) else []
        kept = []
        for k in range(len(places)):
            if all(abs(at[k] - at[j]) >= (room(texts[k]) + room(texts[j])) / 2 for j in kept):
                kept.append(k)
        if scale.places is not None or all(k in kept or _is_innermost(places, k)
                                           for k in range(len(places))):
            break
    return [places[k] for k in kept], [texts[k] for k in kept], others
