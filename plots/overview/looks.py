"""Colours and line styles of runs, and the key to them. The colour tells the axis with the most
values, the line style a second one with few; repetitions with another seed share a look. Of draws of a
design the colour tells a key, where there is no other axis to tell."""

import dataclasses
import os
import re

import numpy as np
from matplotlib import colors

import style
import ticks
from overview import names, reading, scales
from overview.panels import Key

MOST_LETTERS = 28  # of a word in a key
MOST_ENTRIES = 6  # values of an axis that are named one by one; more get a colour bar


@dataclasses.dataclass(frozen=True)
class Look:
    color: object = style.BLUE
    dash: object = "-"
    width: float = 1.1


@dataclasses.dataclass
class Bar:
    """A colour bar: the scale along it, or two words at its ends."""
    label: str
    scale: scales.Scale = None
    ends: tuple = None


class Looks:
    """The looks of all runs of a picture."""

    def __init__(self, runs, x=""):
        """`x` is what is drawn over, which the colour need not tell."""
        self.runs = runs
        numbers = {axis: are_numbers(values) for axis, values in runs.axes.items()}
        telling = [axis for axis in runs.telling if axis not in runs.designs]
        self.color_axis = self.dash_axis = self.shade_axis = None
        self.color_name, self.color_key = "", {}  # of a design, {its place: the key's value}
        if reading.FOLDER in telling:
            self.color_axis = reading.FOLDER
        elif telling:
            self.color_axis = max(telling, key=lambda axis: len(runs.axes[axis])
                                  if numbers[axis] else 0)
        rest = [axis for axis in telling if axis != self.color_axis]
        few = [axis for axis in rest if len(runs.axes[axis]) <= len(style.LINE_STYLES)]
        if few:
            self.dash_axis = few[0]
        elif rest and self.color_axis == reading.FOLDER and numbers[rest[0]]:
            self.shade_axis = rest[0]
        if not telling and runs.designs:
            self._color_by_key(x)
        self.color_name = self.color_name or self.color_axis
        self.alike = [axis for axis in [*rest, *runs.designs]
                      if axis not in (self.dash_axis, self.shade_axis, self.color_axis)]
        values = runs.axes.get(self.color_axis, [])
        self.used = set()  # axes that something drawn has told apart
        self.scale = None
        if self.color_key:
            values = list(self.color_key.values())
        if self.color_axis and numbers[self.color_axis] and (
                len(values) > MOST_ENTRIES or self.color_key):
            self.scale = scales.of_axis(np.array(values, dtype=float))

    def _color_by_key(self, x):
        """The first key of the first design, but not the one that it is drawn over."""
        axis, keys = next(iter(self.runs.designs.items()))
        name = next((key for key in keys if key != x), keys[0])
        self.color_axis = axis
        self.color_name = name
        self.color_key = {run.point[axis]: run.has(name) for run in self.runs.runs
                          if axis in run.point}

    def of(self, point):
        color, dash = style.BLUE, "-"
        self.used |= set(point)
        if self.color_axis in point:
            values = self.runs.axes[self.color_axis]
            color = self._color(values, point.get(self.color_axis))
        if self.shade_axis and self.shade_axis in point:
            values = self.runs.axes[self.shade_axis]
            color = pale(color, 0.65 * (1 - values.index(point[self.shade_axis])
                                        / (len(values) - 1)))
        if self.dash_axis and self.dash_axis in point:
            dash = style.LINE_STYLES[self.runs.axes[self.dash_axis].index(point[self.dash_axis])]
        groups = len(self.runs.runs) if self.alike or self.color_key else 1
        return Look(color, dash, 0.6 if groups > 60 else 1.1)

    def _color(self, values, value):
        if self.scale is not None:
            number = self.color_key[value] if self.color_key else value
            return style.SEQUENCE(float(self.scale.unit(float(number))))
        k = values.index(value)
        if len(values) > 3 and are_numbers(values):
            return style.SEQUENCE(k / (len(values) - 1))
        return style.COLORS[k % len(style.COLORS)]

    def key(self):
        """What the looks that were used mean, and the bar that stands for an axis of many values."""
        entries, bar = [], None
        if self.color_axis in self.used:
            name = self.axis_label(self.color_name)
            if self.scale is not None:
                bar = Bar(name, scale=self.scale)
            else:
                values = self.runs.axes[self.color_axis]
                entries.append(Key(f"{name}:"))
                entries += [Key(text, self._color(values, value))
                            for text, value in zip(value_labels(values), values)]
        if self.dash_axis in self.used:
            entries.append(Key(f"{self.axis_label(self.dash_axis)}:"))
            entries += [Key(text, style.GREY, dash) for text, dash in
                        zip(value_labels(self.runs.axes[self.dash_axis]), style.LINE_STYLES)]
        if self.shade_axis in self.used:
            values = self.runs.axes[self.shade_axis]
            entries.append(Key(f"{self.axis_label(self.shade_axis)}, pale to full: "
                               f"{value_label(values[0])} to {value_label(values[-1])}"))
        return entries, bar

    def axis_label(self, axis):
        """What stands at an axis; of a group that is known by the values of its keys, their names."""
        if axis == reading.FOLDER:
            return axis
        keys = [key for key, other in self.runs.keys.items() if other == axis]
        if keys and axis not in keys and axis not in self.runs.designs:
            return ", ".join(map(self.axis_label, keys))
        return names.axis_label(axis, self.runs.long_name(axis))


def are_numbers(values):
    return all(isinstance(v, (int, float, np.number)) and not isinstance(v, (bool, np.bool_))
               for v in values)


def value_label(value):
    """A value of an axis or a number along a dimension as it stands in a key."""
    if isinstance(value, (float, np.floating)):
        return ticks.tex(float(f"{value:.3g}"))
    return style.plain(value)


def value_labels(values, letters=MOST_LETTERS):
    """The same of several that are read together: all as powers of ten where one is and all can be; of
    long words, such as paths, what tells them apart."""
    texts = [value_label(value) for value in values]
    if max(map(len, texts), default=0) > letters and not are_numbers(values):
        return _shortened(texts, letters)
    if not are_numbers(values) or not any(text.startswith("$10^") for text in texts):
        return texts
    powers = [ticks.power_of_ten(value) if value else text for value, text in zip(values, texts)]
    return texts if None in powers else powers


def _shortened(words, letters):
    """Without the folders that all have, and without their middle where that is still too long; where
    that leaves no difference, without what all begin and end with."""
    shared = os.path.commonprefix(words).rpartition("/")[0]
    rest = [word[len(shared):].removeprefix("/") if shared else word for word in words]
    half = (letters - 1) // 2
    short = [f"{word[:half]}…{word[-half:]}" if len(word) > letters else word for word in rest]
    if len(set(short)) < len(set(words)):
        short = [f"…{word}…" for word in _different(rest)]
    if max(map(len, short)) <= letters and len(set(short)) == len(set(words)):
        return short
    return [f"{word[:half]}… ({k + 1})" for k, word in enumerate(rest)]


def _different(words):
    """What tells words apart: from behind the last sign between words of what all begin with, to before
    the first of what all end with."""
    begin = re.match(r"(.*[=/,\[ ])?", os.path.commonprefix(words))[0]
    words = [word[len(begin):] for word in words]
    end = os.path.commonprefix([word[::-1] for word in words])[::-1]
    end = (re.search(r"[=/,\] ].*", end) or [""])[0]
    return [word.removesuffix(end) for word in words]


def bar_of_entries(entries):
    """The bar for vectors' entries: their numbers where all vectors have the same, else which comes
    first. Colours are as far apart as entries are, so that numbers with gaps stand at its ends alone."""
    names_, numbers = entries[0][0], np.array(entries[0][1])
    steps = np.diff(numbers) if are_numbers(entries[0][1]) else np.array([])
    if steps.size and (steps > 0).all() and all(
            name == names_ and np.array_equal(other, numbers) for name, other in entries[1:]):
        if (steps != steps[0]).any():
            return Bar(names_, ends=(value_label(numbers[0]), value_label(numbers[-1])))
        whole = bool((numbers == np.round(numbers)).all())
        return Bar(names_, scales.Scale("linear", float(numbers[0]), float(numbers[-1]), whole=whole))
    return Bar("entries:", ends=("first", "last"))


def pale(color, share):
    red, green, blue = colors.to_rgb(color)
    return tuple(c + (1 - c) * share for c in (red, green, blue))


def sequence(count):
    """Colours of entries in their order, few ones far apart."""
    if count <= 3:
        return style.COLORS[:count]
    return [style.SEQUENCE(k / (count - 1)) for k in range(count)]
