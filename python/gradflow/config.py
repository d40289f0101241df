"""Configs: dicts as TOML, and what they are called where no file has a name for them."""

import hashlib
import io
import json
import os
import re

import numpy as np
import tomli_w

from . import binary

PLACE = re.compile(r"^<stdin>:\d+:\d+: ")  # in a text that nobody has seen


def whole_key(*parts):
    return ".".join(str(part) for part in parts if part)


def plain(value, key):
    """The value as TOML has it: NumPy scalars as numbers, arrays and tuples as lists, paths as
    texts. `key` is what messages call it. Raises binary.ConfigError."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, dict):
        return {_name(name, key): plain(entry, whole_key(key, name))
                for name, entry in value.items()}
    if isinstance(value, (list, tuple, range)):
        return [plain(entry, f"{key}[{place}]") for place, entry in enumerate(value)]
    if hasattr(value, "__array__"):
        array = np.asarray(value)
        if array.dtype.kind in "biufU":
            return array.tolist()
        raise binary.ConfigError(f"{key}: is an array of {array.dtype}, expected numbers or texts")
    what = "None" if value is None else f"a {type(value).__name__}"
    hint = "; leave the key out" if value is None else ""
    raise binary.ConfigError(f"{key}: is {what}, which no config can hold{hint}")


def _name(name, key):
    if not isinstance(name, str):
        raise binary.ConfigError(
            f"{whole_key(key, repr(name))}: the key is a {type(name).__name__}, expected a text")
    return name


def inline(value):
    """A value in one line, as `--set KEY=VALUE` takes it."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{toml_key(name)} = {inline(entry)}"
                                for name, entry in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(inline, value)) + "]"
    return tomli_w.dumps({"x": value}).removeprefix("x = ").rstrip("\n")


def toml_key(name):
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name)


def overrides(settings):
    """--set options of a dict of dotted keys, or of sections."""
    words = []
    for key, value in plain(settings, "").items():
        if isinstance(value, dict) and "." not in key:  # a section; else a range
            words += overrides({f"{key}.{name}": entry for name, entry in value.items()})
        else:
            words += ["--set", f"{key}={inline(value)}"]
    return words


def same_words(lines, words):
    """What the program said to a call of these words, without places in a text, or among options,
    that nobody has written."""
    options = [f"--set {after}: " for before, after in zip(words, words[1:]) if before == "--set"]
    out = []
    for line in lines:
        option = next((option for option in options if line.startswith(option)), "")
        out.append(PLACE.sub("", line.removeprefix(option)))
    return out


class Given:
    """A config as it was given: a dict, or the path of a TOML file."""

    def __init__(self, config):
        self.is_dict = isinstance(config, dict)
        if not self.is_dict and not isinstance(config, (str, os.PathLike)):
            raise TypeError(f"a config is a dict or the path of a TOML file, not a "
                            f"{type(config).__name__}")
        self.values = config if self.is_dict else None
        self.word = "-" if self.is_dict else os.fspath(config)  # what the program is called with

    def name(self, settings):
        """A folder's name: the file's stem, or the model and eight digits that follow from all
        that was given."""
        if not self.is_dict:
            stem = os.path.splitext(os.path.basename(self.word))[0]
            return stem if not settings else f"{stem}_{_digits(overrides(settings))}"
        model = self.values.get("model")
        model = model.get("name", "run") if isinstance(model, dict) else "run"
        safe = re.sub(r"[^A-Za-z0-9_-]", "_", str(model)) or "run"
        return f"{safe}_{_digits([_canonical(self.values), *overrides(settings)])}"

    def text(self, folder):
        """The config as TOML. Arrays for keys that name files are written into `folder`, by names
        that follow from their contents."""
        if not self.is_dict:
            return ""
        values = self.values
        model = values.get("model")
        if isinstance(model, dict) and any(_is_array(entry) for entry in model.values()):
            values = {**values, "model": _arrays_as_files(model, folder)}
        return tomli_w.dumps(plain(values, ""))


def _digits(texts):
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:8]


def _canonical(value, ordered=False):
    """Equal for equal configs, in whatever order their keys are; but the axes of a study, whose
    order is that of the result's dimensions."""
    if _is_array(value):
        array = np.ascontiguousarray(value)
        return f"{array.dtype}{array.shape}{hashlib.sha256(array.tobytes()).hexdigest()}"
    if isinstance(value, dict):
        names = value if ordered else sorted(value, key=str)
        return "{" + ",".join(f"{name}:{_canonical(value[name], name == 'study')}"
                              for name in names) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(_canonical, value)) + "]"
    return repr(plain(value, ""))


def _is_array(value):
    return hasattr(value, "__array__") and np.ndim(value) > 0


def _arrays_as_files(model, folder):
    files = files_of(str(model.get("name", "")))
    return {key: _as_file(entry, key, folder) if key in files and _is_array(entry) else entry
            for key, entry in model.items()}


def _as_file(value, key, folder):
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise binary.ConfigError(f"model.{key}: is an array of {array.dtype}, expected numbers")
    stream = io.BytesIO()
    np.save(stream, np.ascontiguousarray(array, dtype=float), allow_pickle=False)
    content = stream.getvalue()
    path = os.path.join(folder, f"{key}_{hashlib.sha256(content).hexdigest()[:12]}.npy")
    if not os.path.exists(path):
        os.makedirs(folder, exist_ok=True)
        aside = f"{path}.{os.getpid()}"
        with open(aside, "wb") as file:
            file.write(content)
        os.replace(aside, path)
    return os.path.abspath(path)


def files_of(model):
    """Keys of a model that name data files, as the program declares them."""
    schema = json.loads(binary.call(["print", "schema"]).output)
    for one in schema["allOf"]:
        if one["if"]["properties"]["model"]["properties"]["name"].get("const") == model:
            keys = one["then"]["properties"]["model"]["properties"]
            return {key for key, entry in keys.items() if entry.get("format") == "path"}
    return set()
