"""How a script that writes one file ends: with its path on stdout, or with one line on stderr."""

import sys

from overview.reading import Refused


def end(write, about):
    """Calls `write`, which returns a path; returns the exit code. `about` names what is drawn."""
    try:
        path = write()
    except Refused as refusal:
        return refuse(str(refusal))
    except OSError as problem:
        return refuse(f"{problem.filename or about}: {problem.strerror or problem}")
    except Exception as problem:
        what = f"{type(problem).__name__}: {problem}".splitlines()[0]
        return refuse(f"{about}: cannot be plotted: {what}")
    try:
        print(path, flush=True)
    except OSError as problem:
        sys.stdout = None  # what is left in it cannot be written at the end either
        return refuse(f"the output cannot be written: {problem.strerror}")
    return 0


def refuse(line):
    print(f"gradflow: {line}", file=sys.stderr)
    return 2
