"""Numbers of runs: against an axis of the study or a key of a group, with what was fitted to them, and
against each other."""

import dataclasses
import re

import numpy as np

import style
from overview import looks, names, scales
from overview.drawing import (FEWEST_FOR_BAND, MOST_BANDS, MOST_CURVES, MOST_SINGLE, evenly, joined,
                              last_known)
from overview.panels import Band, Curve, Key, Panel
from overview.reading import FOLDER, REPETITIONS, TIME

MOST_ENTRIES = 8  # of one measured vector
MOST_LETTERS = 20  # of a word at an axis
MOST_FITS = 3  # that are written down
MOST_DRAWS = 2000  # of a design


def default_axes(drawing):
    """What numbers are drawn against where nothing was asked: an axis, or all keys of a design. None of
    runs that differ in nothing."""
    runs, colored = drawing.runs, drawing.looks.color_axis
    if runs.designs:
        return [key for key, axis in runs.keys.items() if axis == next(iter(runs.designs))]
    if colored and colored != FOLDER:
        return [colored]
    rest = [axis for axis in runs.telling if axis != FOLDER]
    return (rest + runs.repetitions + [FOLDER] * (FOLDER in runs.axes))[:1]


def worth_drawing(drawing, but):
    """Measured numbers, and times of a measured vector, that differ between the runs."""
    d = drawing
    for name in d.shared:
        if not d.is_drawable(name) or name == but or _is_error(d, name):
            continue
        dims = d.dims(name)
        vector = len(dims) == 1 and names.is_time(name) and not name.startswith("predicted")
        if dims != () and not (vector and TIME not in dims):
            continue
        values = np.array([row for row in d.values(name)])
        finite = values[np.isfinite(values)]
        # What is the same in all runs was given, or is no news.
        if finite.size and (finite != finite[0]).any():
            yield name


def _is_error(d, name):
    """Whether this is the error of another number, and drawn with it."""
    return name.endswith("_error") and name.removesuffix("_error") in d.shared


def _measured(d, name):
    """(values of each run: numbers or vectors, at the end of what runs along time; the vectors'
    dimension)."""
    dims, values = d.dims(name), d.values(name)
    if dims[:1] == (TIME,):  # of those that got there
        values = [np.full(np.shape(row)[1:], np.nan) if d.failed[k] else last_known(row)
                  for k, row in enumerate(values)]
        dims = dims[1:]
    return values, (dims[0] if dims else None)


def has_at_the_end(drawing, name):
    """Whether a measured number is what an observable ends with (`final_angle`)."""
    d = drawing
    ends, _ = _measured(d, name)
    return any(np.array_equal(np.array(d.values(other)), np.array(ends), equal_nan=True)
               for other in worth_drawing(d, "") if d.dims(other) == ())


def _title(d, name):
    return d.label(name) + (" at the end" if TIME in d.runs.dims(name) else "")


@dataclasses.dataclass
class _Abscissa:
    """What numbers stand over."""
    axis: str  # the axis of the study whose values it has
    scale: scales.Scale
    at: np.ndarray  # where each run stands; NaN of what has no value
    line: bool  # whether what lies between two neighbours has a meaning


def against_axis(drawing, name, over):
    """Numbers against an axis of the study or a key of a group; a curve, or points, for each combination
    of the other axes."""
    d = drawing
    values, dim = _measured(d, name)
    stack = np.array([np.atleast_1d(value) for value in values])
    ends = TIME in d.runs.dims(name)
    fits = _fits(d, name, over) if dim is None else None
    entries = [k for k in range(stack.shape[1]) if np.isfinite(stack[:, k]).any()]
    shown = [entries[k] for k in evenly(len(entries), MOST_ENTRIES)]
    x = _abscissa(d, over)
    starts = joined(row[:1] for row in d.values(name)) if ends else None
    first = d.first_sample_of(name)
    early = (stack >= 0) & (stack < first)
    y = scales.choose(name, np.where(early, first, stack)[:, shown], starts, d.tolerances, d.wish,
                      measured=not ends, loglike=x.scale.kind == "log" and (bool(fits) or names.is_time(name)))
    panel = Panel(_title(d, name), x.scale, y, d.axis_label(over),
                  names=(name + " at the end" if ends else name,))
    if early[:, shown].any():
        y.low = first if y.kind == "log" else y.low
        y.remark = f"below {looks.value_label(first)}: before the first sample"
    _say_what_has_none(d, panel, stack)
    colors = looks.sequence(len(shown))
    for k, color in zip(shown, colors):
        _add_runs(d, panel, x, stack[:, k], color if dim else None)
    if dim:
        panel.legend.append(Key(f"{d.axis_label(dim)}:"))
        panel.legend += [Key(looks.value_label(d.coordinate(dim)[k]), color, line=x.line,
                             marker="" if x.line else "full") for k, color in zip(shown, colors)]
        if len(shown) < len(entries):
            d.note(f"{name}: {len(shown)} of {len(entries)} entries, evenly chosen")
        _add_predicted(d, panel, name, x, shown, colors)
    elif name + "_error" in d.shared and d.dims(name + "_error") == ():
        _add_error_bars(d, panel, x, stack[:, 0])
    if fits:
        _add_fits(d, panel, fits, x)
    return panel


def _say_what_has_none(d, panel, stack):
    """That some runs came to no value, where others did: what they were to reach they did not."""
    without = int((~np.isfinite(stack).any(axis=1) & ~d.failed).sum())
    if 0 < without < len(stack) - d.failed.sum():
        panel.y.remark = "; ".join(filter(None, (
            panel.y.remark, f"no value in {without} of {len(stack)} runs")))


def _abscissa(d, over):
    """The scale of an axis or of a group's key, and where the runs stand on it."""
    found = [run.has(over) for run in d.runs.runs]
    values = list(dict.fromkeys(value for value in found if value is not None))
    axis = d.runs.keys.get(over, over)
    drawn = axis in d.runs.designs
    if looks.are_numbers(values):
        values = sorted(values)
        numbers = np.array(values, dtype=float)
        scale = scales.of_axis(numbers, whole=over in REPETITIONS, given=not drawn)
        if not drawn and len(values) <= looks.MOST_ENTRIES and (
                scales.decades(numbers) < len(values) - 1):
            scale.places, scale.texts = list(numbers), looks.value_labels(values)
        place = dict(zip(values, numbers))
    else:
        scale = scales.of_words(looks.value_labels(values, MOST_LETTERS))
        place = {value: float(k) for k, value in enumerate(values)}
    # Between words, between seeds and between draws there is nothing that a line could show; nor where
    # several places of a group have one value.
    line = (over not in REPETITIONS and scale.kind != "words" and not drawn
            and len(values) == len(d.runs.axes.get(axis, values)))
    return _Abscissa(axis, scale, np.array([place.get(value, np.nan) for value in found]), line)


def _add_runs(d, panel, x, values, color):
    """What `others` gathers is one curve: {where it stands, and the axis's value there: the numbers}. Of
    what has no line each place is one, with a look of its own."""
    others = {}
    for k, run in enumerate(d.runs.runs):
        if np.isfinite(x.at[k]):
            key = tuple((a, run.point[a]) for a in d.runs.telling if a in run.point
                        and (a != x.axis or not x.line))
            others.setdefault(key, {}).setdefault((x.at[k], run.point[x.axis]), []).append(values[k])
    most = MOST_DRAWS if x.axis in d.runs.designs else MOST_CURVES
    chosen = evenly(len(others), most)
    if len(chosen) < len(others):
        d.note(f"{most} of {len(others)} {'draws' if most == MOST_DRAWS else 'curves'}, evenly chosen, "
               "are drawn")
    for key in [list(others)[k] for k in chosen]:
        look = d.looks.of(dict(key))
        by_place = sorted(others[key].items(), key=lambda item: item[0][0])
        at = np.array([place for (place, _), _ in by_place])
        rows = [np.array(numbers) for _, numbers in by_place]
        _add_places(d, panel, at, rows, color or look.color, look.dash, x.line)


def _add_places(d, panel, at, rows, hue, dash, line):
    """Numbers at several places: points, of repetitions their median and band, joined by a line or not."""
    most = max(map(len, rows))
    if most == 1:
        panel.curves.append(Curve(at, np.array([row[0] for row in rows]), hue, dash, 0.8, marker=True,
                                  line=line))
        return
    for place, row in zip(at, rows):
        chosen = d.singles(range(len(row)), 0 if len(at) > MOST_BANDS else MOST_SINGLE)
        panel.curves.append(Curve(np.full(len(chosen), place), row[chosen], hue, alpha=0.35, marker=True,
                                  line=False))
    low, middle, high = np.array([d.quantiles(row[:, None])[:, 0] for row in rows]).T
    if most >= FEWEST_FOR_BAND and line:
        panel.bands.append(Band(at, low, high, hue))
    elif most >= FEWEST_FOR_BAND:
        for place, *ends in zip(at, low, high):
            panel.curves.append(Curve(np.full(2, place), np.array(ends), hue, width=1.0))
    panel.curves.append(Curve(at, middle, hue, dash, 1.3, marker=True, line=line))


def _add_predicted(d, panel, name, x, shown, colors):
    """What is predicted of the entries of a measured vector, of the first repetition."""
    predicted, word = d.reference(name)
    if predicted is None or np.shape(predicted[0]) != np.shape(d.values(name)[0]):
        return
    for k, color in zip(shown, colors):
        found = {}
        for at, row in zip(x.at, predicted):
            if np.isfinite(at):
                found.setdefault(at, row[k])
        at = sorted(found)
        panel.curves.append(Curve(np.array(at), np.array([found[place] for place in at]), color,
                                  style.LINE_STYLES[1], 0.8, marker=not x.line, line=x.line, hollow=True))
    panel.legend.append(Key(word, style.GREY, style.LINE_STYLES[1], 0.8, line=x.line,
                            marker="" if x.line else "hollow"))


def _add_error_bars(d, panel, x, values):
    errors = np.array(d.values(panel.names[0] + "_error"), dtype=float)
    for at, value, error in zip(x.at, values, errors):
        if np.isfinite([at, value, error]).all():
            panel.curves.append(Curve(np.full(2, at), value + error * np.array([-1, 1]), style.BLUE,
                                      width=0.7))
    if np.isfinite(errors).any() and panel.y.kind == "linear" and not panel.y.nothing:
        known = np.nan_to_num(errors)
        panel.y = scales.choose(panel.names[0], np.concatenate([values - known, values + known]),
                                wish="linear")


def _fits(d, name, axis):
    """[(point of what remains, exponent, error, prefactor, count)] of the power laws that the study
    fitted along this axis; repetitions by their median."""
    fits = []
    for result in d.runs.results:
        parts = [f"{name}_{what}" for what in ("exponent", "exponent_error", "prefactor")]
        if not all(part in result.data.variables for part in parts):
            return None
        against = re.search(r" against (\S+)$", result.long_name(parts[0]))
        dims = result.array_dims(parts[0])
        if not against or against[1] != axis or not set(dims) <= set(result.axes) or (
                axis not in result.axes and axis not in d.runs.keys):
            return None
        numbers = [result.array(part) for part in parts]
        shown = [result.shown[dim] for dim in dims]
        folder = {FOLDER: run.point[FOLDER] for run in d.runs.runs
                  if run.result is result and FOLDER in run.point}
        found = {}
        for index in np.ndindex(*numbers[0].shape):
            key = tuple((other, values[i]) for (other, values), i in zip(shown, index)
                        if other not in REPETITIONS)
            fit = [array[index] for array in numbers]
            if np.isfinite(fit).all():
                found.setdefault(key, []).append(fit)
        fits += [({**folder, **dict(key)}, *np.median(rows, axis=0), len(rows))
                 for key, rows in found.items()]
    return fits or None


def _add_fits(d, panel, fits, abscissa):
    x = np.unique(abscissa.at[abscissa.at > 0])
    for k, (point, exponent, error, prefactor, count) in enumerate(fits):
        look = d.looks.of(point)
        color = look.color if d.looks.color_axis in point else style.RED
        panel.curves.append(Curve(x, prefactor * x**exponent, color, look.dash, 0.8))
        if k < MOST_FITS:
            text = f"slope {with_error(exponent, error)}"
            panel.legend.append(Key(text + (f", median of {count} fits" if count > 1 else ""),
                                    color, look.dash, 0.8))


def with_error(value, error):
    """-1.0032 with its error, both to the two digits that the error has."""
    if not np.isfinite(error) or error <= 0:
        return f"{value:.4g}".replace("-", "\N{MINUS SIGN}")
    digits = int(np.clip(1 - np.floor(np.log10(error)), 0, 12))
    return f"{value:.{digits}f} \N{PLUS-MINUS SIGN} {error:.{digits}f}".replace(
        "-", "\N{MINUS SIGN}")


def against_number(drawing, name, other):
    """Numbers of the runs against another one; None where it is no number."""
    d = drawing
    values, dim = _measured(d, name)
    if dim is not None:
        return None
    x, y = np.array(d.values(other), dtype=float), np.array(values, dtype=float)
    both = np.isfinite(x) & np.isfinite(y)
    x, y = np.where(both, x, np.nan), np.where(both, y, np.nan)
    panel = Panel(_title(d, name), scales.choose(other, x, measured=True),
                  scales.choose(name, y, wish=d.wish, measured=True), d.label(other), names=(name,))
    panel.x.remark = panel.x.nothing = ""
    for point, members in d.groups:
        color = d.looks.of({a: v for a, v in point.items() if a != d.looks.dash_axis}).color
        panel.curves.append(Curve(x[members], y[members], color, marker=True, line=False))
    if d.looks.dash_axis:
        d.note(f"points of one colour differ in {d.looks.dash_axis} "
               f"({len(d.runs.axes[d.looks.dash_axis])} values); --where selects")
    return panel
