"""Numbers of runs: against an axis of the study, with what was fitted to them, and against each
other."""

import re

import numpy as np

import style
from overview import looks, names, scales
from overview.drawing import (FEWEST_FOR_BAND, MOST_BANDS, MOST_CURVES, MOST_SINGLE, evenly, joined,
                              last_known, quantiles)
from overview.panels import Band, Curve, Key, Panel
from overview.reading import FOLDER, REPETITIONS, TIME

MOST_ENTRIES = 8  # of one measured vector
MOST_LETTERS = 17  # of a word at an axis
MOST_FITS = 3  # that are written down


def default_axis(drawing):
    """What numbers are drawn against where nothing was asked; None of runs that differ in nothing."""
    runs, colored = drawing.runs, drawing.looks.color_axis
    if colored and colored != FOLDER:
        return colored
    rest = [axis for axis in runs.telling if axis != FOLDER]
    return next(iter(rest + runs.repetitions + [FOLDER] * (FOLDER in runs.axes)), None)


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


def _title(d, name):
    return d.label(name) + (" at the end" if TIME in d.runs.dims(name) else "")


def against_axis(drawing, name, axis):
    """Numbers against an axis of the study; a curve for each combination of the others."""
    d = drawing
    values, dim = _measured(d, name)
    stack = np.array([np.atleast_1d(value) for value in values])
    ends = TIME in d.runs.dims(name)
    fits = _fits(d, name, axis) if dim is None else None
    entries = [k for k in range(stack.shape[1]) if np.isfinite(stack[:, k]).any()]
    shown = [entries[k] for k in evenly(len(entries), MOST_ENTRIES)]
    x, place = _axis(d, axis)
    starts = joined(row[:1] for row in d.values(name)) if ends else None
    y = scales.choose(name, stack[:, shown], starts, d.tolerances, d.wish, measured=not ends,
                      loglike=x.kind == "log" and (bool(fits) or names.is_time(name)))
    panel = Panel(_title(d, name), x, y, d.axis_label(axis),
                  names=(name + " at the end" if ends else name,))
    _say_what_has_none(d, panel, stack)
    colors = looks.sequence(len(shown))
    for k, color in zip(shown, colors):
        _add_runs(d, panel, axis, place, stack[:, k], color if dim else None)
    if dim:
        panel.legend.append(Key(f"{d.axis_label(dim)}:"))
        panel.legend += [Key(looks.value_label(d.coordinate(dim)[k]), color)
                         for k, color in zip(shown, colors)]
        if len(shown) < len(entries):
            d.note(f"{name}: {len(shown)} of {len(entries)} entries, evenly chosen")
        _add_predicted(d, panel, name, axis, place, shown, colors)
    elif name + "_error" in d.shared and d.dims(name + "_error") == ():
        _add_error_bars(d, panel, axis, place, stack[:, 0])
    if fits:
        _add_fits(d, panel, fits, place)
    return panel


def _say_what_has_none(d, panel, stack):
    """That some runs came to no value, where others did: what they were to reach they did not."""
    without = int((~np.isfinite(stack).any(axis=1) & ~d.failed).sum())
    if 0 < without < len(stack) - d.failed.sum():
        panel.y.remark = "; ".join(filter(None, (
            panel.y.remark, f"no value in {without} of {len(stack)} runs")))


def _axis(d, axis):
    """The scale of a study's axis, and where its values stand on it."""
    values = d.runs.axes[axis]
    if not looks.are_numbers(values):
        return (scales.of_words(looks.value_labels(values, MOST_LETTERS)),
                {value: float(k) for k, value in enumerate(values)})
    numbers = np.array(values, dtype=float)
    scale = scales.of_axis(numbers, whole=axis in REPETITIONS, given=True)
    if len(values) <= looks.MOST_ENTRIES and scales.decades(numbers) < len(values) - 1:
        scale.places, scale.texts = list(numbers), looks.value_labels(values)
    return scale, dict(zip(values, numbers))


def _add_runs(d, panel, axis, place, values, color):
    others = {}
    for k, run in enumerate(d.runs.runs):
        if axis in run.point:
            key = tuple((a, run.point[a]) for a in d.runs.telling if a != axis and a in run.point)
            others.setdefault(key, {}).setdefault(run.point[axis], []).append(values[k])
    for key in [list(others)[k] for k in evenly(len(others), MOST_CURVES)]:
        by_value = others[key]
        at = sorted(by_value, key=place.get)
        x = np.array([place[v] for v in at])
        look = d.looks.of(dict(key))
        hue = color or look.color
        # Between words and between seeds there is nothing that a line could show.
        line = axis not in REPETITIONS and panel.x.kind != "words"
        most = max(map(len, by_value.values()))
        if most == 1:
            panel.curves.append(Curve(x, np.array([by_value[v][0] for v in at]), hue, look.dash, 0.8,
                                      marker=True, line=line))
            continue
        for v in at:
            chosen = d.singles(range(len(by_value[v])), 0 if len(at) > MOST_BANDS else MOST_SINGLE)
            singles = np.array(by_value[v])[chosen]
            panel.curves.append(Curve(np.full(len(singles), place[v]), singles, hue, alpha=0.35,
                                      marker=True, line=False))
        low, middle, high = np.array([quantiles(np.array(by_value[v])[:, None])[:, 0]
                                      for v in at]).T
        if most >= FEWEST_FOR_BAND and line:
            panel.bands.append(Band(x, low, high, hue))
        elif most >= FEWEST_FOR_BAND:
            for place_, *ends in zip(x, low, high):
                panel.curves.append(Curve(np.full(2, place_), np.array(ends), hue, width=1.0))
        panel.curves.append(Curve(x, middle, hue, look.dash, 1.3, marker=True, line=line))


def _add_predicted(d, panel, name, axis, place, shown, colors):
    """What is predicted of the entries of a measured vector, of the first repetition."""
    predicted, word = d.reference(name)
    if predicted is None or np.shape(predicted[0]) != np.shape(d.values(name)[0]):
        return
    for k, color in zip(shown, colors):
        found = {}
        for run, row in zip(d.runs.runs, predicted):
            if axis in run.point:
                found.setdefault(run.point[axis], row[k])
        at = sorted(found, key=place.get)
        panel.curves.append(Curve(np.array([place[v] for v in at]),
                                  np.array([found[v] for v in at]), color, style.LINE_STYLES[1],
                                  0.8))
    panel.legend.append(Key(word, style.GREY, style.LINE_STYLES[1], 0.8))


def _add_error_bars(d, panel, axis, place, values):
    errors = np.array(d.values(panel.names[0] + "_error"), dtype=float)
    for run, value, error in zip(d.runs.runs, values, errors):
        if axis in run.point and np.isfinite([value, error]).all():
            panel.curves.append(Curve(np.full(2, place[run.point[axis]]),
                                      value + error * np.array([-1, 1]), style.BLUE, width=0.7))
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
        if not against or against[1] != axis or axis not in result.axes or (
                not set(dims) <= set(result.axes)):
            return None
        numbers = [result.array(part) for part in parts]
        coordinates = [result.along_dimension(dim) for dim in dims]
        folder = {FOLDER: run.point[FOLDER] for run in d.runs.runs
                  if run.result is result and FOLDER in run.point}
        found = {}
        for index in np.ndindex(*numbers[0].shape):
            key = tuple((dim, coordinates[k][i]) for k, (dim, i) in enumerate(zip(dims, index))
                        if dim not in REPETITIONS)
            fit = [array[index] for array in numbers]
            if np.isfinite(fit).all():
                found.setdefault(key, []).append(fit)
        fits += [({**folder, **dict(key)}, *np.median(rows, axis=0), len(rows))
                 for key, rows in found.items()]
    return fits or None


def _add_fits(d, panel, fits, place):
    x = np.array(sorted(value for value in place.values() if value > 0))
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
