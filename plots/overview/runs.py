"""The runs of all results that are drawn. A run is known by its point: the values of the study's axes,
and the folder it is from where several are drawn together.
"""

import copy
import os

import numpy as np

from overview.reading import BISECTION, BOOKKEEPING, FOLDER, REPETITIONS, TIME, value_text


class Run:
    """One run: result, its number there, its point, and the values of the groups' keys."""

    def __init__(self, result, number, point, keys):
        self.result, self.number, self.point, self.keys = result, number, point, keys

    def has(self, name):
        """The run's value of an axis or of a group's key; None where it has none."""
        return self.keys.get(name, self.point.get(name))


class Runs:
    """All runs that are drawn."""

    def __init__(self, results):
        self.results = results
        several = len(results) > 1
        names = folder_names(results)
        self.runs = [Run(result, k, {**({FOLDER: name} if several else {}), **point}, keys)
                     for result, name in zip(results, names)
                     for k, (point, keys) in enumerate(zip(result.points(), result.keys()))]
        self.axes = {}  # those along which runs differ, with their values in order
        for axis in dict.fromkeys(axis for run in self.runs for axis in run.point):
            values = list(dict.fromkeys(run.point.get(axis) for run in self.runs
                                        if axis in run.point))
            if len(values) > 1:
                numbers = all(isinstance(v, (int, float, np.number)) for v in values)
                self.axes[axis] = sorted(values) if numbers else values
        # Of chains the same run has other values of what is bisected: nothing to take a mean of.
        self.repetitions = [axis for axis in self.axes
                            if axis in REPETITIONS and BISECTION not in self.axes]
        self.telling = [axis for axis in self.axes if axis not in self.repetitions]
        self.designs, self.keys = {}, {}  # keys of each axis that is a design; the axis of each key
        for result in results:
            for dim, group in result.groups.items():
                axis = result.shown[dim][0]
                if axis in self.axes:
                    self.keys.update(dict.fromkeys(group.keys, axis))
                    if group.is_design:
                        self.designs[axis] = list(group.keys)

    @property
    def single(self):
        return len(self.runs) == 1

    def one_by_one(self):
        """The same, of which none is a repetition of another."""
        alone = copy.copy(self)
        alone.repetitions, alone.telling = [], list(self.axes)
        return alone

    def names(self):
        """Variables of each run that all results have, with the same dimensions and sizes."""
        first = self.results[0]
        return [name for name in first.data.variables if first.dims(name) is not None
                and all(name in r.data.variables and r.dims(name) == first.dims(name)
                        and all(dim == TIME or r.size(dim) == first.size(dim)
                                for dim in first.dims(name)) for r in self.results)]

    def missing(self):
        """Observables and numbers that some results have and others do not."""
        shared = set(self.names())
        return [name for name in dict.fromkeys(name for r in self.results
                                               for name in r.data.variables)
                if name not in shared and name not in BOOKKEEPING
                and any(name in r.data.variables and r.is_number(name)
                        and r.dims(name) is not None and name not in r.sizes
                        and not r.is_given(name) for r in self.results)]

    def dims(self, name):
        return self.results[0].dims(name)

    def columns(self, axes):
        """Names of what a table has of these axes: themselves, and the keys of groups."""
        names = []
        for axis in axes:
            names += [axis, *(key for key, other in self.keys.items() if other == axis)]
        return list(dict.fromkeys(names))

    def long_name(self, name):
        return next((r.long_name(name) for r in self.results if name in r.data.variables), name)

    def values(self, name):
        """Values of each run, in the order of `runs`."""
        return [row for result in self.results for row in result.by_run(name)]

    def times(self):
        return [row for result in self.results for row in result.times()]

    def status(self):
        """Of each run; 0 where none is told."""
        out = []
        for result in self.results:
            if "status" in result.data.variables:
                out += list(np.nan_to_num(result.by_run("status").ravel()).astype(int))
            else:
                out += [0] * result.runs
        return np.array(out)

    def groups(self):
        """Runs that are repetitions of each other, as (point, numbers of the runs)."""
        groups = {}
        for k, run in enumerate(self.runs):
            key = tuple((axis, run.point[axis]) for axis in self.telling if axis in run.point)
            groups.setdefault(key, []).append(k)
        return [(dict(key), numbers) for key, numbers in groups.items()]

    def asked(self):
        """Names that a config asks for, beyond what a model has by default."""
        names = [name for result in self.results for section, key in (
            ("output", "observables"), ("output", "snapshot_observables"), ("measure", "exponents"))
            for name in result.setting(section, key, [])]
        return frozenset(names) | {f"{name}_snapshot" for name in names}

    def tolerances(self):
        """(relative, absolute) tolerance of the least accurate run; None where steps are not
        controlled, as in gradient descent."""
        kinds, relative, absolute = set(), [], []
        for result in self.results:
            kinds.add(result.setting("flow", "kind", ""))
            for key, found in (("rtol", relative), ("atol", absolute)):
                found.append(result.setting("solver", key, None))
                if key in result.axes and result.is_number(key):
                    found.append(float(np.nanmax(result.array(key))))
        if not kinds <= {"gradient", "riemannian", "heavy_ball"}:
            return None
        numbers = [[v for v in found if isinstance(v, (int, float))] for found in
                   (relative, absolute)]
        return tuple(max(found) for found in numbers) if all(numbers) else None


def folder_names(results):
    """What tells the results apart: the folder's name, with as much of the path as that takes."""
    names = [result.folder for result in results]
    if len(set(names)) == len(names):
        return names
    parts = [os.path.normpath(os.path.abspath(result.file)).split(os.sep)[:-1] for result in results]
    for count in range(2, max(map(len, parts)) + 1):
        names = [os.sep.join(part[-count:]) for part in parts]
        if len(set(names)) == len(names):
            return names
    return [f"{name} ({k + 1})" for k, name in enumerate(names)]


def where_text(point):
    return ", ".join(f"{axis} = {value_text(value)}" for axis, value in point.items())
