"""The numbers of the curves and measurements that the page's reader looks into, thinned so that the
page stays small.

The rule: at most MOST_CURVES runs, evenly chosen in the config's order; of each observable so many
samples, evenly chosen with the first and the last, that all of them together are at most
MOST_NUMBERS; at most MOST_POINTS runs of the measurements, evenly chosen too. Five digits.
"""

import math

import numpy as np

from overview.drawing import evenly
from overview.looks import are_numbers
from overview.reading import BOOKKEEPING, TIME, value_text

from webpage import facts

MOST_CURVES = 60
MOST_SAMPLES = 400
MOST_NUMBERS = 120_000  # of all curves; the measurements may have as many
MOST_POINTS = 4000


def rounded(values):
    """Numbers with five digits; what is not finite is None."""
    return [float(f"{value:.5g}") if math.isfinite(value) else None for value in values]


def axes(runs):
    """The study's axes, and the keys of its groups: names and values, of numbers or words. What is
    `drawn` has a value of its own at each draw of a design, which is known by its keys alone."""
    out = []
    for name, values in _values(runs).items():
        out.append({"name": name, "repeats": name in runs.repetitions,
                    "drawn": runs.keys.get(name) in runs.designs,
                    "values": [float(v) for v in values] if are_numbers(values) else None,
                    "texts": [value_text(v) for v in values]})
    return out


def _values(runs):
    """{axis or key of a group: its values}, those of keys in rising order."""
    found = {}
    for name in runs.columns(runs.axes):
        if name in runs.designs:
            continue
        values = runs.axes.get(name) or list(dict.fromkeys(run.has(name) for run in runs.runs))
        if len(values) > 1:
            found[name] = sorted(values) if are_numbers(values) else values
    return found


def places(runs, chosen):
    """Of each chosen run its place along each axis and key."""
    index = {name: {value: k for k, value in enumerate(values)}
             for name, values in _values(runs).items()}
    return [[there[runs.runs[k].has(name)] for name, there in index.items()] for k in chosen]


def _rows(result, name, chosen):
    """A variable of some runs, without reading all of it."""
    variable = result.data[name]
    head = variable.shape[:len(result.axes)]
    rows = []
    for k in chosen:
        at = np.unravel_index(k, head) if head else ()
        row = np.ma.filled(np.ma.asarray(variable[tuple(at)]).astype(float), np.nan)
        rows.append(np.atleast_1d(row))
    return rows


def curves(runs):
    """Observables of one number along the runs; None where there are none."""
    result = runs.results[0]
    observables = [name for name in runs.names()
                   if runs.dims(name) == (TIME,) and result.is_number(name)
                   and name not in BOOKKEEPING and name not in result.sizes]
    if not observables or result.along is None:
        return None
    count = len(runs.runs)
    chosen = evenly(count, MOST_CURVES)
    along = result.size(result.along)
    most = max(20, MOST_NUMBERS // (len(chosen) * (len(observables) + 2)))
    samples = evenly(along, min(MOST_SAMPLES, most))
    xs = {}
    for name in dict.fromkeys((_abscissa(result), "slow_time")):
        if name is None or name not in result.data.variables or not result.is_number(name):
            continue
        dims = result.dims(name)
        if dims == (TIME,):
            xs[name] = [rounded(row[samples]) for row in _rows(result, name, chosen)]
        elif dims is None:  # one for all
            xs[name] = [rounded(result.array(name).ravel()[samples])]
    if not xs:
        xs["sample"] = [[float(k) for k in samples]]
    remark = []
    if len(chosen) < count:
        remark.append(f"{len(chosen)} of {count} runs")
    if len(samples) < along:
        remark.append(f"{len(samples)} of {along} samples")
    return {
        "places": places(runs, chosen),
        "x": [{"name": name, "label": facts.label(runs, name), "rows": rows}
              for name, rows in xs.items()],
        "observables": [{"name": name, "label": facts.label(runs, name),
                         "rows": [rounded(row[samples]) for row in _rows(result, name, chosen)]}
                        for name in observables],
        "remark": ("evenly chosen: " + ", ".join(remark)) if remark else "",
    }


def _abscissa(result):
    if result.along == "sample" and "time" in result.data.variables:
        return "time"
    return result.along


def numbers(runs):
    """What was measured in each run, against the axes; None of a single run."""
    if runs.single:
        return None
    found = facts.measured(runs)
    values = facts.of_good_runs(runs, found)
    shown = [name for name in found if not facts.is_error(name, found)
             and not facts.is_constant(values[name])]
    if not shown:
        return None
    count = len(runs.runs)
    chosen = np.array(evenly(count, min(MOST_POINTS, MOST_NUMBERS // len(shown))))
    entries = []
    for name in shown:
        error = values.get(name + "_error")
        entries.append({"name": name, "label": facts.label(runs, name),
                        "asked": name in runs.asked(),
                        "values": rounded(values[name][chosen]),
                        "errors": None if error is None else rounded(error[chosen])})
    return {"places": places(runs, chosen), "numbers": entries,
            "remark": f"{len(chosen)} of {count} runs, evenly chosen" if len(chosen) < count else ""}
