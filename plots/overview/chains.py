"""What pictures of sweeps and of branches share: observables over the key that changes along a chain or
a branch."""

import dataclasses

import numpy as np

from overview import measurements, names, scales
from overview.drawing import Drawing
from overview.reading import TIME, Refused, nearest

NORM_SQUARED = "norm_squared"  # which theory speaks of, and which is no variable
MOST_POINTS_NAMED = 8  # transitions or special points that are named below the picture
LINEAR = "linear"  # a jump, and where a quantity ends, are seen on a linear axis


def applies(runs, variable):
    """Whether all results are of one kind, known by a variable, and all of their key is drawn."""
    return all(variable in r.data.variables and r.along is not None for r in runs.results)


class Chains:
    """Observables of all runs, as (run, chain, place) with the dimension `chain` (direction or branch)
    and the place along it."""

    def __init__(self, runs, request, chain):
        if request.x:
            raise Refused(f"--x {request.x}: sweeps and branches are drawn over what changes along "
                          "them")
        self.drawing = Drawing(runs, dataclasses.replace(request, scale=request.scale or LINEAR))
        self.runs, self.chain = runs, chain
        self.tags = runs.results[0].along_dimension(chain) if chain in runs.results[0].sizes else []
        self.tags = np.atleast_1d(self.tags)
        self.wanted = self._checked(request.variables)

    @property
    def observables(self):
        """Names of what runs along the chains, scalars and vectors."""
        d = self.drawing
        found = [name for name in d.shared
                 if d.first.is_number(name) and TIME in d.runs.dims(name) and name not in
                 d.first.sizes and set(d.runs.dims(name)[:2]) <= {self.chain, TIME}]
        return found + [NORM_SQUARED] * ("norm" in found)

    @property
    def single_numbers(self):
        """Names of what is measured once in each run."""
        d = self.drawing
        return [name for name in d.shared if d.first.is_number(name) and d.runs.dims(name) == ()]

    def _checked(self, variables):
        known = self.observables
        for name in variables:
            if name in known or (name in self.single_numbers and not self.runs.single):
                continue
            if name in self.drawing.first.data.variables:
                raise Refused(f"--variables {name}: is no observable along "
                              f"{self.drawing.first.along}: {self.drawing.over(name)}"
                              if name in self.drawing.shared else
                              f"--variables {name}: is no variable of each run that all results have")
            raise Refused(f"--variables {name}: there is no such variable" + nearest(name, known))
        return list(variables)

    def entries(self, name):
        """[(label, values of each run, (chain, place))]: one for a scalar, of a vector one for each
        entry."""
        d = self.drawing
        variable = "norm" if name == NORM_SQUARED else name
        dims = d.runs.dims(variable)
        rows = d.runs.values(variable)
        if self.chain not in dims:  # one of them was selected
            rows = [row[None] for row in rows]
            dims = (self.chain, *dims)
        if name == NORM_SQUARED:
            rows = [row**2 for row in rows]
        if len(dims) == 2:
            return [("", rows)]
        if len(dims) > 3:
            raise Refused(f"--variables {name}: has {len(dims)} dimensions: {d.over(name)}")
        numbers = d.first.along_dimension(dims[2])
        return [(number, [row[:, :, k] for row in rows]) for k, number in enumerate(numbers)]

    def panels(self, drawn, of_observable):
        """The panel of each observable, and for a number of each run its panel over the study's axis, or
        over each key of a design."""
        d = self.drawing
        axes = measurements.default_axes(d)
        made = [d.guard([name], lambda: [of_observable(name)] if name in self.observables else [
            measurements.against_axis(d, name, axis) for axis in axes]) for name in drawn]
        return [panel for panels in made for panel in panels or []]

    def is_vector(self, name):
        return name != NORM_SQUARED and len(self.drawing.runs.dims(name)) > 1 + (
            self.chain in self.drawing.runs.dims(name))

    def label(self, name):
        return r"$\Vert w\Vert^2$" if name == NORM_SQUARED else self.drawing.label(name)

    def scale(self, name, entries):
        d = self.drawing
        values = np.concatenate([row.ravel() for _, rows in entries for row in rows])
        return scales.choose(name, values, None, None, d.wish, measured=True)

    def number(self, name, run):
        """A number of one run, or along a dimension of its own such as `transition`."""
        return np.atleast_1d(run.result.by_run(name)[run.number])


def value_label(label):
    """A number in full for a note."""
    return f"{label:.6g}"


def named(points):
    """A list of points for a note, shortened."""
    more = f" and {len(points) - MOST_POINTS_NAMED} more" if len(points) > MOST_POINTS_NAMED else ""
    return ", ".join(points[:MOST_POINTS_NAMED]) + more


def key_axis(drawing, values):
    """Scale and label of what is swept or continued in: linear but for values of equal ratios."""
    first = drawing.first
    all_values = np.concatenate([np.ravel(v) for v in values])
    scale = scales.of_axis(all_values, given=True)
    if scale.kind != "linear" and not scales.geometric(np.unique(all_values[all_values > 0])):
        room = 0.04 * np.ptp(all_values[np.isfinite(all_values)])
        scale = scales.Scale("linear", np.nanmin(all_values) - room, np.nanmax(all_values) + room)
    return scale, names.axis_label(first.along, first.long_name(first.along))
