"""The look that all of gradflow's figures share, and the few helpers that their scripts need.

    import style
    style.use()
    fig, ax = plt.subplots(figsize=(style.COLUMN, 2.4))
    ...
    style.log_time_axis(ax, t)
    style.save(fig, "figures/group_name.png")       # and figures/group_name.pdf
    style.table([("final norm", 3**0.5, measured)])
"""

import argparse
import dataclasses
import functools
import logging
import math
import os
import sys

# That matplotlib keeps its cache in a temporary folder where the home cannot be written to is no news.
logging.getLogger("matplotlib").setLevel(logging.ERROR)
import matplotlib  # noqa: E402

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib import backend_bases, font_manager, ft2font, ticker  # noqa: E402

logging.getLogger("matplotlib").setLevel(logging.WARNING)

import files  # noqa: E402
import ticks  # noqa: E402
from ticks import tex  # noqa: E402, F401

COLUMN = 3.35  # inches: width of one column of a paper
PAGE = 6.9  # inches: width of both columns

# Okabe and Ito's palette, told apart with any colour vision; without its yellow, too pale for lines.
BLUE, ORANGE, GREEN, PURPLE, SKY, RED, BLACK, GREY = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000", "#777777")
COLORS = [BLUE, RED, GREEN, ORANGE, PURPLE, SKY, BLACK, GREY]
# Sequences (an axis of a study, modes, neurons): uniform in lightness, cut where it is too pale.
SEQUENCE = matplotlib.colors.LinearSegmentedColormap.from_list(
    "gradflow", matplotlib.colormaps["viridis"]([k / 255 * 0.9 for k in range(256)]))
LINE_STYLES = ["-", (0, (5, 1.5)), (0, (1, 1.2)), (0, (6, 1.5, 1, 1.5))]


@dataclasses.dataclass(frozen=True)
class Format:
    """What a picture is for: its width in inches, how much larger letters and lines are than on a
    printed page, and how many panels can be read on it."""
    width: float
    scale: float
    panels: int


FORMATS = {"paper": Format(PAGE, 1.0, 15), "slides": Format(12.8, 1.65, 6)}
FONT = "STIXGeneral"
SMALL = 7.5  # points of the letters in pictures of many panels
# Formats of pictures, and what is written into them: without dates and versions the same run gives
# the same files.
PICTURES = {".png": {"Software": None}, ".pdf": {"CreationDate": None, "Producer": None,
                                                 "Creator": "gradflow"},
            ".svg": {"Date": None, "Creator": "gradflow"}, ".jpg": None, ".jpeg": None}
DPI = 200


def use():
    """Sets matplotlib up. The fonts come with matplotlib, so that every machine draws the same."""
    plt.rcParams.update({
        "font.family": FONT,
        "mathtext.fontset": "stix",
        "font.size": 9,
        "axes.titlesize": 9,
        "axes.labelsize": 9,
        "xtick.labelsize": 8,
        "ytick.labelsize": 8,
        "legend.fontsize": 8,
        "axes.linewidth": 0.6,
        "axes.prop_cycle": plt.cycler(color=COLORS),
        "axes.axisbelow": True,
        "axes.formatter.useoffset": False,
        "axes.formatter.limits": (-3, 5),
        "axes.formatter.use_mathtext": True,
        "lines.linewidth": 1.3,
        "lines.markersize": 4,
        "lines.solid_capstyle": "round",
        "xtick.direction": "in",
        "ytick.direction": "in",
        "xtick.top": True,
        "ytick.right": True,
        "xtick.major.size": 3.5,
        "ytick.major.size": 3.5,
        "xtick.minor.size": 1.8,
        "ytick.minor.size": 1.8,
        "xtick.major.width": 0.6,
        "ytick.major.width": 0.6,
        "xtick.minor.width": 0.4,
        "ytick.minor.width": 0.4,
        "legend.frameon": True,
        "legend.framealpha": 0.85,
        "legend.edgecolor": "none",
        "legend.fancybox": False,
        "legend.borderpad": 0.25,
        "legend.handlelength": 1.8,
        "legend.handletextpad": 0.5,
        "legend.labelspacing": 0.3,
        "figure.dpi": 100,
        "svg.hashsalt": "gradflow",
        "figure.constrained_layout.use": True,
        "savefig.dpi": DPI,
        "savefig.facecolor": "white",
        "pdf.fonttype": 42,
    })


def save(fig, path):
    """Writes PATH as a picture of 200 dpi, and a PDF beside it. Returns the picture's path."""
    stem, extension = os.path.splitext(path)
    if not extension:
        path, extension = stem + ".png", ".png"
    _write(fig, path, extension.lower())
    if extension.lower() != ".pdf":
        fig.set_layout_engine("none")  # as laid out for the first: that takes most of the time
        _write(fig, stem + ".pdf", ".pdf")
    plt.close(fig)
    return path


def _write(fig, path, extension):
    """Asks the canvas itself: `savefig` draws every figure that has a layout twice."""
    fig.set_dpi(DPI)
    canvas = backend_bases.get_registered_canvas_class(extension[1:])(fig)
    metadata = {"metadata": PICTURES[extension]} if PICTURES[extension] else {}
    with files.replacing(path) as aside:
        getattr(canvas, "print_" + extension[1:])(aside, **metadata)


def log_ticks(axis):
    """As many labelled decades on a log axis as have room, unlabelled ticks between them."""
    low, high = sorted(axis.get_view_interval())
    decades, whole = 0, 0
    if 0 < low < high:
        decades = math.log10(high) - math.log10(low)
        whole = math.floor(math.log10(high) + 1e-9) - math.ceil(math.log10(low) - 1e-9) + 1
    box, figure = axis.axes.get_position(), axis.axes.figure
    across = axis.axis_name == "x"
    inches = (box.width * figure.get_figwidth() if across else box.height * figure.get_figheight())
    if whole >= 2:
        axis.set_major_locator(
            ticker.LogLocator(numticks=max(3, int(inches / (0.33 if across else 0.28)))))
        crowded = inches / decades < 0.22
        axis.set_minor_locator(
            ticker.LogLocator(subs=(1.0,) if crowded else range(2, 10), numticks=99))
    else:  # one power of ten alone would not tell the scale
        axis.set_major_locator(ticker.FixedLocator(ticks.within_decades(low, high)))
        axis.set_major_formatter(ticker.FuncFormatter(lambda value, _: tex(value)))
        axis.set_minor_locator(ticker.LogLocator(subs=range(1, 10), numticks=99))
    axis.set_minor_formatter(ticker.NullFormatter())


def log_time_axis(ax, times, label="time $t$"):
    """A log axis for times; t = 0 has no place on it and is left out by matplotlib."""
    positive = [float(t) for t in times if t > 0 and math.isfinite(t)]
    ax.set_xscale("log", nonpositive="mask")
    if positive and max(positive) > min(positive):
        ax.set_xlim(min(positive), max(positive))
    log_ticks(ax.xaxis)
    ax.set_xlabel(label)


def log_axis(ax, label=None, low=None, high=None):
    """A log axis for values: losses, errors, gradient norms."""
    ax.set_yscale("log", nonpositive="mask")
    if low is not None or high is not None:
        ax.set_ylim(low, high)
    log_ticks(ax.yaxis)
    if label:
        ax.set_ylabel(label)


def panel_label(ax, text):
    """(a), (b), ... above the upper left corner."""
    ax.set_title(text, loc="left", fontweight="bold")


@functools.cache
def _letters():
    return ft2font.FT2Font(font_manager.findfont(FONT)).get_charmap()


def plain(text):
    """Text that matplotlib must not read as a formula, in letters that the font has."""
    has = _letters()
    return "".join(r"\$" if c == "$" else c if ord(c) in has else " " if c.isspace() else "?"
                   for c in str(text))


def load(path):
    """The dataset of a result: of `result.nc` itself or of the folder that holds it."""
    import xarray

    file = os.path.join(path, "result.nc") if os.path.isdir(path) else path
    if not os.path.isfile(file):
        sys.exit(f"{file}: there is no such result; run its config first")
    return xarray.open_dataset(file)


def arguments(description):
    """RUNS_DIR --out FILE of the scripts that `gradflow figures` calls."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("runs", help="folder of the runs")
    parser.add_argument("--out", required=True, help="picture to write; a PDF is put beside it")
    return parser.parse_args()


def number(value):
    """A cell of a table: five digits of a number, a text as it is, - for None."""
    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    if isinstance(value, (bool, int)):
        return str(value)
    return f"{float(value):.5g}"


def table(rows, header=("quantity", "predicted", "measured")):
    """Prints (quantity, predicted, measured) in aligned columns; numbers, texts, or None."""
    cells = [tuple(header)] + [tuple(number(cell) for cell in row) for row in rows]
    widths = [max(len(row[k]) for row in cells) for k in range(len(header))]
    for row in cells:
        words = [row[0].ljust(widths[0])] + [c.rjust(w) for c, w in zip(row[1:], widths[1:])]
        print("  " + "  ".join(words).rstrip(), flush=True)
