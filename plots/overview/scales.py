"""How an axis is scaled: linear, logarithmic, or logarithmic on both sides of 0 or on one with 0
itself; what is rounding; and where the axis ends."""

import dataclasses
import math

import numpy as np

import ticks
from overview import names

ROUNDING = 2.0**-52
FEWEST_LOSS_DECADES = 0.5  # that losses span on a logarithmic axis
FEWEST_DECADES = 1.5  # that other quantities do
MOST_DECADES = 16  # beside 0
MOST_EIGENVALUE_DECADES = 8  # on each side of 0
ALL_DECADES = 700  # that a number can have
LARGEST_LOGARITHM = 1e5  # of a time or a loss; larger ones are on logarithms once more
LEAST_RANGE = 0.1  # of a linear axis, relative to the values: a conserved quantity is a flat line
FLAT = 0.01  # a relative range below this is said in words
FEWEST_AXIS_DECADES = 1.2  # of a coordinate
SHORT = 0.1  # a run that ends before this part of the longest would be squeezed on a linear axis
LARGEST = 1e300  # beyond it no axis can be laid out; such values count as infinite
LEAST = 1e-290  # no logarithmic axis reaches below
OUTLYING = 1e3  # how far a failed run may stretch the axis of the others


@dataclasses.dataclass
class Scale:
    """An axis from `low` to `high`; `threshold` is where a symmetric logarithm turns linear."""
    kind: str  # linear, log, symlog, words
    low: float
    high: float
    threshold: float = 0.0
    floor: float = 0.0  # what is below is within the tolerances of the run
    remark: str = ""  # what has to be said of it
    nothing: str = ""  # why there is nothing to see, where that is so
    places: list = None  # ticks that are given
    texts: list = None
    whole: bool = False  # whole numbers only

    def ticks(self, most):
        """(labelled places, their texts, unlabelled places), at most so many labelled ones."""
        if self.kind == "log":
            found = ticks.logarithmic(self.low, self.high, most)
        elif self.kind == "symlog":
            found = ticks.symmetric(self.low, self.high, self.threshold, most)
        else:
            found = None, None, []
        if self.places is not None:
            return self.places, self.texts, found[2]
        if found[0] is not None:
            return found
        places, texts = ticks.linear(min(self.low, self.high), max(self.low, self.high), most)
        if self.whole:
            places = [p for p in places if abs(p - round(p)) < 1e-9]
            texts = ticks.linear_texts(places, 1.0)
        return places, texts, []

    def unit(self, values):
        """Where values are on the axis, its ends at 0 and 1."""
        values = np.asarray(values, dtype=float)
        low, high = self._forward(np.array([self.low, self.high]))
        return (self._forward(values) - low) / ((high - low) or 1.0)

    def _forward(self, values):
        if self.kind == "log":
            with np.errstate(divide="ignore", invalid="ignore"):
                return np.log10(values)
        if self.kind == "symlog":
            return np.sign(values) * np.where(
                np.abs(values) <= self.threshold, np.abs(values) / self.threshold * LINEAR_DECADES,
                LINEAR_DECADES + np.log10(np.maximum(np.abs(values), self.threshold)
                                          / self.threshold))
        return values


LINEAR_DECADES = 0.6  # what the linear part of a symmetric logarithm takes on each side of 0


def decades(values):
    """That the positive ones span."""
    positive = values[values > 0]
    return math.log10(positive.max()) - math.log10(positive.min()) if positive.size else 0.0


def floor_of(name, values, start, tolerances, measured):
    """Below it values are rounding, or within the tolerances that the run was given; 0 where there
    is no such bound. `start` holds the first samples, which are given and not integrated."""
    # The start where it is known: not what a run has grown to that diverged.
    largest = np.abs(start if start.any() else values).max(initial=0.0)
    if largest == 0 or names.is_time(name) or names.is_logarithm(name):
        return 0.0
    if names.is_eigenvalue(name):
        return 1e2 * ROUNDING * largest
    relative, absolute = tolerances or (1e2 * ROUNDING, 1e2 * ROUNDING)
    if names.is_defect(name):
        # What decays from a start is the difference of terms of its size.
        return max(absolute, relative * largest) if start.any() else absolute
    if measured:
        return 0.0
    if names.is_difference(name):
        if tolerances is None:
            return relative * largest
        # Beside a saddle it is small at the start, and what cancels is of the size that it grows to.
        return max(absolute, relative * np.abs(values).max())
    if names.is_loss(name):
        return relative**2 * largest
    if tolerances is None:
        return 0.0
    floor = min(absolute, relative * largest)
    # A start far below the tolerances is as given: a mode that grows out of 1e-12 is a line.
    given = np.abs(start[start != 0])
    return min(floor, 1e-2 * given.min()) if given.size else floor


def choose(name, values, start=None, tolerances=None, wish=None, failed=None, loglike=False,
           measured=False):
    """The scale of one quantity. `values` are all that are drawn, of good runs; `failed` those of
    runs that failed, which may leave the frame; `wish` is "log", "linear" or None; `loglike` ones
    are logarithmic already over half a decade; `measured` numbers are resolved whatever their size.
    """
    values = _finite(values)
    outside = _finite(failed) if failed is not None else np.array([])
    values = values if values.size else outside
    if values.size == 0:
        return Scale("linear", 0.0, 1.0)
    within = np.abs(outside) / OUTLYING <= np.abs(values).max()
    left = not within.all()
    values = np.concatenate([values, outside[within]])
    if names.is_accuracy(name) and values.min() >= 0 and values.max() <= 1 and wish != "log":
        return Scale("linear", -0.03, 1.03)
    start = _finite(start) if start is not None else np.array([])
    floor = floor_of(name, values, start, tolerances, measured)
    scale = _scale(name, values, floor, wish, loglike)
    if left:
        scale.remark = _and(scale.remark, "failed runs leave the frame")
    return scale


def _finite(values):
    values = np.asarray(values, dtype=float).ravel()
    return values[np.abs(values) <= LARGEST]


def _and(remark, other):
    return f"{remark}; {other}" if remark else other


def _scale(name, values, floor, wish, loglike):
    clear = values[np.abs(values) > floor]
    if wish == "log":
        positive = values[values > 0]
        if positive.size == 0:
            return Scale("linear", 0.0, 1.0, nothing="no value above 0\nfor a logarithmic axis")
        remark = ("values of 0 and below are not on it" if (values <= 0).any() else "")
        return _log(positive, 0.0, remark)
    if wish == "linear":
        return _linear(name, values)
    if names.is_logarithm(name) and np.abs(values).max() > LARGEST_LOGARITHM:
        return _symmetric(values[values != 0], values, ALL_DECADES)
    if names.is_eigenvalue(name) and (clear < 0).any():
        return _symmetric(clear, values, MOST_EIGENVALUE_DECADES)
    if floor > 0 and clear.size == 0 and (values != 0).any():
        largest = ticks.tex(float(f"{np.abs(values).max():.1g}"))
        return Scale("linear", 0.0, 1.0,
                     nothing=f"0 as far as is resolved:\nat most {largest} throughout")
    if (clear < 0).any() or clear.size == 0:
        return _linear(name, values)
    square = names.is_loss(name) or names.is_eigenvalue(name) or loglike
    enough = FEWEST_LOSS_DECADES if square else FEWEST_DECADES
    if decades(clear) > enough:
        if (values == 0).any() and not square and not names.is_defect(name):
            # A 0 among decades that is no rounding: a count, or a quantity before it sets in.
            return _symmetric(clear, values, MOST_DECADES)
        return _log(clear, floor if (values < floor).any() else 0.0)
    return _linear(name, values)


def _log(values, floor, remark=""):
    low, high = max(float(values.min()), LEAST), float(values.max())
    if low >= high:
        low, high = low / 3, low * 3
    room = _room(low, high)
    scale = Scale("log", max(floor, low / room), high * room, floor=floor, remark=remark)
    if floor > 0:
        scale.remark = _and(remark, f"below {ticks.tex(_rounded(floor))}: not resolved")
    return scale


def _room(low, high):
    """The factor by which a logarithmic axis goes on beyond its values."""
    return 10.0**min(2.0, 0.04 * (math.log10(high) - math.log10(low)))


def _rounded(value):
    return float(f"{value:.0e}")


def _symmetric(clear, values, most):
    """Logarithmic beyond the least decade that is held, linear below."""
    least, largest = np.abs(clear).min(), np.abs(clear).max()
    if values.min() < 0:  # single values where an eigenvalue passes 0 do not stretch the axis
        least = np.quantile(np.abs(clear), 0.02)
    least = max(least, min(largest, 1.0) * 10.0**-most)
    threshold = 10.0**math.floor(math.log10(least) + 1e-9)
    grow = 10.0**0.15
    low = -max(threshold, -values.min()) * grow if values.min() < 0 else -0.15 * threshold
    high = max(threshold, values.max()) * grow if values.max() > 0 else 0.15 * threshold
    sign = r"$\pm$" if values.min() < 0 < values.max() else ""
    return Scale("symlog", low, high, threshold,
                 remark=f"linear below {sign}{ticks.tex(threshold)}" if not sign else
                 f"linear within {sign}{ticks.tex(threshold)}")


def _linear(name, values):
    low, high = float(values.min()), float(values.max())
    size = max(abs(low), abs(high))
    scale = Scale("linear", low, high, whole=bool((values == np.round(values)).all()))
    if size == 0:
        scale.low, scale.high = -1.0, 1.0
        return scale
    span = high - low
    if span < LEAST_RANGE * size:
        middle = (low + high) / 2
        scale.low, scale.high = middle - LEAST_RANGE * size, middle + LEAST_RANGE * size
        if span < FLAT * size:
            scale.remark = ("constant" if span <= 4 * ROUNDING * size else
                            f"changes by {ticks.tex(float(f'{span / size:.1g}'))} of itself")
        return scale
    scale.low, scale.high = low - 0.05 * span, high + 0.05 * span
    return scale


def of_axis(values, whole=False, given=False):
    """The scale of a coordinate: positions along a dimension, or the `given` values of a study's
    axis, which stay clear of the frame and are logarithmic where their ratios are equal."""
    values = _finite(values)
    if values.size == 0:
        return Scale("linear", 0.0, 1.0)
    low, high = float(values.min()), float(values.max())
    if low == high:
        half = abs(low) / 2 or 0.5
        return Scale("linear", low - half, high + half, places=[low], texts=[ticks.tex(low)])
    positive = np.unique(values[values > 0])
    wide = not whole and (decades(values) > FEWEST_AXIS_DECADES or given and geometric(positive))
    if low == 0 and wide:
        threshold = float(positive.min())
        return Scale("symlog", -0.3 * threshold, high * 1.3, threshold)
    if low > 0 and wide:
        room = _room(low, high)
        return Scale("log", low / room, high * room)
    room = 0.04 * (high - low)
    return Scale("linear", low - room, high + room, whole=whole or bool(
        (values == np.round(values)).all()))


def geometric(values):
    """Whether ratios are more equal than differences are; of two, whether they are a decade apart."""
    if values.size < 3:
        return values.size == 2 and bool(values[1] >= 10 * values[0] * (1 - 1e-9))
    ratios, steps = np.diff(np.log(values)), np.diff(values)
    return bool(ratios.std() / ratios.mean() < steps.std() / steps.mean())


def of_words(words):
    return Scale("words", -0.4, len(words) - 0.6, places=list(range(len(words))),
                 texts=[str(word) for word in words])


def of_time(rows, label, shown_from_zero, failed=()):
    """The scale that all panels over time share. t = 0 has a place on it where something happened
    before the first sample after it. Runs that are much shorter than others, and did not fail, keep
    their room: a linear axis turns logarithmic beyond their first tenth."""
    values = np.concatenate([_finite(row) for row in rows]) if rows else np.array([])
    positive = values[values > 0]
    if values.size == 0:
        return Scale("linear", 0.0, 1.0)
    low, high = float(values.min()), float(values.max())
    if low == high:
        half = abs(low) / 2 or 0.5
        return Scale("linear", low - half, high + half)
    equal = all(_equally_spaced(_finite(row)) for row in rows[:50])
    if r"\log_" in label or "log10" in label or equal or low < 0 or positive.size < 2:
        ends = [row.max() for k, row in enumerate(map(_finite, rows))
                if row.size and not (len(failed) and failed[k])]
        if low == 0 and ends and 0 < min(ends) < SHORT * high:
            return Scale("symlog", low, high, 10.0**math.floor(math.log10(SHORT * min(ends))))
        return Scale("linear", low, high)
    first = float(positive.min())
    if shown_from_zero and low == 0:
        return Scale("symlog", 0.0, high, first)
    if first == high:
        return Scale("linear", low, high)
    return Scale("log", first, high)


def _equally_spaced(values):
    """To rounding, but for the last, where a run may have ended early."""
    if values.size < 4:
        return True
    steps = np.diff(values)[:-1]
    return bool(np.allclose(steps, steps.mean(), rtol=1e-3, atol=0))
