"""Loss against width: the best of three starts, and where its plateau begins."""

import os

import numpy as np

import style
from matplotlib import pyplot as plt

options = style.arguments(__doc__)
style.use()
study = style.load(os.path.join(options.runs, "width")).isel(time=-1)
widths = study["width"].values
TEACHER = 10
loss = 2 * study["regularised_loss"].values  # as the paper counts it
test = 3 * study["test_error"].values  # of all three outputs
best = np.nanargmin(loss, axis=1)
least, its_test = (values[np.arange(len(widths)), best] for values in (loss, test))

fig, ax = plt.subplots(figsize=(style.COLUMN + 0.9, 2.7))
ax.plot(np.repeat(widths, loss.shape[1]), loss.ravel(), "o", color=style.BLUE, ms=2, alpha=0.5,
        label="each of the three")
ax.plot(widths, least, "-", color=style.BLUE, label="training loss with penalty, best of three")
ax.plot(widths, its_test, "--", color=style.RED, label="its test loss, without")
ax.axvline(TEACHER, color=style.GREY, lw=0.8, ls=":", label="width of the teacher")
style.log_axis(ax, "loss")
ax.set_xlabel("width of both hidden layers")
ax.legend(loc="upper right")
style.save(fig, options.out)

rows = [(f"width {w}: best training loss with penalty, test loss", None, f"{a:.5f}, {b:.5f}")
        for w, a, b in zip(widths, least, its_test)]
at = list(widths).index(TEACHER)
rows += [("factor by which the loss falls up to width 10", None, float(least[0] / least[at])),
         ("  and from there to the widest (paper: plateau)", 1, float(least[at] / least[-1]))]
style.table(rows)
