"""What the tests of pictures share: results made by hand, pictures drawn in this process with every
warning an error, and numbers read back from the SVG."""

import contextlib
import io
import os
import re
import sys
import tempfile
import unittest
import unittest.mock
import warnings
import xml.etree.ElementTree as xml

import netCDF4
import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "plots"))
import plot  # noqa: E402
import style  # noqa: E402

STATUS_WORDS = "ok step_underflow no_convergence not_finite"
CONFIG = '[flow]\nkind = "{kind}"\n[solver]\nrtol = {rtol}\natol = {atol}\n'
SVG = "{http://www.w3.org/2000/svg}"


def write_result(folder, variables, axes=None, time=None, status=None, kind="gradient", rtol=1e-8,
                 atol=1e-10, model="two_layer_network", coordinates=None):
    """A result as gradflow writes it. `variables`: {name: values} over the axes and time, or
    {name: (dimensions after the axes, values)}; `axes`: {name: values}."""
    axes = axes or {}
    os.makedirs(folder, exist_ok=True)
    with netCDF4.Dataset(os.path.join(folder, "result.nc"), "w") as data:
        data.model = model
        data.config_resolved = CONFIG.format(kind=kind, rtol=rtol, atol=atol)
        for name, values in {**axes, **(coordinates or {})}.items():
            _write_coordinate(data, name, values)
        if time is not None:
            _write_coordinate(data, "time", time)
            data["time"].long_name = "time t"
        shape = tuple(len(values) for values in axes.values())
        for name, given in variables.items():
            dims, values = given if isinstance(given, tuple) else (("time",), given)
            values = np.asarray(values, dtype=float)
            for dim, size in zip(dims, values.shape[len(shape):]):
                if dim not in data.dimensions:
                    data.createDimension(dim, size)
            data.createVariable(name, "f8", (*axes, *dims), fill_value=np.nan)[...] = values
        made = data.createVariable("status", "i4", tuple(axes))
        made[...] = np.zeros(shape) if status is None else status
        made.flag_values = np.arange(4, dtype="i4")
        made.flag_meanings = STATUS_WORDS
    return folder


def _write_coordinate(data, name, values):
    data.createDimension(name, len(values))
    values = list(values)
    if values and isinstance(values[0], str):
        variable = data.createVariable(name, str, (name,))
        for k, text in enumerate(values):
            variable[k] = text
    else:
        array = np.asarray(values)
        variable = data.createVariable(name, "i8" if array.dtype.kind == "i" else "f8", (name,))
        variable[:] = array
    variable.long_name = name


class PictureTest(unittest.TestCase):
    """Tests in a folder of their own."""

    def setUp(self):
        self._folder = tempfile.TemporaryDirectory(prefix="gradflow-plots-")
        self.addCleanup(self._folder.cleanup)
        self.folder = self._folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def result(self, name, *arguments, **more):
        return write_result(self.path(name), *arguments, **more)

    def draw(self, *words):
        """Draws without a warning; returns the picture's SVG."""
        out = self.path("picture.svg")
        write = style._write  # the PDF beside it has tests of its own
        with unittest.mock.patch.object(style, "_write", lambda fig, path, extension: (
                write(fig, path, extension) if extension == ".svg" else None)):
            code, said, complaint = call(*words, "--out", out)
        self.assertEqual((code, complaint), (0, ""))
        self.assertEqual(said, out + "\n")
        with open(out, encoding="utf-8") as file:
            picture = Picture(file.read())
        self.assertNotIn("cannot be drawn", picture.all_text())
        return picture

    def refuses(self, words, *phrases):
        """That these words end with exit code 2 and one line that holds all phrases."""
        code, said, complaint = call(*words)
        self.assertEqual((code, said), (2, ""), complaint)
        self.assertEqual(complaint.count("\n"), 1, complaint)
        for phrase in phrases:
            self.assertIn(phrase, complaint)


def call(*words):
    """(exit code, stdout, stderr) of plot.py, with matplotlib's and NumPy's warnings as errors."""
    said, complaint = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(complaint):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            code = plot.main(list(words))
    return code, said.getvalue(), complaint.getvalue()


class Picture:
    """An SVG as matplotlib writes it: texts stand in comments, beside their outlines."""

    def __init__(self, text):
        self.root = xml.fromstring(text, xml.XMLParser(
            target=xml.TreeBuilder(insert_comments=True)))

    def texts(self, element=None):
        return [comment.text.strip() for comment in
                (self.root if element is None else element).iter(xml.Comment)]

    def all_text(self):
        return "\n".join(self.texts())

    def axes(self, number=1):
        return self._group(self.root, f"axes_{number}")

    def count_axes(self):
        return sum(1 for g in self.root.iter(SVG + "g") if re.fullmatch(r"axes_\d+", g.get("id", "")))

    @staticmethod
    def _group(element, name):
        return next(g for g in element.iter(SVG + "g") if g.get("id") == name)

    def ticks(self, side, number=1):
        """[(what stands there, place on the page)] of an axis, "x" or "y"."""
        out = []
        for g in self.axes(number).iter(SVG + "g"):
            if re.fullmatch(side + r"tick_\d+", g.get("id", "")):
                mark = next(g.iter(SVG + "use"))
                out.append((self.texts(g)[0], float(mark.get(side))))
        return out

    def curves(self, number=1):
        """Places on the page of the lines of a panel."""
        out = []
        for g in self.axes(number).iter(SVG + "g"):
            if g.get("id", "").startswith("LineCollection"):
                for path in g.iter(SVG + "path"):
                    out.append(np.array([[float(x) for x in pair.split()[-2:]] for pair in
                                         re.findall(r"[ML] ([-\d.e]+ [-\d.e]+)", path.get("d"))]))
        return out

    def read(self, place, side, logarithmic, number=1):
        """The number at a place, as a reader finds it between two ticks."""
        ticks = sorted((at, value_of(text)) for text, at in self.ticks(side, number))
        ticks = [(at, value) for at, value in ticks if not logarithmic or value > 0]
        at, values = np.array(ticks).T
        line = np.polyfit(at, np.log(values) if logarithmic else values, 1)
        found = np.polyval(line, place)
        return float(np.exp(found) if logarithmic else found)


def value_of(text):
    """The number that a tick's text stands for."""
    text = text.replace("$", "").replace("\N{MINUS SIGN}", "-").replace("\\times", "*")
    text = re.sub(r"10\^\{([-\d]+)\}", r"1e\1", text)
    factors = [float(part) for part in text.replace("-1e", "-1*1e").split("*")]
    return float(np.prod(factors))
