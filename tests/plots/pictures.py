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


def make_group(folder, dim, kind, keys):
    """Makes an axis of a result the places of a group: "zip", "sobol" or "random"; `keys`: {name: values
    along it}."""
    with netCDF4.Dataset(os.path.join(folder, "result.nc"), "a") as data:
        data[dim].long_name = f"place in study.{kind}.{dim}"
        for name, values in keys.items():
            variable = data.createVariable(name, str if isinstance(values[0], str) else "f8", (dim,))
            for k, value in enumerate(values):
                variable[k] = value
            variable.long_name = f"model.{name}"
    return folder


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
        write = style._write

        def write_svg(figure, path, extension):  # the PDF beside it has tests of its own
            if extension == ".svg":
                write(figure, path, extension)
                self.check_nothing_is_cut(figure)

        with unittest.mock.patch.object(style, "_write", write_svg):
            code, said, complaint = call(*words, "--out", out)
        self.assertEqual((code, complaint), (0, ""))
        self.assertEqual(said, out + "\n")
        with open(out, encoding="utf-8") as file:
            picture = Picture(file.read())
        self.assertNotIn("cannot be drawn", picture.all_text())
        return picture

    def check_nothing_is_cut(self, figure):
        """That every text is whole on the page."""
        page, renderer = figure.bbox, figure._get_renderer()
        for text in figure.texts:
            box = text.get_window_extent(renderer)
            self.assertTrue(page.x0 - 1 <= box.x0 and box.x1 <= page.x1 + 1
                            and page.y0 - 1 <= box.y0 and box.y1 <= page.y1 + 1, text.get_text())

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

    def all_text(self):
        """All texts, a line each; formulas in the pieces that they are drawn in."""
        return "\n".join(comment.text.strip() for comment in self.root.iter(xml.Comment))

    def count_frames(self):
        return len(self._groups(r"axes_\d+"))

    def _groups(self, pattern, element=None):
        return [g for g in (self.root if element is None else element).iter(SVG + "g")
                if re.fullmatch(pattern, g.get("id", ""))]

    def ticks(self, side, panel=1):
        """[(number that stands there, place on the page)] of an axis, "x" or "y"."""
        marks, = self._groups(f"panel{panel}-{side}ticks")
        places = [float(use.get(side)) for use in marks.iter(SVG + "use")]
        return [(value_of(self._number(f"panel{panel}-{side}number{k}")), place)
                for k, place in enumerate(places)]

    def _number(self, name):
        parts = [(next(g.iter(xml.Comment)).text.strip(), g.get("id").endswith("-script"))
                 for g in self._groups(re.escape(name) + "(-script)?")]
        return "".join(f"^{text}" if script else text for text, script in parts)

    def numbers(self, side, panel=1):
        return [number for number, _ in self.ticks(side, panel)]

    def curves(self, panel=1):
        """Places on the page of the lines of a panel."""
        axes, = self._groups(f"axes_{panel}")
        return [np.array([[float(x) for x in pair] for pair in
                          re.findall(r"[ML] ([-\d.e]+) ([-\d.e]+)", path.get("d"))])
                for lines in self._groups("LineCollection.*", axes)
                for path in lines.iter(SVG + "path")]

    def points(self, panel=1):
        """Places on the page of the points of a panel."""
        axes, = self._groups(f"axes_{panel}")
        return [(float(use.get("x")), float(use.get("y")))
                for marks in self._groups("PathCollection.*", axes) for use in marks.iter(SVG + "use")]

    def point_colors(self, panel=1):
        """The fillings of these points."""
        axes, = self._groups(f"axes_{panel}")
        return [re.search(r"fill: (#\w+)", use.get("style", ""))[1]
                for marks in self._groups("PathCollection.*", axes) for use in marks.iter(SVG + "use")]

    def dashed(self, panel=1):
        """Of each of these lines whether it is dashed."""
        axes, = self._groups(f"axes_{panel}")
        return ["stroke-dasharray" in path.get("style", "")
                for lines in self._groups("LineCollection.*", axes)
                for path in lines.iter(SVG + "path")]

    def outlines(self, kind, panel=1):
        """Outlines of a panel's bands and the like."""
        axes, = self._groups(f"axes_{panel}")
        return [path.get("d") for g in self._groups(kind + ".*", axes)
                for path in g.iter(SVG + "path")]

    def read(self, place, side, logarithmic, panel=1):
        """The number at a place, as a reader finds it between the ticks."""
        values, at = np.array([tick for tick in self.ticks(side, panel)
                               if tick[0] > 0 or not logarithmic]).T
        line = np.polyfit(at, np.log(values) if logarithmic else values, 1)
        found = np.polyval(line, place)
        return float(np.exp(found) if logarithmic else found)


def value_of(text):
    """The number that a tick's text stands for: 0.5, 10^-3, 2.5 x 10^4, in the signs of print."""
    text = text.replace("$", "").replace("\N{MINUS SIGN}", "-").replace("\\times", "\N{MULTIPLICATION SIGN}")
    text = re.sub(r"10\s*\^\{?([-\d]+)\}?", r"1e\1", text)
    factors = [float(part) for part in text.replace("-1e", "-1\N{MULTIPLICATION SIGN}1e").split(
        "\N{MULTIPLICATION SIGN}")]
    return float(np.prod(factors))
