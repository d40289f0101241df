"""Figure 4 of arXiv 2406.12763: trajectories that go to infinity, and the same under b/(1 + |b|), which
maps infinity to the unit circle; stars: the phi_inf-maximum margins."""

import os

import matplotlib.pyplot as plt
import numpy as np

import mirror
import style


def main():
    args = style.arguments(__doc__)
    style.use()
    dataset = style.load(os.path.join(args.runs, "trajectories"))
    fig, (left, right) = plt.subplots(1, 2, figsize=(0.88 * style.PAGE, 2.7))
    rows = []
    shown = 30
    for name, run in mirror.runs(dataset):
        label, color, norm = mirror.NAMES[name]
        beta = run["effective_vector"].values
        size = np.linalg.norm(beta, axis=1)
        near = beta[: np.argmax(size > 3 * shown) + 1 if size.max() > 3 * shown else len(beta)]
        left.plot(*near.T, color=color, label=label)
        predicted = run["predicted_direction"].values
        left.plot(*(2 * shown * np.outer((0, 1), predicted)).T, color=color, lw=0.8, ls=(0, (1, 1.2)))
        compact = beta / (1 + size[:, None])
        right.plot(*compact.T, color=color, label=label, zorder=2)
        right.plot(*predicted, "*", color=color, ms=9, mec="white", mew=0.5, zorder=4, clip_on=False)
        rows.append((f"{name}: end under b/(1+|b|), x", float(predicted[0]), float(compact[-1, 0])))
        rows.append((f"{name}: end under b/(1+|b|), y", float(predicted[1]), float(compact[-1, 1])))
        rows.append((f"{name}: |beta| at the end", None, float(size[-1])))
        rows.append((f"{name}: log10 t at |beta| = 500", None,
                     float(np.interp(500, size, run["log10_time"].values))))
    left.set_xlim(0, 1.05 * shown)
    left.set_ylim(-0.03 * shown, 0.85 * shown)
    left.set_aspect("equal")
    left.set_xlabel(r"$\beta_1$")
    left.set_ylabel(r"$\beta_2$")
    left.plot([], [], color=style.GREY, lw=0.8, ls=(0, (1, 1.2)), label="maximum margin")
    left.legend(loc="upper left")
    style.panel_label(left, "(a)")
    circle = np.linspace(0, np.pi / 2, 200)
    right.plot(np.cos(circle), np.sin(circle), color=style.GREY, lw=0.6, zorder=1,
               label=r"$\Vert\beta\Vert = \infty$")
    right.plot([], [], "*", color=style.GREY, ms=9, mec="white", mew=0.5, label="maximum margin")
    infinity = right.get_legend_handles_labels()
    right.legend(*(part[-2:] for part in infinity), loc="upper left")
    right.set_xlim(0, 1.05)
    right.set_ylim(-0.03, 0.85)
    right.set_aspect("equal")
    right.set_xlabel(r"$\beta_1/(1+\Vert\beta\Vert)$")
    right.set_ylabel(r"$\beta_2/(1+\Vert\beta\Vert)$")
    style.panel_label(right, "(b)")
    style.save(fig, args.out)
    style.table(rows)


main()
