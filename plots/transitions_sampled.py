"""The sampled network of arXiv 2606.17120, figure 3: test error over the weight decay."""

import os

import numpy as np

import style
import transitions as theory
from matplotlib import pyplot as plt

options = style.arguments(__doc__)
style.use()
study = style.load(os.path.join(options.runs, "sampled")).sel(direction="up")
decay = study["weight_decay"].values
ETA = np.array([0.9, 0.8])
# First values of lower rank of an independent script, with the same samples.
REFERENCE = {0: (0.39, 0.42), 1: (0.34, 0.40), 2: (0.33, 0.42), 3: (0.33, 0.43)}
PRINTED = (0.36, 0.42)  # drops in figure 3 of the paper


def population(rank, at):
    """The mean squared error an output entry, of unit variances, with `rank` modes learnt."""
    p = np.array([theory.learnt(s, 3, at) if k < rank else 0.0 for k, s in enumerate(ETA)])
    return np.mean(1 - 2 * ETA * p + p**2)


fig, ax = plt.subplots(figsize=(style.COLUMN + 0.9, 2.8))
for k, seed in enumerate(study["seed"].values):
    ax.plot(decay, study["test_error"].values[k], color=style.SEQUENCE(k / 3), lw=1, marker="o", ms=1.8,
            label=f"sample {seed}")
for rank in (1, 2):
    x = np.linspace(0.01, theory.spinodal(ETA[rank - 1], 3) * (1 - 1e-6), 400)
    ax.plot(x, [population(rank, at) for at in x], color=style.BLACK, lw=0.8, ls="--",
            label="population, rank 0, 1, 2" if rank == 1 else None)
ax.axhline(1, color=style.BLACK, lw=0.8, ls="--")
for k, at in enumerate(PRINTED):
    ax.axvline(at, color=style.GREY, lw=0.8, ls=":",
               label="drops in the paper's figure" if k == 0 else None)
ax.set_xlim(0, 0.5)
ax.set_ylim(0.22, 1.42)
ax.set_xlabel(r"weight decay $\lambda$")
ax.set_ylabel("test mean squared error")
ax.legend(loc="upper left", fontsize=7.5, ncols=2)
style.save(fig, options.out)

rows = []
rank = study["rank"].values
for k, seed in enumerate(study["seed"].values):
    first = [decay[np.argmax(rank[k] < below)] for below in (2, 1)]
    own = study["target_singular_values"].values[k]
    own = sorted(theory.spinodal(s, 3) for s in own)
    rows.append((f"seed {seed}: first weight decay of rank below 2, below 1",
                 "{:.2f}, {:.2f}".format(*REFERENCE[int(seed)]), "{:.2f}, {:.2f}".format(*first)))
    rows.append(("  spinodals of the sample's own singular values",
                 "{:.3f}, {:.3f}".format(*own), "-"))
at = int(np.argmin(np.abs(decay - 0.32)))
rows += [("population: spinodals of 0.8, 0.9 (printed: drops at 0.36, 0.42)",
          "{:.4f}, {:.4f}".format(*sorted(theory.spinodal(s, 3) for s in ETA)), "-"),
         ("test error at 0.32, rank 2: population; mean of the samples", population(2, 0.32),
          float(study["test_error"].values[:, at].mean())),
         ("test error at rank 0: population; mean of the samples", 1.0,
          float(study["test_error"].values[:, -1].mean()))]
style.table(rows)
