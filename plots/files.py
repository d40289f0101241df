"""Files that scripts write: aside, and put in their place when they are whole."""

import contextlib
import os


@contextlib.contextmanager
def replacing(path):
    """Gives the name to write to, in the folder of `path`, which is made."""
    folder = os.path.dirname(path)
    if folder:
        os.makedirs(folder, exist_ok=True)
    aside = f"{path}.{os.getpid()}"
    try:
        yield aside
        os.replace(aside, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.remove(aside)


def hindrance(path):
    """What stands where a file is to be written and is none; empty where nothing does."""
    if os.path.isdir(path):
        return "is a folder"
    return "is not a regular file" if os.path.exists(path) and not os.path.isfile(path) else ""
