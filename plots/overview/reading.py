"""Results: files, their dimensions, what of them is selected.

A group of keys (zip, sobol, random) is one dimension of a result, with a coordinate for each key. The
places of a zip are known by a key that tells them apart, those of a design by their number: nothing lies
between one draw and the next.
"""

import copy
import dataclasses
import difflib
import os
import re
import tomllib

import netCDF4
import numpy as np

from overview.scales import LARGEST

REPETITIONS = ("seed", "init_seed", "data_seed")  # axes along which runs are draws of one another
FOLDER = "folder"  # the axis of several results drawn together
BISECTION = "bisection"  # the dimension of the runs of a chain
TIME = "time"  # what a result's running dimension is called here, whatever its name
MOST_NAMED = 15  # in a message
BOOKKEEPING = {  # how a run went and what it was given, not what came out of it
    "status", "warning", "steps", "rejected_steps", "rhs_evaluations", "linearisations",
    "factorisations", "indefinite_factorisations", "events", "wall_seconds", "solver_method",
    "solver_linear", "message", "energy_drop", "energy_dissipation", "energy_defect",
    "energy_defect_max", "final_state", "slow_time", "time", "end_time", "build",
    "amplification", "amplification_time", "end_amplification", "stopped_early", "attempts",
    "settle_time", "settle_steps", "rest_distance", "flat_modes", "value_status", "transitions",
    "specials", "maxwells", "branch_origin", "branch_from"}


PLACE = re.compile(r"place in study\.(zip|sobol|random)\.")  # of a group's dimension
KEY = re.compile(r"(seed|data_seed|init_seed|(model|flow|solver|time|output|measure|sweep|continuation)"
                 r"\.\w+)$")  # of a config


class Refused(Exception):
    """What was asked for does not exist or does not go together; the message is one line."""


def nearest(name, names):
    """; did you mean "NAME"? or the list of all, to end a message with."""
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f'; did you mean "{close[0]}"?'
    if len(names) > MOST_NAMED:
        names = names[:MOST_NAMED] + [f"... ({len(names) - MOST_NAMED} more)"]
    return f"; expected one of {', '.join(names)}" if names else ""


@dataclasses.dataclass
class Group:
    """Keys whose values go together along one dimension."""
    kind: str  # zip, sobol, random
    keys: dict  # the values of each along the dimension, those selected

    @property
    def is_design(self):
        """Whether its places are draws, in no order."""
        return self.kind != "zip"

    def axis(self, dim):
        """What its places are known by, and how: (the axis of the points, its values)."""
        if self.is_design:
            return dim, None
        telling = [key for key, values in self.keys.items() if len(set(values)) == len(values)]
        for key in [key for key in telling if key not in REPETITIONS] or telling:
            return key, list(self.keys[key])
        varying = [values for values in self.keys.values() if len(set(values)) > 1]
        words = [", ".join(map(value_text, place)) for place in zip(*varying)]
        return dim, words if len(set(words)) == len(words) else [
            f"{word} ({k + 1})" for k, word in enumerate(words)]


class Result:
    """One result.nc, with its dimensions sorted into axes of the study, time and the rest."""

    def __init__(self, path, where=()):
        self.file = os.path.join(path, "result.nc") if os.path.isdir(path) else path
        if not os.path.isfile(self.file):
            raise Refused(f"{self.file}: there is no result to plot")
        folder = path if os.path.isdir(path) else os.path.dirname(os.path.abspath(path))
        self.folder = os.path.basename(os.path.normpath(os.path.abspath(folder)))
        if not os.path.isdir(path) and os.path.basename(path) != "result.nc":
            self.folder = os.path.splitext(os.path.basename(path))[0]
        try:
            self.data = netCDF4.Dataset(self.file)
        except OSError as problem:
            raise Refused(f"{self.file}: cannot be read: {problem.strerror}") from None
        self.sizes = {name: len(dim) for name, dim in self.data.dimensions.items()}
        self.attributes = {name: self.data.getncattr(name) for name in self.data.ncattrs()}
        try:
            self.config = tomllib.loads(str(self.attributes.get("config_resolved", "")))
        except tomllib.TOMLDecodeError:
            self.config = {}
        # What the config gave along the study's dimensions: keys of groups, values of expressions.
        self.given = set(str(self.attributes.get("coordinates", "")).split())
        self.chosen = {}  # dimension: the index, or the list of indices, that is drawn
        self.selection = []  # the same in words
        self.axes = list(self.data["status"].dimensions) if "status" in self.data.variables else []
        self.running = self.along = self._running_dimension()  # `along`: None where one is chosen
        for text in where:
            self._select(text)
        self.axes = [axis for axis in self.axes if not isinstance(self.chosen.get(axis), int)]
        if isinstance(self.chosen.get(self.along), int):
            self.along = None
        self.shape = tuple(self.size(axis) for axis in self.axes)
        self.runs = int(np.prod(self.shape, dtype=int))
        self.groups = {dim: self._group(dim) for dim in self.axes if self._kind_of_group(dim)}
        # Of each dimension of the study what its places are called in points: axis, values.
        self.shown = {dim: self.groups[dim].axis(dim) if dim in self.groups else (dim, None)
                      for dim in self.axes}
        self.shown = {dim: (axis, self.along_dimension(dim) if values is None else values)
                      for dim, (axis, values) in self.shown.items()}

    def close(self):
        self.data.close()

    def at_first(self, axis):
        """The same with the first place of an axis alone."""
        other = copy.copy(self)
        other.chosen = {**self.chosen, axis: 0}
        other.axes = [name for name in self.axes if name != axis]
        other.shape = tuple(other.size(name) for name in other.axes)
        other.runs = int(np.prod(other.shape, dtype=int))
        return other

    def _running_dimension(self):
        for name in ("time", "sample"):
            if name in self.sizes and name not in self.axes:
                return name
        if "status" not in self.data.variables:
            return None
        for name in ("value_status", "arclength"):  # of a sweep its key, of branches their points
            if name in self.data.variables:
                return self.data[name].dimensions[-1]
        # What most observables run along.
        votes = {}
        for name in self.data.variables:
            rest = [dim for dim in self.data[name].dimensions if dim not in self.axes]
            if len(rest) == 1 and self.is_number(name) and name not in BOOKKEEPING:
                votes[rest[0]] = votes.get(rest[0], 0) + 1
        votes.pop("parameter", None)
        best = max(votes, key=votes.get, default=None)
        return best if best is not None and votes[best] > 1 else None

    def _kind_of_group(self, dim):
        found = PLACE.match(self.long_name(dim))
        return found[1] if found else ""

    def _keys_along(self, dim):
        """Names of the keys that have values along a group's dimension."""
        return [name for name, variable in self.data.variables.items() if name != dim
                and variable.dimensions == (dim,) and self.is_given(name)]

    def _group(self, dim):
        chosen = self.chosen.get(dim, slice(None))
        return Group(self._kind_of_group(dim), {
            key: list(np.atleast_1d(self._numbers_or_words(key)[chosen]))
            for key in self._keys_along(dim)})

    # Selections.

    def _select(self, text):
        key, equals, wanted = text.partition("=")
        if not equals or not wanted:
            raise Refused(f'--where "{text}": expected key=value')
        dim, name = self._dimension_called(key)
        coordinate = self.coordinate(dim) if name == dim else self._numbers_or_words(name)
        exact = dim in self.axes or coordinate.dtype.kind not in "f"
        found = [self._position(name, coordinate, word, exact) for word in wanted.split(",")]
        if name != dim:  # a group may hold a value several times
            found = [int(j) for k in found for j in np.flatnonzero(coordinate == coordinate[k])]
        self.chosen[dim] = found[0] if len(found) == 1 else sorted(set(found))
        at = dict.fromkeys(coordinate[k] for k in sorted(set(found)))
        self.selection.append(f"{key} = {', '.join(map(value_text, at))}")

    def _dimension_called(self, key):
        """(dimension, what has values along it: itself, or the key of a group)."""
        for dim in self.sizes:
            if key == dim or (dim in self.data.variables and key == self.long_name(dim)):
                return dim, dim
        keys = [(dim, name) for dim in self.axes if self._kind_of_group(dim)
                for name in self._keys_along(dim)]
        for dim, name in keys:
            if key in (name, self.long_name(name)):
                return dim, name
        if key == "time" and self.along == "sample":
            raise Refused(f"--where {key}: the runs of {self.file} have times of their own; "
                          "select samples by --where sample=NUMBER")
        raise Refused(f'--where {key}: {self.file} has no such axis or dimension'
                      + nearest(key, [dim for dim in self.sizes if self.sizes[dim] > 1]
                                + [name for _, name in keys]))

    def _position(self, dim, coordinate, word, exact):
        has = ", ".join(value_text(v) for v in coordinate[:8]) + (", ..." if len(coordinate) > 8
                                                                  else "")
        if coordinate.dtype.kind not in "fiu":
            if word not in list(coordinate):
                close = difflib.get_close_matches(word, [str(v) for v in coordinate], n=1)
                raise Refused(f'--where {dim}: has no "{word}"; '
                              + (f'did you mean "{close[0]}"?' if close else f"it has {has}"))
            return list(coordinate).index(word)
        try:
            number = float(word)
        except ValueError:
            raise Refused(f'--where {dim}: "{word}" is no number; it has {has}') from None
        numbers = coordinate.astype(float)
        with np.errstate(invalid="ignore"):
            away = np.where(np.isfinite(numbers), np.abs(numbers - number), np.inf)
        k = int(np.argmin(away)) if away.size else 0
        if away.size == 0 or not np.isfinite(away[k]) or (
                exact and away[k] > 1e-6 * max(abs(number), abs(numbers[k]))):
            raise Refused(f"--where {dim}: has no {word}; it has {has}")
        return k

    # Dimensions and values, without what was not selected.

    def size(self, dim):
        chosen = self.chosen.get(dim)
        return self.sizes[dim] if chosen is None else 1 if isinstance(chosen, int) else len(chosen)

    def is_number(self, name):
        kind = self.data[name].dtype
        return isinstance(kind, np.dtype) and kind.kind in "fiub"

    def is_given(self, name):
        """Whether it is a key of the config: of a group, or worked out by an expression."""
        return name in self.given or name not in self.sizes and bool(KEY.match(self.long_name(name)))

    def long_name(self, name):
        if name not in self.data.variables:
            return name
        return str(getattr(self.data[name], "long_name", name)) or name

    def coordinate(self, dim):
        """Numbers or words along a dimension, all of them: its coordinate, else 0, 1, ..."""
        variable = self.data.variables.get(dim)
        if variable is None or variable.dimensions != (dim,) or not (
                self.is_number(dim) or variable.dtype is str):
            return np.arange(self.sizes[dim])
        return self._numbers_or_words(dim)

    def _numbers_or_words(self, name):
        values = self.data[name][:]
        return (np.ma.getdata(values) if values.dtype.kind in "iu"
                else np.ma.filled(values, np.nan) if values.dtype.kind == "f" else values)

    def along_dimension(self, dim):
        """The same, of what is selected."""
        chosen = self.chosen.get(dim)
        values = self.coordinate(dim)
        return values if chosen is None else values[chosen]

    def array_dims(self, name):
        return tuple(dim for dim in self.data[name].dimensions
                     if not isinstance(self.chosen.get(dim), int))

    def dims(self, name):
        """Dimensions of a variable of each run, the running one as TIME; None of what is no
        variable of each run."""
        dims = self.array_dims(name)
        if dims[:len(self.axes)] != tuple(self.axes):
            return None
        return tuple(TIME if dim == self.along else dim for dim in dims[len(self.axes):])

    def array(self, name):
        """All selected values as numbers, infinite ones and missing ones as they are."""
        variable = self.data[name]
        index = tuple(self.chosen.get(dim, slice(None)) for dim in variable.dimensions)
        values = variable[index] if index else variable[...]
        values = np.array(np.ma.filled(np.ma.asarray(values).astype(float), np.nan))
        values[np.abs(values) > LARGEST] *= np.inf
        return values

    def texts(self, name):
        """A text of each run."""
        variable = self.data[name]
        index = tuple(self.chosen.get(dim, slice(None)) for dim in variable.dimensions)
        return [str(text) for text in np.ravel(variable[index] if index else variable[...])]

    def by_run(self, name):
        """The same with one row for each run."""
        values = self.array(name)
        return values.reshape((self.runs,) + values.shape[len(self.axes):])

    def times(self):
        """What the runs run along, a row for each."""
        name = "time" if self.along == "sample" and "time" in self.data.variables else self.along
        if name not in self.data.variables or not self.is_number(name):
            return np.broadcast_to(np.arange(float(self.size(self.along))),
                                   (self.runs, self.size(self.along)))
        if self.dims(name) == (TIME,):
            return self.by_run(name)
        return np.broadcast_to(self.array(name).ravel(), (self.runs, self.size(self.along)))

    def time_name(self):
        name = "time" if self.along == "sample" and "time" in self.data.variables else self.along
        return self.long_name(name).split(",")[0]

    def setting(self, section, key, default):
        """A key of the resolved config."""
        table = self.config.get(section, {})
        return table.get(key, default) if isinstance(table, dict) else default

    def points(self):
        """The values of the axes at each run, in the file's order."""
        if not self.axes:
            return [{}]
        shown = [self.shown[dim] for dim in self.axes]
        return [{axis: values[i] for (axis, values), i in zip(shown, index)}
                for index in np.ndindex(*self.shape)]

    def keys(self):
        """The values of the groups' keys at each run, in the file's order."""
        groups = [(k, self.groups[dim]) for k, dim in enumerate(self.axes) if dim in self.groups]
        return [{key: values[index[k]] for k, group in groups for key, values in group.keys.items()}
                for index in np.ndindex(*self.shape)]

    def flags(self, name):
        """What its values or bits mean, as {value: word}."""
        variable = self.data[name]
        words = str(getattr(variable, "flag_meanings", "")).split()
        values = np.atleast_1d(getattr(variable, "flag_values", []))
        return {int(value): word for value, word in zip(values, words)}


def value_text(value):
    """A value of an axis as it would stand in a config."""
    return f"{value:g}" if isinstance(value, (float, np.floating)) else str(value)
