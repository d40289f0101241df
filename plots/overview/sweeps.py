"""Which panels there are of sweeps: observables over the swept key, up and down, with arrows that say
which way, and the transitions. Of a study of sweeps a curve for each, and their measured numbers."""

import numpy as np

import style
from overview import chains, looks, measurements
from overview.chains import NORM_SQUARED, Chains
from overview.drawing import Content, evenly, MOST_CURVES
from overview.panels import Arrow, Curve, Key, Mark, Panel

# Observables that are drawn without being asked for, in this order; of the first line one.
LOSSES = ("train_loss", "train_error")
FURTHER = ("test_error", "train_accuracy", "test_accuracy", NORM_SQUARED, "rank", "scalar_curvature")
MEASURED = ("hysteresis_area", "dissipated_loss")
WAYS = {"up": "-", "down": style.LINE_STYLES[1]}
MARKS = {1: ("o", False, "first order"), 2: ("o", True, "second order"),
         0: ("s", True, "order not known")}
ARROWS = {"up": (0.2, 0.55, 0.85), "down": (0.75, 0.4, 0.1)}  # shares of the axis
MOST_WITH_ARROWS = 8  # sweeps in a panel


def applies(runs):
    return chains.applies(runs, "value_status")


def content(runs, request):
    return _Sweeps(runs, request).content()


class _Sweeps(Chains):
    def __init__(self, runs, request):
        super().__init__(runs, request, "direction")
        d = self.drawing
        self.key = [np.asarray(row, dtype=float) for row in runs.times()]
        self.x, self.x_label = chains.key_axis(d, self.key)
        self.transitions = [self._transitions_of(run) for run in runs.runs]
        self.with_arrows = len(runs.runs) <= MOST_WITH_ARROWS

    def content(self):
        d = self.drawing
        drawn = self.wanted or self._worth_drawing()
        panels = self.panels(drawn, self._panel)
        key, bar = d.looks.key()
        notes = self._notes()
        return Content(panels, notes + d.notes,
                       key + self._key_of_ways(), bar)

    def _worth_drawing(self):
        has = self.observables
        drawn = [name for name in LOSSES if name in has][:1] + [n for n in FURTHER if n in has]
        if self.runs.single or not measurements.default_axes(self.drawing):
            return drawn
        return drawn + [name for name in MEASURED if name in self.drawing.shared]

    def _transitions_of(self, run):
        """[(way, low, high, order)] of one sweep."""
        names = ("transition_direction", "transition_low", "transition_high", "transition_order")
        if any(name not in run.result.data.variables for name in names):
            return []
        found = zip(*(self.number(name, run) for name in names))
        return [("down" if way == 1 else "up", low, high, int(order))
                for way, low, high, order in found if np.isfinite([low, high]).all()]

    def _panel(self, name):
        d = self.drawing
        entries = self.entries(name)
        panel = Panel(self.label(name), self.x, self.scale(name, entries), self.x_label,
                      names=(name,))
        for k in evenly(len(self.runs.runs), MOST_CURVES):
            look = d.looks.of(self.runs.runs[k].point)
            colors = looks.sequence(len(entries)) if self.is_vector(name) and self.runs.single else (
                [look.color] * len(entries))
            for (_, rows), color in zip(entries, colors):
                for way, row in zip(self.tags, rows[k]):
                    self._add_way(panel, k, str(way), row, color, look)
        if self.is_vector(name) and self.runs.single and len(entries) <= looks.MOST_ENTRIES:
            panel.legend += [Key(looks.value_label(number), color)
                             for (number, _), color in zip(entries, colors)]
        return panel

    def _add_way(self, panel, k, way, row, color, look):
        x = self.key[k]
        dash = look.dash if self._dash_tells_runs() else WAYS[way]
        line = self._with_jumps(k, way, x, row)
        panel.curves.append(Curve(*line, self._color(color, way), dash, look.width))
        for there, low, high, order in self.transitions[k]:
            if there != way:
                continue
            # The last value before the transition, in the sweep's sense.
            before = _before(x, row, way, low, high)
            if before is not None:
                shape, hollow, _ = MARKS.get(order, MARKS[0])
                panel.marks.append(Mark((low + high) / 2, before, self._color(color, way), shape,
                                        hollow))
        if self.with_arrows:
            panel.arrows += _arrows(*line, way, self._color(color, way), panel)

    def _with_jumps(self, k, way, x, row):
        """The curve with its jumps where the transitions of first order are, not aslant from one
        value to the next."""
        jumps = {}  # by the number of the value below
        for there, low, high, order in self.transitions[k]:
            below = int(np.searchsorted(x, low, side="right")) - 1
            if there == way and order != 2 and 0 <= below < x.size - 1:
                jumps[below] = (low + high) / 2
        for below in sorted(jumps, reverse=True):
            x = np.insert(x, below + 1, [jumps[below]] * 2)
            row = np.insert(row, below + 1, row[below:below + 2])
        return x, row

    def _color(self, color, way):
        """A single sweep's ways are told apart by colour too."""
        alone = self.runs.single and color == style.BLUE
        return style.RED if alone and way == "down" else color

    def _dash_tells_runs(self):
        return self.drawing.looks.dash_axis is not None

    def _key_of_ways(self):
        ways = [str(way) for way in self.tags]
        out = []
        if not self._dash_tells_runs():
            color = style.BLUE if self.runs.single else style.GREY
            out += [Key(way, self._color(color, way), WAYS[way]) for way in ways]
        orders = sorted({order for found in self.transitions for way, _, _, order in found
                         if way in ways}, key=[1, 2, 0].index)
        if orders:
            out.append(Key("transitions:"))
        for order in orders:
            shape, hollow, word = MARKS[order]
            out.append(Key(word, style.BLACK, marker="hollow" if hollow else "full", line=False,
                           shape=shape))
        return out

    def _notes(self):
        notes = []
        if self.runs.single:
            for way in map(str, self.tags):
                found = [chains.value_label((low + high) / 2)
                         for there, low, high, _ in self.transitions[0] if there == way]
                if found:
                    notes.append(f"transitions on the way {way}: {chains.named(found)}")
            run = self.runs.runs[0]
            if "hysteresis_area" in run.result.data.variables and len(self.tags) > 1:
                area = self.number("hysteresis_area", run)[0]
                if np.isfinite(area):
                    notes.append(f"hysteresis area {area:.5g}")
        unsettled = sum(int((run.result.by_run("value_status")[run.number] == 1).sum())
                        for run in self.runs.runs)
        if unsettled:
            notes.append(f"!{unsettled} values were not settled")
        return notes


def _before(x, row, way, low, high):
    """The last value before a transition, in the sweep's sense; None where there is none."""
    at = np.flatnonzero(x <= low if way == "up" else x >= high)
    return row[at[-1] if way == "up" else at[0]] if at.size else None


def _arrows(x, row, way, color, panel):
    """Heads at a few places along the curve, clear of its jumps."""
    out = []
    step = 1 if way == "up" else -1
    known = np.isfinite(x) & np.isfinite(row)
    tails = np.arange(x.size) - step
    good = known & (tails >= 0) & (tails < x.size)
    good[good] = known[tails[good]] & (x[tails[good]] != x[good])
    for share in ARROWS[way]:
        target = panel.x.low + share * (panel.x.high - panel.x.low)
        if panel.x.kind == "log":
            target = panel.x.low * (panel.x.high / panel.x.low)**share
        head = int(np.argmin(np.where(good, np.abs(x - target), np.inf)))
        if good[head]:
            out.append(Arrow((x[tails[head]], row[tails[head]]), (x[head], row[head]), color))
    return out
