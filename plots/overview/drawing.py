"""What all panels of runs are made from: the runs with their looks, what things are called, and how
repetitions become a median and a band."""

import dataclasses

import numpy as np

import style
import ticks

from overview import looks, names
from overview.panels import Band, Curve
from overview.reading import BOOKKEEPING, TIME, Refused

SNAPSHOTS = "snapshot_time"
MOST_CURVES = 300  # of different look in a panel
MOST_SINGLE = 20  # repetitions that are drawn beside their median
FEWEST_FOR_BAND = 5  # repetitions
MOST_BANDS = 12  # of different look in a panel; where there are more, medians stand alone
QUANTILES = (0.1, 0.9)  # the band holds 80 %
LINE = 0.008  # of a panel's height: what a line covers
HIDDEN = 0.75  # a run's curve is hidden where more of its samples are covered

# What theory or the data say of an observable, entry by entry, and what that is called.
REFERENCES = {
    "direction": ("predicted_direction", "predicted"),
    "singular_values": ("target_singular_values", "of the target"),
    "mode_strength": ("target_singular_values", "of the target"),
    "effective_vector": ("teacher", "teacher"),
    "prediction": ("teacher_on_grid", "teacher"),
    "risk": ("predicted_plateau_level", "predicted plateaus"),
    "component_time": ("predicted_component_time", "predicted"),
}
# Data points that belong to a function on a grid.
DATA_POINTS = {"prediction": ("point", "target")}


@dataclasses.dataclass
class Request:
    """What was asked for."""
    variables: tuple = ()  # empty: what says most
    x: str = ""
    scale: str = ""  # "log", "linear", or as the values are


@dataclasses.dataclass
class Content:
    """What there is to draw, and what is to be said of it."""
    panels: list
    notes: list
    key: list = dataclasses.field(default_factory=list)
    bar: object = None
    asked: frozenset = frozenset()  # names that go before others where there is no room for all


class Drawing:
    """The runs on their way to panels, and the notes that gather there."""

    def __init__(self, runs, request):
        self.runs = runs
        self.wish = request.scale or None
        self.looks = looks.Looks(runs, request.x)
        self.failed = runs.status() != 0
        self.tolerances = runs.tolerances()
        self.groups = runs.groups()
        self.shared = runs.names()
        self.notes = []
        self.entries = []  # that only a colour bar tells apart: (what they are, their numbers)
        self._repetitions = None  # (drawn one by one, of so many)
        self._alone = 0  # repetitions of which the median alone is drawn
        self._without_median = False  # whether too few repetitions have a value somewhere

    # What there is.

    @property
    def first(self):
        return self.runs.results[0]

    def is_drawable(self, name):
        """Whether it came out of the runs, and is a number."""
        return (name in self.shared and self.first.is_number(name)
                and name not in self.first.sizes and not self.first.is_given(name)
                and name not in BOOKKEEPING and not name.endswith("_observed_error"))

    def dims(self, name):
        """Dimensions of each run, without those of one entry."""
        return tuple(dim for dim in self.runs.dims(name)
                     if dim in (TIME, SNAPSHOTS) or self.first.size(dim) > 1)

    def values(self, name):
        """Of each run, without dimensions of one entry."""
        kept = self.dims(name)
        drop = tuple(k for k, dim in enumerate(self.runs.dims(name)) if dim not in kept)
        return [row.squeeze(axis=drop) for row in self.runs.values(name)]

    def coordinate(self, dim):
        """Numbers along a dimension, in the order of its entries."""
        values = self.first.along_dimension(dim)
        if values.dtype.kind in "fiu" and not (values[1:] < values[:-1]).any():
            return values
        # 1, 2, ..., -2, -1 count from both ends of all eigenvalues, as many as there are parameters.
        count = self._parameters()
        if count and values.dtype.kind == "i" and (np.abs(values) <= count).all() and values.all():
            places = np.where(values < 0, values + count + 1, values)
            if (places[1:] > places[:-1]).all():
                return places
        return np.arange(values.size)

    def _parameters(self):
        """Of each run; 0 where they are not known or differ."""
        if "final_state" not in self.shared or len(self.runs.dims("final_state")) != 1:
            return 0
        rows = self.runs.values("final_state")
        counts = {int(np.isfinite(row).sum()) for row, failed in zip(rows, self.failed) if not failed}
        return counts.pop() if len(counts) == 1 else 0

    def coordinates(self, dim):
        """The same of each run: `NAME` holds the numbers of the dimension `NAME_index` where each
        run has its own."""
        own = dim.removesuffix("_index")
        if own != dim and own in self.shared and self.runs.dims(own) == (dim,):
            return self.runs.values(own)
        return [self.coordinate(dim)] * len(self.runs.runs)

    def is_grid(self, dim):
        """Whether a dimension is a line that a function is drawn over."""
        return dim not in (TIME, SNAPSHOTS) and self.coordinates(dim)[0].dtype.kind == "f"

    def reference(self, name):
        """(what theory or data say of it in each run, what that is called), or (None, "")."""
        other, word = REFERENCES.get(name.removesuffix("_snapshot"), (None, ""))
        if other not in self.shared or not self.first.is_number(other):
            return None, ""
        return self.values(other), word

    def first_sample_of(self, name):
        """The first sampled time after 0 for a time that was measured: what is earlier is a guess. 0 for
        what is no time t."""
        if not names.is_time(name) or "slow" in name or "log10" in name or self.first.along is None:
            return 0.0
        return min((float(row[1]) for row in self.runs.times() if len(row) > 1 and row[0] == 0 < row[1]),
                   default=0.0)

    def over(self, name):
        """What a variable is over, in words."""
        dims = self.first.array_dims(name)
        return f"it is over {', '.join(dims)}" if dims else "it is one number"

    # What things are called.

    def label(self, name):
        return names.label(name, self.runs.long_name(name))

    def axis_label(self, dim):
        if dim == TIME:
            return names.with_symbols(self.first.time_name())
        own = dim.removesuffix("_index")
        dim = own if own in self.shared else dim
        return self.looks.axis_label(dim)

    # Curves of runs.

    def add_runs(self, panel, xs, rows, color=None, dash=None, alike=True):
        """A curve for each run, or for repetitions their median, their band, and thin curves; in the
        run's own colour and dash where none is given. Of what is not `alike` there is no median."""
        chosen = evenly(len(self.groups), MOST_CURVES)
        if len(chosen) < len(self.groups):
            self.note(f"{MOST_CURVES} of {len(self.groups)} curves, evenly chosen, are drawn")
        first = len(panel.curves)
        for point, members in (self.groups[k] for k in chosen):
            look = self.looks.of(point)
            how = color or look.color, dash or look.dash
            if len(members) == 1:
                panel.curves.append(Curve(xs[members[0]], rows[members[0]], *how, look.width))
                continue
            if not alike:
                panel.curves += [Curve(xs[k], rows[k], *how, 0.5) for k in self.singles(members)]
                continue
            x, stack = aligned([xs[k] for k in members], [rows[k] for k in members])
            low, middle, high = self.quantiles(stack)
            panel.curves.append(Curve(x, middle, *how, 1.4))
            if len(chosen) > MOST_BANDS:
                self._alone = max(self._alone, len(members))
                continue
            for k in self.singles(members):
                panel.curves.append(Curve(xs[k], rows[k], how[0], "-", 0.35, 0.45))
            if len(members) >= FEWEST_FOR_BAND:
                panel.bands.append(Band(x, low, high, how[0]))
        if len(chosen) <= looks.MOST_ENTRIES and dash is None:
            self._uncover(panel, [curve for curve in panel.curves[first:] if curve.width > 1])

    def _uncover(self, panel, curves):
        """Dashes where a curve would hide an earlier one from end to end; where dashes tell something
        else, a word."""
        for k, curve in enumerate(curves):
            hidden = sum(hides(panel.y, curve, other) for other in curves[:k])
            if hidden and self.looks.dash_axis:
                self.note("some curves lie on one another; --where selects")
            elif hidden:
                curve.dash = style.LINE_STYLES[min(hidden, 3)]
                self.note("dashed: a curve that lies on another one")

    def quantiles(self, rows):
        """The band's lower end, the median and the band's upper end of each column of repetitions, NaN
        where fewer than half of them have a value: what is missing there, a time that was not reached,
        may be anything."""
        rows = np.where(np.isfinite(rows), rows, np.nan)
        out = np.full((3, rows.shape[1]), np.nan)
        count = np.isfinite(rows).sum(axis=0)
        known = 2 * count >= np.maximum(len(rows), 1)
        self._without_median |= bool((~known & (count > 0)).any())
        if known.any():
            some = rows[:, known]
            take = np.quantile if np.isfinite(some).all() else np.nanquantile
            out[:, known] = take(some, [QUANTILES[0], 0.5, QUANTILES[1]], axis=0)
        return out

    def singles(self, members, most=MOST_SINGLE):
        """The repetitions that are drawn beside their median."""
        chosen = [members[k] for k in evenly(len(members), most)] if most else []
        shown, count = self._repetitions or (0, 0)
        self._repetitions = (max(shown, len(chosen)), max(count, len(members)))
        return chosen

    # What is to be said.

    def note(self, text):
        if text not in self.notes:
            self.notes.append(text)

    def guard(self, names, make):
        """What `make` returns; where it fails nothing, and a note: the rest is drawn all the same."""
        try:
            return make()
        except Refused:
            raise
        except Exception as problem:
            self.note(f"!{', '.join(names)}: cannot be drawn: {problem}")
            return None

    def note_what_lines_are(self):
        """What lines are of repetitions, what no look tells apart, what only some results have."""
        if self._alone:
            self.note(f"lines over time: medians of {self._alone} repetitions; --where selects few to "
                      "see their spread")
        if self._repetitions:
            shown, count = self._repetitions
            band = f", band: 80 % of {count} repetitions" if count >= FEWEST_FOR_BAND else ""
            which = f"; thin: {shown} of them" if shown < count else "; thin: each of them"
            self.note(f"thick: median{band}{which if shown else ''}")
        if self._without_median:
            self.note("no median where fewer than half of the repetitions have a value")
        if self.looks.alike and self.looks.used:
            self.note("curves of one look differ in " + " and ".join(
                f"{axis} ({len(self.runs.axes[axis])} values)" for axis in self.looks.alike)
                + "; --where selects")
        missing = self.runs.missing()
        if missing:
            self.note("not in all folders with the same sizes, and not drawn: " + ", ".join(missing))


def joined(rows):
    rows = [np.asarray(row, dtype=float).ravel() for row in rows]
    return np.concatenate(rows) if rows else np.array([])


def evenly(count, most):
    """At most so many of `count` numbers, first and last among them."""
    if count == 0:
        return []
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))


def last_known(row):
    """The last entry along the first dimension that holds a finite value; NaN without one."""
    known = np.flatnonzero(np.isfinite(row).reshape(len(row), -1).any(axis=1)) if len(row) else []
    return row[known[-1]] if len(known) else np.full(np.shape(row)[1:], np.nan)


def hides(y, curve, other):
    """Whether a curve lies on another nearly all the way within the frame."""
    at, under = y.unit(curve.y), y.unit(other.y)
    if not np.array_equal(curve.x, other.x, equal_nan=True):
        good = np.isfinite(other.x) & np.isfinite(under)
        if good.sum() < 2 or (np.diff(other.x[good]) <= 0).any():
            return False
        under = np.interp(curve.x, other.x[good], under[good], left=np.nan, right=np.nan)
    # Where the other one has nothing, nothing is hidden.
    within = (at > 0) & (at < 1) & (np.isnan(under) | (under > 0) & (under < 1))
    return bool(within.any() and (np.abs(at[within] - under[within]) < LINE).mean() > HIDDEN)


def aligned(xs, rows):
    """(x, rows) of repetitions; those with times of their own are interpolated to the times of the
    longest."""
    xs = [np.asarray(x, dtype=float) for x in xs]
    ends = [x[np.isfinite(x)].max(initial=-np.inf) for x in xs]
    x = xs[int(np.argmax(ends))]
    stack = []
    for own, row in zip(xs, rows):
        if not np.array_equal(own, x, equal_nan=True):
            good = np.isfinite(own) & np.isfinite(row)
            row = (np.interp(x, own[good], row[good], left=np.nan, right=np.nan) if good.sum() > 1
                   else np.full(x.shape, np.nan))
        stack.append(row)
    return x, np.array(stack)


def with_gaps(x, rows):
    """Both with a gap where whole numbers leave some out: no line goes over them."""
    if x.dtype.kind not in "iu" or not (np.diff(x) > 1).any():
        return x, rows
    behind = np.flatnonzero(np.diff(x) > 1) + 1
    return (np.insert(x.astype(float), behind, np.nan),
            [np.insert(np.asarray(row, dtype=float), behind, np.nan) for row in rows])


def at_time(t):
    """ at t = 9.77, to follow a label."""
    return f" at {time_text(t)}"


def time_text(t):
    return f"$t = {ticks.tex(float(f'{float(t):.3g}')).strip('$')}$"
