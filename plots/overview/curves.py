"""Observables over time, or over another observable: a curve for each run, or for each entry of a
vector."""

import numpy as np

import style
from overview import looks, names, scales
from overview.drawing import LINE, evenly, joined
from overview.panels import Curve, Key, Level, Panel, leaps

MOST_ENTRIES = 200  # of one vector
MOST_LEVELS = 6
COVERED = 0.2  # a curve is hidden where more of its samples are covered


class OverTime:
    """Panels that share their x axis, which is known only when all of them are."""

    def __init__(self, drawing, x=""):
        self.drawing, self.x = drawing, x
        self.panels = []
        self.starts_matter = False
        self.rows = (drawing.values(x) if x else drawing.runs.times()) if (
            x or drawing.first.along is not None) else []

    def scalars(self, group):
        """Scalar observables that share a panel."""
        d = self.drawing
        rows = {name: d.values(name) for name in group}
        good = np.flatnonzero(~d.failed) if not d.failed.all() else np.arange(len(self.rows))
        bad = np.setdiff1d(np.arange(len(self.rows)), good)
        y = scales.choose(group[0], joined(rows[name][k] for name in group for k in good),
                          joined(rows[name][k][:1] for name in group for k in good), d.tolerances,
                          d.wish, joined(rows[name][k] for name in group for k in bad))
        panel = Panel(group_title(d, group), None, y, names=tuple(group))
        if len(group) == 1:
            d.add_runs(panel, self.rows, rows[group[0]])
        elif d.runs.single:
            self._add_group(panel, {name: rows[name][0] for name in group})
        else:
            for name in group:
                dash = style.LINE_STYLES[2 if name.startswith("train") else 0]
                panel.legend.append(Key(style.plain(names.spaced(name)), style.BLACK, dash))
                d.add_runs(panel, self.rows, rows[name], None, dash)
        if d.runs.single:
            self._add_levels(panel, group[0])
        self._see_starts([row for name in group for row in rows[name]], y)
        self.panels.append(panel)
        return panel

    def _add_group(self, panel, rows):
        """Observables of one run. A curve that another would hide is seen: equal ones are one curve
        with all their names, and of what runs close to an earlier one only dashes cover it."""
        drawn = []  # (names, values)
        for name, row in rows.items():
            same = next((found for found, other in drawn if _are_equal(row, other)), None)
            if same is None:
                drawn.append(([name], row))
            else:
                same.append(name)
        at = [panel.y.unit(row) for _, row in drawn]
        for k, (found, row) in enumerate(drawn):
            hidden = sum(_runs_along(at[k], other) for other in at[:k])
            color, dash = style.COLORS[k % len(style.COLORS)], style.LINE_STYLES[min(hidden, 3)]
            panel.legend.append(Key(style.plain(" = ".join(map(names.spaced, found))), color, dash))
            self.drawing.add_runs(panel, self.rows, [row], color, dash)

    def _add_levels(self, panel, name):
        values, word = self.drawing.reference(name)
        if values is None:
            return
        levels = np.unique(values[0][np.isfinite(values[0])])
        levels = levels[levels > 1e-3 * levels.max(initial=0)]
        if 0 < levels.size <= MOST_LEVELS:
            panel.levels += [Level(level, style.GREY, style.LINE_STYLES[2]) for level in levels]
            panel.legend.append(Key(word, style.GREY, style.LINE_STYLES[2], 0.8))

    def entries(self, name, values, dim):
        """A vector observable of one run: a curve for each entry."""
        d = self.drawing
        y = scales.choose(name, values, values[:1], d.tolerances, d.wish)
        panel = Panel(d.label(name), None, y, names=(name,))
        chosen = evenly(values.shape[1], MOST_ENTRIES)
        if len(chosen) < values.shape[1]:
            d.note(f"{name}: {len(chosen)} of {values.shape[1]} entries, evenly chosen")
        add_entries(d, panel, self.rows[0], values.T[chosen], d.coordinate(dim)[chosen], dim)
        self._add_entry_levels(panel, name, values.shape[1])
        self._see_starts(list(values.T), y)
        self.panels.append(panel)
        return panel

    def _add_entry_levels(self, panel, name, count):
        """What theory or the target say of each entry, where lines can be told apart."""
        values, word = self.drawing.reference(name)
        if values is None or values[0].ndim != 1:
            return
        finite = np.unique(values[0][np.isfinite(values[0])])
        if count <= looks.MOST_ENTRIES:
            panel.levels += [Level(value, curve.color) for value, curve
                             in zip(values[0], panel.curves) if np.isfinite(value)]
        elif 0 < finite.size <= MOST_LEVELS:
            panel.levels += [Level(value, style.BLACK) for value in finite]
        if panel.levels:
            panel.legend.append(Key(word, style.GREY, style.LINE_STYLES[1], 0.8))

    def _see_starts(self, rows, y):
        """Notes whether something happened between t = 0 and the first sample after it."""
        x = self.rows[0]
        if len(x) < 2 or not x[0] == 0 < x[1]:
            return
        for row in rows[:100]:
            if np.isfinite(row[:2]).all():
                at = y.unit(row[:2])
                self.starts_matter |= bool(np.isfinite(at).all() and abs(at[1] - at[0]) > 0.05)

    def finish(self):
        """Gives all of them their x axis."""
        if not self.panels:
            return
        d, x = self.drawing, self.x
        if x and not names.is_time(x):
            scale = scales.choose(x, joined(self.rows), None, d.tolerances)
            scale.remark = scale.nothing = ""
            label = d.label(x)
        else:
            long_name = d.runs.long_name(x) if x else d.first.time_name()
            scale = scales.of_time(self.rows, long_name, self.starts_matter, d.failed)
            label = names.with_symbols(long_name) if long_name != x else names.spaced(x)
        for panel in self.panels:
            panel.x, panel.x_label = scale, label
        if any(leaps(scale, row) for row in self.rows):
            d.note("thin dotted lines: before the first sample after 0")


def _are_equal(row, other):
    """To rounding, wherever they are known."""
    return np.allclose(row, other, rtol=1e-12, atol=0, equal_nan=True)


def _runs_along(at, other):
    """Whether a curve lies on another one for a good part of its way within the frame."""
    within = (at > 0) & (at < 1) & (other > 0) & (other < 1)
    return bool(within.any() and (np.abs(at[within] - other[within]) < LINE).mean() > COVERED)


def add_entries(drawing, panel, x, rows, numbers, dim, marker=False):
    """A curve for each entry, coloured in their order."""
    colors = looks.sequence(len(rows))
    for row, color in zip(rows, colors):
        panel.curves.append(Curve(x, row, color, "-", 1.1 if len(rows) <= 30 else 0.5,
                                  marker=marker))
    if len(rows) <= looks.MOST_ENTRIES:
        panel.legend.append(Key(f"{drawing.axis_label(dim)}:"))
        panel.legend += [Key(text, color)
                         for text, color in zip(looks.value_labels(numbers), colors)]
    else:
        drawing.entries.append((drawing.axis_label(dim), list(numbers)))
        panel.title += f" ({len(rows)} entries)"


def grouped(drawing, scalars):
    """Names that share a panel, at the first of them: losses and errors of one run; accuracies.
    {name: names of its panel, or nothing where another has it}."""
    panels = {}
    single = drawing.runs.single
    for name in scalars:
        key = name
        if single and names.is_loss(name):
            key = "losses"
        elif names.is_accuracy(name) and (single or drawing.looks.dash_axis is None):
            key = "accuracies"
        panels.setdefault(key, []).append(name)
    return {name: group if k == 0 else [] for group in panels.values()
            for k, name in enumerate(group)}


def group_title(drawing, group):
    if len(group) == 1:
        return drawing.label(group[0])
    kinds = [plural for word, plural in (("loss", "losses"), ("error", "errors"), ("risk", "risks"),
                                         ("accuracy", "accuracies"))
             if any(word in name for name in group)]
    return " and ".join(kinds)


