"""Made-up results that tests of pictures draw."""

import numpy as np

TIME = np.concatenate([[0.0], np.geomspace(1e-3, 1e4, 40)])
DECAYS = [1e-4, 1e-3, 1e-2]


def curves(runs, time=TIME):
    """Positive curves over decades, one a run."""
    return np.array([np.exp(-time * 10.0**-k) + 1e-6 for k in range(runs)])


def study(values, status=None, **more):
    return dict(variables={"train_loss": values, "norm": 1 + values, "fit_time": ((), values[:, 0])},
                axes={"weight_decay": DECAYS}, time=TIME, status=status, **more)
