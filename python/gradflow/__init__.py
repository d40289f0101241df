"""gradflow from Python: runs the program on configs and opens what it has written.

A config is a dict as a TOML file would be read, with NumPy values where they are at hand, or the path
of a TOML file:

    import gradflow

    ds = gradflow.run({
        "model": {"name": "diagonal_linear_network", "samples": 40, "dimension": 100},
        "time": {"end": 1e6},
        "study": {"flow.weight_decay": [1e-5, 1e-4, 1e-3]},
    })
    ds.test_error.plot.line(x="time", xscale="log", yscale="log")

The work is done by the program `gradflow`, in a process of its own: $GRADFLOW, else the one of the
source tree that this package is in, else the one on PATH.
"""

from .binary import ConfigError, Failed
from .calls import check, models, run, status
from .results import open
from .version import __version__

__all__ = ["ConfigError", "Failed", "check", "models", "open", "run", "status", "__version__"]
