"""The calls of a notebook: run, check, status, models."""

import json
import os
import tomllib
import warnings
from collections import Counter

from . import binary
from .config import Given, overrides, same_words
from .results import open as open_result
from .results import words_of


def _call(words, text="", show=False):
    ended = binary.call(words, text, show)
    if ended.code == binary.USAGE:
        raise binary.ConfigError("\n".join(same_words(ended.errors(), words))
                                 or "\n".join(ended.said[-1:]))
    if ended.code not in (0, 1, binary.INTERRUPTED):
        raise binary.Failed(f"gradflow ended with the unknown code {ended.code}: "
                            + " ".join(ended.said[-1:]))
    return ended


def run(config, out=None, jobs=1, set=None, reuse=(), *, overwrite=False, quiet=False):
    """Runs a config and returns its result, as `gradflow.open` does.

    config     a dict, as a TOML file would be read, with NumPy values where they are at hand: an
               array for a key that names a data file (`model.inputs`) is put beside the results as
               a .npy file. Or the path of a TOML file.
    out        folder of the result. What it holds of the same config is kept: a call that was
               interrupted goes on where it was. Without it, a folder under results/ that has the
               file's name, or the model's and eight digits that follow from the config, so that the
               same call finds it again.
    jobs       worker processes of a study, or "auto"
    set        keys to set beside the config: {"model.samples": 20}
    reuse      folders of other studies, whose points are taken where they are equal
    overwrite  remove what is in the folder first, whatever config it is of
    quiet      no progress, no warnings of the program, no summary

    Raises ConfigError with the program's words where the config or the folder will not do, and
    KeyboardInterrupt after an interrupt, with all that is done on disk. Points that failed give a
    warning and stay marked: `ds.gradflow.failures()`.
    """
    given, settings = Given(config), set or {}
    folder = os.fspath(out) if out is not None else os.path.join("results", given.name(settings))
    reuse = [reuse] if isinstance(reuse, (str, os.PathLike)) else reuse
    words = ["run", given.word, "--out", folder, "--jobs", str(jobs), *overrides(settings)]
    words += [word for other in reuse for word in ("--reuse", os.fspath(other))]
    if overwrite:
        words.append("--overwrite")
    elif os.path.exists(folder):
        words.append("--resume")
    words += ["--quiet"] if quiet else ["--progress", "lines"]
    arrays = os.path.join(os.path.dirname(folder), "arrays")
    ended = _call(words, given.text(arrays), show=not quiet)
    if ended.code == binary.INTERRUPTED:  # by another's signal: ours has been raised
        raise binary.Failed(" ".join(ended.said[-1:]) or "gradflow was interrupted")
    if not quiet:
        print(ended.output, end="")
    result = open_result(folder)
    if ended.code == 1:
        warnings.warn(_failures_in_short(result), stacklevel=2)
    return result


def _failures_in_short(result):
    status = result["status"]
    bad = status.values[status.values > 0] if status.ndim else [status.item()]
    kinds = Counter(words_of(status, value) for value in bad)
    named = ", ".join(f"{count} {name}" for name, count in kinds.most_common())
    return (f"{len(bad)} of {status.size} {'points' if status.ndim else 'run'} failed ({named}): see "
            "ds.gradflow.failures()")


def check(config, set=None):
    """The config with all defaults filled in, as a dict; runs nothing. Raises ConfigError."""
    given = Given(config)
    text = given.text(os.path.join("results", "arrays"))
    return tomllib.loads(_call(["check", given.word, *overrides(set or {})], text).output)


def status(directory):
    """What there is of a study, whoever works on it, as a dict: at least `points`, `done`, `failed`,
    `running`, `missing`, `reused`, `damaged`, `processes`, `failures`, `seconds_left` and `result`.
    Raises ConfigError where the folder holds no study."""
    return json.loads(_call(["status", os.fspath(directory), "--json"]).output)


def models(name=None):
    """The models in a table, or one model's equations, parameters and observables, as text."""
    return _call(["models"] if name is None else ["models", name]).output
