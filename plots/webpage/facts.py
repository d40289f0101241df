"""What is written in words: counts, tables, failures, commands, processes."""

import json
import os
import re
import shlex

import numpy as np

import style
from overview import lettering, names
from overview.drawing import evenly
from overview.reading import BOOKKEEPING, TIME, value_text

MOST_ROWS = 200  # of a table
MOST_LETTERS = 400  # of a message
MOST_CONFIG = 60_000  # letters of the config that are shown


def label(runs, name):
    """What a variable is called in the pictures, and its name."""
    words = unmarked(names.label(name, runs.long_name(name)))
    return words if words == name.replace("_", " ") else f"{words} ({name})"


def unmarked(text):
    """A label of the pictures as plain text."""
    pieces = lettering.pieces(text)
    if pieces is None:
        return text.replace("$", "")
    return "".join(("^" if level > 0 else "_" if level < 0 else "") + letters
                   for letters, level in pieces)


def measured(runs):
    """Names of the numbers that were measured in each run: neither given nor bookkeeping."""
    first = runs.results[0]
    return [name for name in runs.names()
            if runs.dims(name) == () and first.is_number(name) and name not in first.sizes
            and not first.is_given(name) and name not in BOOKKEEPING]


def of_good_runs(runs, found):
    """{name: number of each run}, NaN of runs that failed; of a single run as it is."""
    values = {name: np.array(runs.values(name), dtype=float) for name in found}
    if not runs.single:
        for row in values.values():
            row[runs.status() != 0] = np.nan
    return values


def is_error(name, others):
    return name.endswith("_error") and name.removesuffix("_error") in others


def status_counts(runs):
    """How many runs ended in which way, as (word, count), good ones first."""
    status = runs.status()
    flags = runs.results[0].flags("status")
    values, counts = np.unique(status, return_counts=True)
    return [(flags.get(int(value), f"status {value}"), int(count))
            for value, count in zip(values, counts)]


def number(value):
    return f"{value:.5g}" if np.isfinite(value) else "–"


def measurements(runs, wanted=()):
    """(heads, rows, remark): measured numbers of each combination of the axes that tell, as mean ±
    standard error (count) over repetitions; those that are `wanted`, or all."""
    found = [name for name in measured(runs)
             if not wanted or name.removesuffix("_error") in wanted]
    shown = [name for name in found if not is_error(name, found)]
    values = of_good_runs(runs, found)
    # What is the same in all runs was given, or is no news; of a single run all is.
    if not runs.single and not wanted:
        shown = [name for name in shown if not is_constant(values[name])]
    needed = runs.status() >= 0  # of a bisection not all runs are
    groups = [(point, members) for point, members in runs.groups() if needed[members].any()]
    chosen = evenly(len(groups), MOST_ROWS)
    columns = runs.columns(runs.telling)
    rows = []
    for _, members in (groups[k] for k in chosen):
        cells = []
        for name in shown:
            error = values.get(name + "_error")
            cells.append(_cell(values[name][members], None if error is None else error[members]))
        rows.append((places(runs.runs[members[0]], columns), cells))
    remarks = []
    if len(chosen) < len(groups):
        remarks.append(f"{len(chosen)} of {len(groups)} rows, evenly chosen")
    if runs.repetitions:
        remarks.append(f"mean ± standard error over {', '.join(runs.repetitions)}, with the number "
                       "of runs that have a value and did not fail")
    return columns, shown, rows, "; ".join(remarks)


def exponents(runs):
    """(heads, rows) of the power laws that a study was asked for: what of, where along the axes that
    remain, exponent ± its standard error, prefactor."""
    rows = []
    for result in runs.results:
        data = result.data.variables
        for name in result.setting("measure", "exponents", []):
            if f"{name}_exponent" not in data:
                continue
            dims = data[f"{name}_exponent"].dimensions
            laws = [np.asarray(data[name + part][...]) for part in
                    ("_exponent", "_exponent_error", "_prefactor")]
            for place in np.ndindex(laws[0].shape):
                where = ", ".join(f"{dim} = {value_text(result.coordinate(dim)[k])}"
                                  for dim, k in zip(dims, place))
                exponent, error, prefactor = (float(law[place]) for law in laws)
                rows.append((name, where, f"{number(exponent)} ± {error:.2g}"
                             if np.isfinite(exponent) else "–", number(prefactor)))
    against = str(runs.results[0].setting("measure", "against", "")) or next(
        iter(runs.results[0].axes), "")
    return (["fit of", "at", f"exponent along {against}", "prefactor"],
            [rows[k] for k in evenly(len(rows), MOST_ROWS)])


def places(run, columns):
    """Where a run stands along axes and keys."""
    return ["" if run.has(name) is None else value_text(run.has(name)) for name in columns]


def is_constant(values):
    finite = values[np.isfinite(values)]
    return finite.size == 0 or bool((finite == finite[0]).all()) and finite.size == values.size


def _cell(values, errors):
    there = np.isfinite(values)
    if not there.any():
        return "–"
    if len(values) == 1:
        error = errors[0] if errors is not None else np.nan
        return number(values[0]) + (f" ± {number(error)}" if np.isfinite(error) else "")
    count = int(there.sum())
    spread = values[there].std(ddof=1) / np.sqrt(count) if count > 1 else np.nan
    return (number(values[there].mean()) + (f" ± {number(spread)}" if count > 1 else "")
            + f" ({count})")


def ends(runs):
    """Of a single run: what its observables of one number end with, as (name, value)."""
    first = runs.results[0]
    return [(name, number(float(runs.values(name)[0][-1])))
            for name in runs.names()
            if runs.dims(name) == (TIME,) and first.is_number(name) and name not in BOOKKEEPING
            and name not in first.sizes and len(runs.values(name)[0])]


def failures(runs):
    """(heads of the place, rows, count): (place, status in words, message) of runs that failed."""
    status = runs.status()
    bad = np.flatnonzero(status > 0)  # below are runs that a bisection had no need of
    result = runs.results[0]
    flags = result.flags("status")
    texts = result.texts("message") if "message" in result.data.variables else [""] * len(status)
    columns = runs.columns(axis for axis, _ in result.shown.values())
    rows = []
    for k in bad[:MOST_ROWS]:
        rows.append((places(runs.runs[k], columns),
                     flags.get(int(status[k]), f"status {status[k]}"), cut(texts[k])))
    return columns, rows, int(bad.size)


def cut(text, most=MOST_LETTERS):
    return text if len(text) <= most else text[:most] + " …"


def config_given(runs):
    """The config as it was given, and what was set beside it."""
    text = str(runs.results[0].attributes.get("config", ""))
    overrides = re.findall(r"^# --set (.*)$", text, flags=re.MULTILINE)
    shown = cut(text, MOST_CONFIG)
    return shown, overrides


def commands(runs, folder):
    """Command lines, each with what it does."""
    _, overrides = config_given(runs)
    words = ["gradflow", "run", os.path.join(folder, "config.toml")]
    extra = [word for option in overrides for word in ("--set", option)]
    lines = []
    command = runs.results[0].attributes.get("command")
    if command:
        lines.append(("made this result", str(command)))
    lines.append(("runs it again, into another folder",
                  shlex.join([*words, "--out", "results/again"])))
    if runs.results[0].axes:
        lines.append(("goes on with points that are missing or failed",
                      shlex.join([*words, "--out", folder, "--resume"])))
        lines.append(("takes what a longer study shares with it from here",
                      shlex.join(["gradflow", "run", "longer.toml", *extra, "--reuse", folder])))
    lines.append(("draws it", shlex.join(["gradflow", "plot", folder])))
    return lines


def processes(folder):
    """Of each process that worked here, as its file has them; none where there is no such file."""
    try:
        with open(os.path.join(folder, "processes.json"), encoding="utf-8") as file:
            entries = json.load(file)
    except (OSError, ValueError):
        return []
    return [entry for entry in entries if isinstance(entry, dict)]


def plain_folder(folder):
    return style.plain(os.path.basename(os.path.normpath(os.path.abspath(folder))))
