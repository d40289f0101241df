"""One, two and three features: a transition for each."""

import os

import style
import transitions as theory
from matplotlib import pyplot as plt

options = style.arguments(__doc__)
style.use()
fig, axes = plt.subplots(2, 1, figsize=(style.COLUMN, 3.9), sharex=True)
rows = []
# The ranks of few features are drawn thick, below those of more.
for count, color in zip((1, 2, 3), (style.BLUE, style.RED, style.GREEN)):
    sweep = style.load(os.path.join(options.runs, f"staircase_{count}"))
    S = sweep["target_singular_values"].values
    error = sweep["train_loss"].sel(direction="up").values
    decay = sweep["weight_decay"].values
    for way in ("up", "down"):
        theory.draw(axes[0], sweep, sweep["train_loss"].sel(direction=way).values, way, color,
                    f"{count} feature" + "s" * (count > 1) if way == "up" else None, lw=1.1)
    theory.draw(axes[1], sweep, sweep["rank"].sel(direction="up").values, "up", color,
                lw=4.2 - 1.2 * count)
    expected = sorted(theory.spinodal(s, 3) for s in S)
    again = sorted(theory.relearning(s, 3) for s in S)
    rows.append((f"{count}: transitions on the way up", count, len(theory.found(sweep, "up"))))
    rows += [(f"{count}: end of s = {s:g}", want, at) for s, want, (at, _) in
             zip(sorted(S), expected, theory.found(sweep, "up"))]
    rows += [(f"{count}: s = {s:g} learnt on the way down", want, at) for s, want, (at, _) in
             zip(sorted(S), again, theory.found(sweep, "down"))]
for s in S:
    for ax in axes:
        ax.axvline(theory.spinodal(s, 3), color=style.GREY, lw=0.6, ls=":",
                   label=r"spinodals $\lambda_{\mathrm{sp}}$" if s == S[0] else None)
axes[0].plot([], [], color=style.GREY, ls=theory.DOWN, lw=1.1, label="the way down")
axes[0].set_ylabel("error $E$")
axes[0].set_ylim(-0.04, 1.35)
axes[0].legend(loc="upper center", ncols=2)
axes[0].set_title("(a)  up and down", loc="left")
axes[1].set_title("(b)  way up", loc="left")
axes[1].set_ylabel("rank")
axes[1].set_yticks([0, 1, 2, 3])
axes[1].set_xlabel(r"weight decay $\lambda$")
axes[0].set_xlim(0, 0.55)
style.save(fig, options.out)
style.table(rows)
