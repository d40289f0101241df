"""Writes a result as one page that can be passed on: report.py RESULT [--out FILE]. Called by
`gradflow report`.

The page holds all it needs: what was run, a picture, curves and measurements to look into, tables of
measurements and failures, how to run it again and how to cite it. Nothing is loaded from anywhere.
"""

import argparse
import contextlib
import os
import sys

import ending
import files
from overview.reading import Refused, Result
from overview.runs import Runs
from webpage import page


def arguments(words):
    parser = argparse.ArgumentParser(prog="gradflow report", description=__doc__.splitlines()[0],
                                     allow_abbrev=False)
    parser.add_argument("result", metavar="RESULT", help="folder of results")
    parser.add_argument("--out", help="the page to write (RESULT/report.html)")
    return parser.parse_args(words)


def write(options):
    """Writes the page and returns its path."""
    out = options.out or os.path.join(options.result, "report.html")
    if wrong := files.hindrance(out):
        raise Refused(f"--out {out}: {wrong}, expected the page to write")
    with contextlib.closing(Result(options.result)) as result:
        runs = Runs([result])
        if not result.axes and "status" not in result.data.variables:
            raise Refused(f"{result.file}: holds no runs, but another program's data; gradflow plot "
                          "draws them")
        text = page.of(runs, options.result)
    with files.replacing(out) as aside, open(aside, "w", encoding="utf-8") as file:
        file.write(text)
    return out


def main(words):
    options = arguments(words)
    return ending.end(lambda: write(options), options.result)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
