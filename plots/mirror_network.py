"""A diagonal network beta = u^2 - v^2 under gradient flow, and the same path as mirror flow of the
hyperbolic entropy."""

import os

import matplotlib.pyplot as plt
import numpy as np

import style


def main():
    args = style.arguments(__doc__)
    style.use()
    gradient = style.load(os.path.join(args.runs, "network_gradient"))
    mirror = style.load(os.path.join(args.runs, "network_mirror"))
    t = gradient["time"].values
    b, c = gradient["effective_vector"].values, mirror["effective_vector"].values
    difference = np.abs(b - c).max(axis=1)
    fig, (left, right) = plt.subplots(1, 2, figsize=(style.PAGE, 2.4))
    for k in range(b.shape[1]):
        left.plot(t, b[:, k], color=style.BLUE, lw=0.9, label="gradient flow" if k == 0 else None)
        left.plot(t, c[:, k], color=style.ORANGE, lw=1.1, ls=(0, (1, 2)),
                  label="mirror flow" if k == 0 else None)
    style.log_time_axis(left, t)
    left.set_ylabel(r"$\beta_i$")
    left.legend(loc="upper left")
    style.panel_label(left, "(a)")
    right.plot(t, difference, color=style.BLACK)
    style.log_time_axis(right, t)
    style.log_axis(right, r"$\max_i|\beta_i - \beta_i^{\mathrm{mirror}}|$", 1e-13, 1e-7)
    style.panel_label(right, "(b)")
    style.save(fig, args.out)
    loss = np.abs(gradient["train_loss"].values - mirror["train_loss"].values).max()
    style.table([("largest difference of beta", 0, float(difference.max())),
                 ("largest difference of the loss", 0, float(loss)),
                 ("largest |beta_i|", None, float(np.abs(b).max())),
                 ("right-hand sides: gradient, mirror", None,
                  f"{int(gradient['rhs_evaluations'])}, {int(mirror['rhs_evaluations'])}")])


main()
