#!/usr/bin/python3
"""Work-precision plots, one a problem: processor seconds against true error.

    plot.py RESULTS      writes RESULTS/PROBLEM.png and .pdf
"""

import math
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "plots"))
import matplotlib.pyplot as plt  # noqa: E402
import report  # noqa: E402
import style  # noqa: E402

NAMES = {
    "auto": "auto", "cvode": "CVODE, ours", "cvode+structured": "CVODE, structured",
    "cvode+dense": "CVODE, our dense", "rodas": "rodas", "rodas+structured": "rodas, structured",
    "rodas+dense": "rodas, dense", "rock4": "rock4", "cvode_dense": "CVODE, own dense",
    "cvode_gmres": "CVODE, GMRES",
    "dopri5": "odeint dopri5", "rosenbrock4": "odeint rosenbrock4", "descent": "descent, C++",
    "descent_tuned": "descent, C++ tuned", "scipy_LSODA": "SciPy LSODA", "scipy_BDF": "SciPy BDF",
    "scipy_Radau": "SciPy Radau",
}


# Ours and the peers' one after the other: more than the shared palette holds.
COLORS = style.COLORS + ["#882255", "#999933", "#44AA99", "#661100", "#332288", "#AA4499", "#117733",
                         "#DDAA77"]


def draw(results, name, rows):
    fig, ax = plt.subplots(figsize=(style.PAGE * 0.75, 3.4))
    colors, others = iter(COLORS), 0
    for solver in report.solvers_of(rows):
        points = [(row["error"], row["seconds"]) for row in rows
                  if row["solver"] == solver and row["done"] and row["error"] > 0
                  and math.isfinite(row["error"])]
        if not points:
            continue
        mine = solver in report.OURS
        color = next(colors)
        if mine:
            look = dict(color=color, linestyle="-", marker="o")
        else:
            look = dict(color=color, linestyle=(0, (4, 1.5)), linewidth=0.9,
                        marker="s^vD<>ph"[others % 8], markerfacecolor="white")
            others += 1
        ax.plot(*zip(*points), label=NAMES.get(solver, solver), **look)
    ax.set_xscale("log")
    ax.invert_xaxis()
    style.log_ticks(ax.xaxis)
    style.log_axis(ax, "processor seconds")
    ax.set_xlabel("largest relative error over the run")
    ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    style.save(fig, os.path.join(results, f"{name}.png"))


def main():
    style.use()
    results = sys.argv[1]
    files = report.read(results)
    for name, _ in report.PROBLEMS:
        if name in files:
            draw(results, name, files[name])
            print(os.path.join(results, f"{name}.png"))


if __name__ == "__main__":
    main()
