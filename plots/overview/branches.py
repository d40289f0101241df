"""Which panels there are of branches of stationary points: observables over the weight decay, stable
parts solid and unstable ones dashed, with folds, branch points and Maxwell points."""

import numpy as np

import style
from overview import chains, looks, names
from overview.chains import NORM_SQUARED, Chains
from overview.drawing import Content
from overview.panels import Curve, Key, Mark, Panel

DEFAULTS = (NORM_SQUARED, "regularised_loss", "train_loss")
KEY = "weight_decay"
UNSTABLE = style.LINE_STYLES[1]
FOLD, BRANCH_POINT, LOST = 1, 2, 4  # of special_kind
MARKS = {FOLD: ("D", False, "fold"), BRANCH_POINT: ("o", True, "branch point"),
         LOST: ("X", False, "lost")}
MAXWELL = ("s", True, "Maxwell point")


def applies(runs):
    return chains.applies(runs, "special_kind")


def content(runs, request):
    return _Branches(runs, request).content()


class _Branches(Chains):
    def __init__(self, runs, request):
        super().__init__(runs, request, "branch")
        self.decay = self.entries(KEY)[0][1]
        self.unstable = self.entries("unstable_modes")[0][1]
        self.x, _ = chains.key_axis(self.drawing, self.decay)
        self.x_label = names.axis_label(KEY, KEY)

    def content(self):
        d = self.drawing
        drawn = self.wanted or [name for name in DEFAULTS if name in self.observables]
        panels = self.panels(drawn, self._panel)
        key, bar = d.looks.key()
        return Content(panels, self._notes() + d.notes,
                       key + self._key(), bar)

    def _panel(self, name):
        entries = self.entries(name)
        panel = Panel(self.label(name), self.x, self.scale(name, entries), self.x_label,
                      names=(name,))
        for k, run in enumerate(self.runs.runs):
            for _, rows in entries:
                for j, number in enumerate(self.tags):
                    color = self._color(run, int(number))
                    self._add_branch(panel, k, j, rows[k][j], color)
                    self._add_special(panel, run, k, j, int(number), rows[k][j], color)
                self._add_maxwell(panel, run, k, rows[k])
        return panel

    def _color(self, run, branch):
        if self.runs.single:
            return style.COLORS[branch % len(style.COLORS)]
        return self.drawing.looks.of(run.point).color

    def _add_branch(self, panel, k, j, row, color):
        """Stretches of one stability; each goes on to where the next begins."""
        x = self.decay[k][j]
        good = np.flatnonzero(np.isfinite(x) & np.isfinite(row))
        if not good.size:
            return
        solid = self.unstable[k][j][good] <= 0
        edges = np.concatenate([[0], np.flatnonzero(np.diff(solid)) + 1, [good.size]])
        for first, last in zip(edges[:-1], edges[1:]):
            # The last stable point is the fold itself, where the unstable part begins.
            first = first - 1 if first and not solid[first] else first
            last = last + 1 if last < good.size and not solid[last - 1] else last
            part = good[first:last]
            panel.curves.append(Curve(x[part], row[part], color,
                                      "-" if solid[min(first + 1, last - 1)] else UNSTABLE))

    def _add_special(self, panel, run, k, j, number, row, color):
        kinds = self.number("special_kind", run)
        places = zip(kinds, self.number("special_branch", run), self.number("special_point", run))
        for kind, branch, point in places:
            if kind in MARKS and branch == number and 0 <= point < row.size:
                shape, hollow, _ = MARKS[kind]
                panel.marks.append(Mark(self.decay[k][j][int(point)], row[int(point)], color, shape,
                                        hollow))

    def _maxwells(self, run):
        names = ("maxwell_weight_decay", "maxwell_branch_below", "maxwell_branch_above")
        if any(name not in run.result.data.variables for name in names):
            return []
        return [found for found in zip(*(self.number(name, run) for name in names))
                if np.isfinite(found[0])]

    def _add_maxwell(self, panel, run, k, rows):
        """On the stable parts of both branches that have one loss there."""
        for at, *ends in self._maxwells(run):
            for number in ends:
                for j in np.flatnonzero(self.tags == number):
                    x, row = self.decay[k][j], rows[j]
                    good = np.flatnonzero(np.isfinite(x) & np.isfinite(row)
                                          & (self.unstable[k][j] == 0))
                    good = good[np.argsort(x[good])]
                    if good.size and x[good[0]] <= at <= x[good[-1]]:
                        shape, hollow, _ = MAXWELL
                        panel.marks.append(Mark(at, float(np.interp(at, x[good], row[good])),
                                                style.BLACK, shape, hollow))

    def _key(self):
        runs = self.runs.runs
        out = []
        if self.runs.single and len(self.tags) <= looks.MOST_ENTRIES:
            out.append(Key("branch:"))
            out += [Key(str(int(number)), self._color(runs[0], int(number)))
                    for number in self.tags]
        if any((row > 0).any() for row in self.unstable):
            out += [Key("stable", style.GREY), Key("unstable", style.GREY, UNSTABLE)]
        kinds = {int(kind) for run in runs for kind in self.number("special_kind", run)
                 if np.isfinite(kind)}
        shapes = [MARKS[kind] for kind in sorted(kinds & set(MARKS))]
        if any(self._maxwells(run) for run in runs):
            shapes.append(MAXWELL)
        return out + [Key(word, style.BLACK, marker="hollow" if hollow else "full", line=False,
                          shape=shape) for shape, hollow, word in shapes]

    def _notes(self):
        if not self.runs.single:
            return []
        run = self.runs.runs[0]
        decays = self.number("special_weight_decay", run)
        kinds = self.number("special_kind", run)
        notes = []
        for kind, word in ((FOLD, "folds"), (BRANCH_POINT, "branch points"), (LOST, "lost")):
            found = [chains.value_label(at) for at, one in zip(decays, kinds) if one == kind]
            if found:
                notes.append(f"{word}: {chains.named(found)}")
        maxwells = [chains.value_label(found[0]) for found in self._maxwells(run)]
        return notes + [f"Maxwell points: {chains.named(maxwells)}"] * bool(maxwells)
