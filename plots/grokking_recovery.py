"""How often matrix completion finds its target, against the fraction of entries observed."""

import os

import numpy as np

import style
from matplotlib import pyplot as plt

options = style.arguments(__doc__)
style.use()

# Shares of draws that nuclear-norm minimisation recovers to 1e-2 (20 x 20, rank 3), by a convex solver.
NUCLEAR = {200: (0.02, 0.02), 240: (0.20, 0.27), 260: (0.41, 0.52), 300: (0.72, 0.75)}

study = style.load(os.path.join(options.runs, "recovery"))
entries = study.sizes["row"] * study.sizes["column"]
seen = np.rint(study["observed"] * entries)
end = study.isel(time=-1)
squares = end["test_error"] * (entries - seen) + end["train_error"] * seen
relative = np.sqrt(squares / (study["target"] ** 2).sum(("row", "column")))
relative = relative.transpose("observed", "seed").values
seen = seen.values.astype(int)
found = np.array([(r[np.isfinite(r)] < 1e-2).sum() for r in relative])
draws = np.array([np.isfinite(r).sum() for r in relative])


def wilson(k, n):
    """Wilson's interval of one standard error for a share of k in n."""
    share, z = k / n, 1.0
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return centre - half, centre + half


low, high = wilson(found, draws)
share = found / draws
fig, (errors, shares) = plt.subplots(1, 2, figsize=(style.PAGE, 2.5))
# Draws of one count side by side, in the order of their seeds.
beside = np.linspace(-6, 6, relative.shape[1])
for k, count in enumerate(seen):
    good = relative[k] < 1e-2
    x = count + beside
    errors.plot(x[good], relative[k][good], ".", ms=3.5, color=style.BLUE)
    errors.plot(x[~good], relative[k][~good], ".", ms=3.5, color=style.RED)
errors.axhline(1e-2, color=style.BLACK, lw=0.7, ls="--")
style.log_axis(errors, r"$\Vert UV^\top - M^\star\Vert_F\,/\,\Vert M^\star\Vert_F$",
               high=2)
errors.set_xticks(seen)
errors.set_xlabel("entries observed, of 400 (draws side by side)")
errors.legend(handles=[plt.Line2D([], [], ls="", marker=".", color=c, label=text)
                       for c, text in ((style.BLUE, "recovered"), (style.RED, "not recovered"))],
              ncol=2, loc="upper right")
style.panel_label(errors, "(a)")
shares.errorbar(seen, share, [share - low, high - share], fmt="o-", color=style.BLUE, ms=4,
                capsize=2.5, lw=1.0, label="end of the flow")
ASIDE = 3  # so that both error bars are seen
middle = [sum(v) / 2 for v in NUCLEAR.values()]
shares.errorbar(np.array(list(NUCLEAR)) + ASIDE, middle,
                [[m - v[0] for m, v in zip(middle, NUCLEAR.values())],
                 [v[1] - m for m, v in zip(middle, NUCLEAR.values())]],
                fmt="s", color=style.RED, ms=4, mfc="white", capsize=2.5, lw=1.0,
                label=f"nuclear-norm minimisation,\ndrawn {ASIDE} to the right")
shares.set_xticks(seen)
shares.set_ylim(-0.03, 1.05)
shares.set_xlabel("entries observed, of 400")
shares.set_ylabel("share of draws recovered")
shares.legend(loc="upper left")
style.panel_label(shares, "(b)")
style.save(fig, options.out)


def percent(span):
    low, high = (f"{100 * x:.0f}" for x in span)
    return f"{low} %" if low == high else f"{low} to {high} %"


style.table([(f"recovered with {n} of {entries} entries ({draws[k]} draws)",
              percent(NUCLEAR[n]) if n in NUCLEAR else None,
              f"{100 * share[k]:.0f} % ({percent((low[k], high[k]))})")
             for k, n in enumerate(seen)])
