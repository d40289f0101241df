"""Vectors over their own dimension, functions on a grid, and matrices as pictures."""

import numpy as np

import style
from overview import looks, names, scales
from overview.curves import MOST_ENTRIES, add_entries
from overview.drawing import (DATA_POINTS, MOST_CURVES, SNAPSHOTS, at_time, evenly, joined,
                              last_known, time_text, with_gaps)
from overview.panels import Curve, Key, Panel, Picture
from overview.reading import TIME

MOST_PICTURES = 3  # of one matrix: at so many times, or of so many runs
PROFILE_TIMES = 5  # of one run
MOST_MARKED = 40  # entries that are marked one by one


def over_time(drawing, name, time_curves, over):
    """A vector along time or along the snapshots; `over` is what was asked for on the x axis."""
    d = drawing
    along, dim = d.dims(name)
    values = d.values(name)
    if along not in (TIME, SNAPSHOTS):
        along, dim, values = dim, along, [row.T for row in values]
    if d.runs.single:
        if over == SNAPSHOTS:
            return _entries_at_snapshots(d, name, values[0], dim)
        if along == TIME and over != dim and not d.is_grid(dim):
            return time_curves.entries(name, values[0], dim)
        times = d.runs.times()[0] if along == TIME else d.coordinate(SNAPSHOTS)
        return _profiles(d, name, values[0], times, dim)
    if along == SNAPSHOTS:
        times = d.coordinate(SNAPSHOTS)
        chosen = evenly(len(times), MOST_PICTURES)
        if len(chosen) < len(times):
            d.note(f"{name}: {len(chosen)} of {len(times)} snapshots, evenly chosen")
        return [of_runs(d, name, [row[k] for row in values], dim, at_time(times[k])) for k in chosen]
    return of_runs(d, name, [last_known(row) for row in values], dim, " at the end",
                   joined(row[:1] for row in values))


def _entries_at_snapshots(d, name, values, dim):
    """A curve for each entry over the snapshots' times."""
    x = d.coordinate(SNAPSHOTS)
    panel = Panel(d.label(name), scales.of_axis(x), scales.choose(name, values, None, d.tolerances,
                                                                  d.wish),
                  d.axis_label(SNAPSHOTS), names=(name,))
    chosen = evenly(values.shape[1], MOST_ENTRIES)
    add_entries(d, panel, x, values.T[chosen], d.coordinate(dim)[chosen], dim, marker=True)
    return panel


def _profiles(d, name, values, times, dim):
    """A vector or function of one run over its own dimension, at a few times."""
    known = np.flatnonzero(np.isfinite(values).any(axis=1))
    chosen = known[evenly(known.size, PROFILE_TIMES)] if known.size else known
    x = d.coordinates(dim)[0]
    reference, points = _beside(d, name, dim)
    y = _scale(d, name, values[chosen], reference, points, values[:1])
    panel = Panel(d.label(name), scales.of_axis(x, x.dtype.kind in "iu"), y, d.axis_label(dim),
                  names=(name,))
    x_drawn, rows = with_gaps(x, [values[k] for k in chosen])
    for k, row, color in zip(chosen, rows, looks.sequence(len(chosen))):
        panel.curves.append(Curve(x_drawn, row, color, "-", 1.1, marker=x.size <= MOST_MARKED))
        panel.legend.append(Key(time_text(times[k]), color))
    _add_beside(d, panel, x, reference, points)
    return panel


def of_runs(drawing, name, rows, dim, when="", starts=None):
    """A vector of each run over its own dimension, beside it what is predicted of it; `starts` holds
    the first samples."""
    d = drawing
    xs = d.coordinates(dim)
    x = xs[0]
    reference, points = _beside(d, name, dim)
    y = _scale(d, name, rows, reference, points, starts)
    panel = Panel(d.label(name) + when, scales.of_axis(joined(xs), x.dtype.kind in "iu"), y,
                  d.axis_label(dim), names=(name,))
    if _are_same(xs):
        drawn, rows = with_gaps(x, rows)
        d.add_runs(panel, [drawn] * len(rows), rows)
    else:
        d.add_runs(panel, xs, rows, alike=False)
    if not _are_same(xs) and len(d.groups) < len(d.runs.runs):
        d.note(f"{name}: each run has its own {dim.removesuffix('_index')}, so that there is no median")
    if x.size <= MOST_MARKED:
        for curve in panel.curves:
            curve.marker, curve.gaps = curve.width > 0.5, True
    if reference is not None or points:
        _add_beside(d, panel, x, reference, points)
        return panel
    references, word = d.reference(name)
    if references is None or not _reaches(references, x.size):
        return panel
    if x.size > MOST_MARKED or len(d.groups) < len(d.runs.runs):
        d.note(f"{name}: {word} and data differ between the runs, and are not drawn; --where selects "
               "one")
    else:
        for point, members in d.groups[:MOST_CURVES]:
            panel.curves.append(Curve(x, references[members[0]][:x.size], d.looks.of(point).color,
                                      marker=True, line=False, hollow=True))
        panel.legend.append(Key(word, style.GREY, marker="hollow", line=False))
    return panel


def _scale(d, name, rows, reference, points, start=None):
    shown = list(rows) + [r for r in (reference,) if r is not None] + ([points[1]] if points else [])
    return scales.choose(name, joined(shown), start, d.tolerances, d.wish)


def _beside(d, name, dim):
    """(values of the reference on this dimension, data points) where all runs have the same."""
    name = name.removesuffix("_snapshot")
    reference, points = None, None
    references, _ = d.reference(name)
    size = d.first.size(dim)
    if not _are_same(d.coordinates(dim)):
        return None, None
    if references is not None and _reaches(references, size) and _are_same(references):
        reference = references[0][:size]
    if name in DATA_POINTS and all(p in d.shared for p in DATA_POINTS[name]):
        columns = [d.values(p) for p in DATA_POINTS[name]]
        if all(map(_are_same, columns)) and columns[0][0].shape == columns[1][0].shape:
            points = columns[0][0], columns[1][0]
    return reference, points


def _reaches(rows, size):
    """Whether there is a value for each entry; a matrix has more singular values than its factors."""
    return all(row.ndim == 1 and row.size >= size for row in rows)


def _are_same(rows):
    return all(np.array_equal(row, rows[0], equal_nan=True) for row in rows)


def _add_beside(d, panel, x, reference, points):
    if reference is not None:
        panel.curves.append(Curve(x, reference, style.BLACK, style.LINE_STYLES[1], 0.9))
        panel.legend.append(Key(d.reference(panel.names[0])[1], style.BLACK, style.LINE_STYLES[1],
                                0.9))
    if points:
        panel.curves.append(Curve(*points, style.BLACK, marker=True, line=False))
        panel.legend.append(Key("training points", style.BLACK, marker="full", line=False))


def pictures(drawing, name):
    """A matrix at a few times of one run, or of a few runs at the end."""
    d = drawing
    dims, values = d.dims(name), d.values(name)
    along = dims[0] if len(dims) == 3 else None
    if along is None:
        values = [row[None] for row in values]
    times = (None if along is None else d.coordinate(SNAPSHOTS) if along == SNAPSHOTS
             else d.runs.times()[0])
    if d.runs.single:
        known = np.flatnonzero(np.isfinite(values[0]).any(axis=(1, 2)))
        chosen = known[evenly(known.size, MOST_PICTURES)] if known.size else []
        shown = [(values[0][k], at_time(times[k]) if along else "") for k in chosen]
        shown = shown or [(np.full(values[0].shape[1:], np.nan), "")]
        if along == SNAPSHOTS and len(chosen) < known.size:
            d.note(f"{name}: {len(chosen)} of {known.size} snapshots, evenly chosen")
    else:
        shown = _of_some_runs(d, name, values, along, times)
    limit = float(np.abs(joined(m[np.isfinite(m)] for m, _ in shown)).max(initial=0.0)) or 1.0
    rows, columns = dims[-2:]
    label = f"{names.spaced(columns)} across, {names.spaced(rows)} down"
    starts = [int(d.coordinate(dim)[0]) if d.coordinate(dim).dtype.kind in "iu" else 0
              for dim in (rows, columns)]
    return [Picture(d.label(name) + text, matrix, style.plain(label), limit, starts,
                    with_bar=k == len(shown) - 1, names=(name,), group=len(shown) - k)
            for k, (matrix, text) in enumerate(shown)]


def _of_some_runs(d, name, values, along, times):
    chosen = evenly(len(d.groups), MOST_PICTURES)
    if len(chosen) < len(d.groups):
        d.note(f"{name}: {len(chosen)} of {len(d.groups)} runs, evenly chosen")
    when = "" if along is None else at_time(times[-1]) if along == SNAPSHOTS else " at the end"
    if along == SNAPSHOTS and len(times) > 1:
        d.note(f"{name}: the last of {len(times)} snapshots; --where snapshot_time=... selects")
    shown = []
    for point, members in (d.groups[k] for k in chosen):
        where = ", ".join(f"{names.axis_symbol(axis)} = {looks.value_label(value)}"
                          for axis, value in point.items())
        if len(members) > 1:
            d.note(f"{name}: of repetitions the first")
        matrix = values[members[0]][-1] if along == SNAPSHOTS else last_known(values[members[0]])
        shown.append((matrix, when + (f", {where}" if where else "")))
    return shown
