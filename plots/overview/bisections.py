"""Which panels there are of bisections: where a number crosses its level, with its error over the axes
of the study, and what each run measured over the key that was bisected."""

import numpy as np

import style
from overview import chains, measurements, names, scales, trajectories
from overview.drawing import Content, Drawing
from overview.panels import Curve, Key, Level, Panel
from overview.reading import BISECTION
from overview.runs import Runs

MOST_DECADES = 4  # from the level, up to which a logarithmic axis shows the crossing


def applies(runs):
    keys = {_key(result) if BISECTION in result.axes else "" for result in runs.results}
    return len(keys) == 1 and "" not in keys


def content(runs, request):
    # What was measured in each run is drawn as in any other study.
    if request.x or not set(request.variables) <= set(map(_transition, runs.results)):
        return trajectories.content(runs, request)
    return _Bisections(runs, request).content()


def transitions(runs):
    """(the chains as runs, names of their transitions) for tables."""
    return Runs([result.at_first(BISECTION) for result in runs.results]), [_transition(runs.results[0])]


def _key(result):
    """What the key is called in the result; empty where it has no bisection."""
    key = result.setting("study", "bisect", {}).get("key", "")
    return next((name for name in (key, key.rpartition(".")[2])
                 if f"{name}_transition" in result.data.variables), "")


def _transition(result):
    return _key(result) + "_transition"


class _Bisections:
    def __init__(self, runs, request):
        self.runs, self.request = runs, request
        # A chain is what has one transition: its first run stands for it.
        self.chains, (self.name,) = transitions(runs)
        self.drawing = Drawing(self.chains, request)
        self.key = _key(runs.results[0])

    def content(self):
        d = self.drawing
        axes = measurements.default_axes(d)
        panels = [d.guard([self.name], lambda axis=axis: measurements.against_axis(d, self.name, axis))
                  for axis in axes]
        if not self.request.variables or not axes:
            panels.append(d.guard([self.name], self._measured))
        key, bar = d.looks.key()
        d.note_what_lines_are()
        return Content([panel for panel in panels if panel], self._notes() + d.notes, key, bar)

    def _measured(self):
        """Of each run its number over its value of the key, with the level."""
        d = self.drawing
        number = self._number()
        if number is None:
            return None
        variable, label, rows = number
        x = [np.concatenate([np.ravel(row) for row in part]) for part in self._by_chain(self.key)]
        y = [np.array([_last(row) for row in part]) for part in self._by_chain(variable, rows)]
        level = float(self.runs.results[0].config["study"]["bisect"]["level"])
        panel = Panel(label, scales.of_axis(np.concatenate(x), given=True),
                      self._scale(variable, np.concatenate(y), level),
                      names.axis_label(self.key, self.runs.long_name(self.key).removesuffix(
                          " of the run")),
                      levels=[Level(level)], names=(variable,))
        panel.legend.append(Key(f"level {chains.value_label(level)}", style.GREY,
                                style.LINE_STYLES[1], 0.8))
        for run, values, measured in zip(self.chains.runs, x, y):
            point = {axis: value for axis, value in run.point.items() if axis in d.runs.telling}
            panel.curves.append(Curve(values, measured, d.looks.of(point).color, marker=True,
                                      line=False))
        return panel

    def _scale(self, variable, values, level):
        """Near the level the crossing is to be seen, however far away a run has come to lie."""
        with np.errstate(divide="ignore", invalid="ignore"):
            near = np.abs(np.log10(values[np.isfinite(values)] / level)) < MOST_DECADES
        wish = self.drawing.wish or ("linear" if level == 0 or not near.all() else None)
        return scales.choose(variable, np.append(values, level), wish=wish, measured=True)

    def _number(self):
        """(variable, label, values of each run) of what crosses the level."""
        all_runs = Drawing(self.runs, self.request)
        measure = self.runs.results[0].config["study"]["bisect"]["measure"]
        if measure in all_runs.shared:
            return measure, all_runs.label(measure), self.runs.values(measure)
        variable = measure.removeprefix("final_")
        if variable in all_runs.shared:
            return variable, all_runs.label(variable) + " at the end", self.runs.values(variable)
        return None

    def _by_chain(self, name, rows=None):
        rows = self.runs.values(name) if rows is None else rows
        count = len(rows) // len(self.chains.runs)
        return [rows[k * count:(k + 1) * count] for k in range(len(self.chains.runs))]

    def _notes(self):
        notes = []
        for result in self.runs.results:
            comment = getattr(result.data[_transition(result)], "comment", "")
            notes += [f"!{comment}"] if comment else []
        if self.chains.single:
            middle, error = (float(np.ravel(self.chains.results[0].array(self.name + part))[0])
                             for part in ("", "_error"))
            if np.isfinite(middle):
                notes.append(f"{self.name} = {middle:.6g} \N{PLUS-MINUS SIGN} {error:.1g}")
        return notes


def _last(row):
    """A number, or the last one of what ran along time."""
    values = np.ravel(row)
    return values[-1] if values.size else np.nan
