"""Which panels there are of runs over time: of one run its observables and vectors, of a study the
same for all its runs, and the numbers measured in each against an axis of the study."""

import dataclasses

from overview import curves, looks, measurements, vectors
from overview.drawing import SNAPSHOTS, Content, Drawing
from overview.reading import BOOKKEEPING, TIME, Refused, nearest


def applies(runs):
    return all("status" in result.data.variables or result.running for result in runs.results)


def content(runs, request):
    return _Chooser(runs, request).content()


@dataclasses.dataclass
class _Over:
    """What stands on the x axis: time or what runs along it, an axis of the study, a dimension, or a
    number of each run."""
    kind: str  # time, axis, dimension, number
    name: str = ""


class _Chooser:
    def __init__(self, runs, request):
        self.drawing = Drawing(runs, request)
        self.runs, self.wanted = runs, request.variables
        for name in self.wanted:
            self._check(name)
        self.over = self._what_to_draw_over(request.x)
        self.panels, self.unresolved = [], []
        self.over_time = curves.OverTime(self.drawing,
                                         self.over.name if self.over.kind == "time" else "")

    def content(self):
        d = self.drawing
        drawn = list(self.wanted) or self._worth_drawing()
        shared = curves.grouped(d, [name for name in drawn if self.over.kind == "time"
                                    and d.dims(name) == (TIME,)])
        for name in drawn:
            group = shared.get(name, [name])
            if name not in shared:
                self._add(d.guard(group, lambda: self._panels(name)))
            elif group:
                self._add(d.guard(group, lambda: self.over_time.scalars(group)))
        self.over_time.finish()
        if not self.wanted:
            self._add_measurements()
        key, bar = d.looks.key()
        if d.entries and bar is None:
            bar = looks.bar_of_entries(d.entries)
        d.note_what_lines_are()
        if self.unresolved:
            d.note("0 as far as is resolved, and not drawn: " + ", ".join(self.unresolved))
        return Content(self.panels, d.notes, key, bar, self.runs.asked())

    def _check(self, name):
        results = self.runs.results
        numbers = [n for r in results for n in r.data.variables
                   if r.is_number(n) and r.dims(n) is not None]
        if not any(name in r.data.variables for r in results):
            numbers = sorted(set(numbers), key=lambda n: (not self.drawing.is_drawable(n), n))
            raise Refused(f"--variables {name}: there is no such variable"
                          + nearest(name, numbers))
        if name not in numbers:
            what = ("no variable of each run" if any(name in r.data.variables and r.is_number(name)
                                                     for r in results) else "a text")
            raise Refused(f"--variables {name}: is {what}, and cannot be drawn")
        if name not in self.drawing.shared:
            raise Refused(f"--variables {name}: not all of the results have it with the same "
                          "dimensions and sizes")

    def _what_to_draw_over(self, x):
        d, first = self.drawing, self.drawing.first
        if not x or x == first.running or (x == "time" and first.along == "sample"):
            if x and first.along is None:
                raise Refused(f"--x {x}: one value of it is selected")
            return _Over("time")
        if x in self.runs.axes or self.runs.keys.get(x) in self.runs.axes:
            return _Over("axis", x)
        if x in first.groups:  # a zip, which is known by one of its keys
            return _Over("axis", first.shown[x][0])
        if x in d.shared and first.is_number(x) and d.dims(x) == (TIME,):
            return _Over("time", x)
        if x in d.shared and first.is_number(x) and d.dims(x) == () and not self.runs.single:
            return _Over("number", x)
        if x in first.sizes and x not in first.axes and first.size(x) > 1 and (
                not isinstance(first.chosen.get(x), int)):
            return _Over("dimension", x)
        if any(x in r.sizes or (x in d.shared and d.dims(x) == ()) for r in self.runs.results):
            raise Refused(f"--x {x}: takes one value only")
        known = [n for n in d.shared if first.is_number(n) and d.dims(n) in ((TIME,), ())
                 and (n not in BOOKKEEPING or n == "slow_time")]
        what = "is no number along the runs" if x in first.data.variables else "does not exist"
        raise Refused(f"--x {x}: {what}" + nearest(x, list(dict.fromkeys(
            [*self.runs.axes, *self.runs.keys, *known, *(dim for dim in first.sizes if dim != "parameter")]))))

    def _worth_drawing(self):
        """What runs along the running dimension or the snapshots': scalars, vectors, matrices."""
        d = self.drawing
        out = [name for name in d.shared if d.is_drawable(name)
               and {d.first.running, SNAPSHOTS} & set(d.first.data[name].dimensions)
               and d.dims(name)]
        return sorted(out, key=lambda name: len(d.dims(name)))

    def _add_measurements(self):
        d = self.drawing
        axes = measurements.default_axes(d)
        if not axes or self.over.kind == "dimension" or (self.over.kind == "time"
                                                             and self.over.name):
            return
        if self.over.kind == "time":
            scalars = [name for name in d.shared if d.is_drawable(name) and d.dims(name) == (TIME,)]
            ends = next((name for name in scalars if "test" in name), *scalars[:1] or [None])
            if ends and not measurements.has_at_the_end(d, ends):
                self._add(d.guard([ends], lambda: [measurements.against_axis(d, ends, axis)
                                                   for axis in axes]))
        for name in measurements.worth_drawing(d, self.over.name):
            self._add(d.guard([name], lambda: self._numbers(name, d.dims(name))))

    def _add(self, panels):
        """Puts panels on the page, or their names into the note of what is 0."""
        for panel in panels if isinstance(panels, list) else [panels] if panels else []:
            if panel.y.nothing and not self.wanted:
                self.unresolved += panel.names
            else:
                self.panels.append(panel)

    def _panels(self, name):
        """One variable, by its dimensions and by what it is drawn over."""
        d, over = self.drawing, self.over
        dims = d.dims(name)
        if over.kind == "dimension" and over.name not in dims:
            return self._refuse(f"{name} has no {over.name}: {d.over(name)}")
        if over.kind == "time" and over.name and TIME not in dims:
            return self._refuse(f"{name} does not run along {over.name}: {d.over(name)}")
        if over.kind in ("axis", "number") or dims == ():
            return self._numbers(name, dims)
        if dims == (TIME,):
            return self.over_time.scalars([name])
        if len(dims) == 1:
            return vectors.of_runs(d, name, d.values(name), dims[0])
        if len(dims) == 2 and {TIME, SNAPSHOTS} & set(dims):
            return vectors.over_time(d, name, self.over_time, over.name)
        if len(dims) == 2 or (len(dims) == 3 and dims[0] in (TIME, SNAPSHOTS)):
            return vectors.pictures(d, name)
        self._refuse(f"{name} has {len(dims)} dimensions: {d.over(name)}; --where selects along some "
                     "of them")
        d.note(f"{name}: over {', '.join(d.first.array_dims(name))}, and not drawn; --where selects "
               "along some of them")
        return None

    def _numbers(self, name, dims):
        d, over = self.drawing, self.over
        axes = [over.name] if over.kind == "axis" else measurements.default_axes(d)
        if not axes:
            return self._refuse(f"{name} is one number, {float(d.values(name)[0]):g}: there is "
                                "nothing to draw it over")
        if len(dims) - (TIME in dims) > 1 or SNAPSHOTS in dims:
            return self._refuse(f"{name} cannot be drawn over {over.name}: {d.over(name)}; --where "
                                "selects along some of them")
        if over.kind != "number":
            return [measurements.against_axis(d, name, axis) for axis in axes]
        panel = measurements.against_number(d, name, over.name)
        return panel or self._refuse(f"{name} is no number of a run: {d.over(name)}")

    def _refuse(self, message):
        """What was named and does not go together is an error; what was not is left out."""
        if self.wanted:
            raise Refused(f"--variables {message}")
