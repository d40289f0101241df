"""What is to be said of the runs below a picture: which failed and why, and their warnings. A remark
that begins with ! stands out."""

import numpy as np

from overview.runs import where_text

MOST_NAMED = 3


def remarks(runs):
    return _failures(runs) + _warnings(runs)


def _failures(runs):
    status = runs.status()
    bad = np.flatnonzero(status > 0)  # below are runs that a bisection had no need of
    if not bad.size:
        return []
    named = []
    for k in bad[:MOST_NAMED]:
        run = runs.runs[k]
        word = run.result.flags("status").get(int(status[k]), f"status {status[k]}")
        named.append(": ".join(filter(None, (where_text(run.point), word))))
    more = f" and {bad.size - MOST_NAMED} more" if bad.size > MOST_NAMED else ""
    count = ("the run failed" if runs.single else
             f"{bad.size} of {len(runs.runs)} runs failed or are missing")
    note = f"!{count} ({'; '.join(named)}{more})"
    if bad.size == 1:
        note += _message(runs.runs[bad[0]])
    return [note]


def _message(run):
    if "message" not in run.result.data.variables or run.result.is_number("message"):
        return ""
    texts = run.result.texts("message")
    return f": {texts[run.number]}" if texts[run.number] else ""


def _warnings(runs):
    words, count = set(), 0
    for result in runs.results:
        if "warning" not in result.data.variables or not result.is_number("warning"):
            continue
        bits = np.nan_to_num(result.by_run("warning").ravel()).astype(int)
        count += int((bits > 0).sum())
        for value, word in result.flags("warning").items():
            if (bits & value).any():
                words.add(word)
    if not words:
        return []
    who = "the run" if runs.single else f"{count} of {len(runs.runs)} runs"
    why = _message(runs.runs[0]) if runs.single and not runs.status().any() else ""
    return [f"!warnings of {who}: {', '.join(sorted(words))}{why}"]
