"""Draws what results hold: plot.py RESULT... [options]. Called by `gradflow plot`.

A single run: losses and errors, norms, and each vector observable over time. A study: the same
curves, coloured by an axis, and the numbers measured in each run against that axis. A sweep: its curves up
and down, with the transitions. Branches: over the weight decay, with what is special. A bisection: where
a number crosses its level, over the axes, and what each run measured. Several results: the same of all of
them, coloured by folder.
"""

import argparse
import contextlib
import os
import sys

import ending
import files
import style
from overview import arrays, bisections, branches, page, sweeps, trajectories
from overview.drawing import Request
from overview.reading import Refused, Result, nearest
from overview.runs import Runs
from overview.remarks import remarks

KINDS = (bisections, sweeps, branches, trajectories, arrays)  # of pictures; the first that applies is drawn


def arguments(words):
    parser = argparse.ArgumentParser(prog="gradflow plot", description=__doc__.splitlines()[0],
                                     allow_abbrev=False)
    parser.add_argument("results", nargs="+", metavar="RESULT",
                        help="folder of results, or a result file")
    parser.add_argument("--out", help="picture to write; a PDF is put beside it")
    parser.add_argument("--variables", help="what to draw, separated by commas")
    parser.add_argument("--x", default="", help="what to draw it over")
    parser.add_argument("--where", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--log", action="store_true", help="logarithmic axes")
    parser.add_argument("--linear", action="store_true", help="linear axes")
    parser.add_argument("--style", default="paper", help=" or ".join(style.FORMATS))
    return parser.parse_args(words)


def checked_out(options):
    """The picture's path. Beside the result where none is given."""
    first = options.results[0]
    out = options.out or os.path.join(first if os.path.isdir(first) else os.path.dirname(first),
                                      "figure.png")
    extension = os.path.splitext(out)[1].lower()
    if extension and extension not in style.PICTURES:
        raise Refused(f"--out {out}: there are no pictures of the kind {extension}"
                      + nearest(extension, list(style.PICTURES)))
    if wrong := files.hindrance(out):
        raise Refused(f"--out {out}: {wrong}, expected the picture to write")
    return out


def request_of(options):
    if options.log and options.linear:
        raise Refused("--log and --linear exclude each other")
    if options.style not in style.FORMATS:
        raise Refused(f"--style {options.style}: there is no such style"
                      + nearest(options.style, list(style.FORMATS)))
    variables = [name for name in (options.variables or "").split(",") if name]
    if options.variables is not None and not variables:
        raise Refused("--variables: names none")
    return Request(tuple(dict.fromkeys(variables)), options.x,
                                "log" if options.log else "linear" if options.linear else "")


def title_of(results):
    """Folders, models, and what was selected."""
    models = list(dict.fromkeys(str(r.attributes.get("model", "")).replace("_", " ")
                                for r in results))
    folders = ", ".join(r.folder for r in results)
    title = folders if models in ([""], [folders.replace("_", " ")]) else (
        f"{folders}: {', '.join(model for model in models if model)}")
    return "; ".join([title] + results[0].selection)


def figure_of(runs, request, look):
    """The picture of the first kind that applies, as a figure of matplotlib."""
    kind = next((kind for kind in KINDS if kind.applies(runs)), None)
    if kind is None:
        raise Refused("results without runs cannot be drawn together")
    content = kind.content(runs, request)
    content.notes = remarks(runs) + content.notes
    style.use()
    return page.draw(title_of(runs.results), content, look)


def draw(options):
    """Writes the picture and returns its path."""
    out, request = checked_out(options), request_of(options)
    with contextlib.ExitStack() as open_files:
        results = [open_files.enter_context(contextlib.closing(Result(path, options.where)))
                   for path in options.results]
        figure = figure_of(Runs(results), request, options.style)
    return style.save(figure, out)


def main(words):
    options = arguments(words)
    return ending.end(lambda: draw(options), ", ".join(options.results))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
