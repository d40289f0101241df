"""Attraction and repulsion of inputs and neurons in both hidden layers, in two principal components."""

import os

import numpy as np

import style
from matplotlib import pyplot as plt

options = style.arguments(__doc__)
style.use()
run = style.load(os.path.join(options.runs, "forces"))
if "time" in run.dims:  # of the digits
    last, snapshot = run.isel(time=-1), run.isel(snapshot_time=-1)
else:
    last = snapshot = run.squeeze()
CLASSES = 3  # sample i belongs to class i mod 3
COLORS = (style.BLUE, style.RED, style.GREEN)
LONGEST = 0.3  # of the widest spread that an arrow takes


def components(points):
    """The two directions of most variance (about 0 where points are rays), as columns."""
    return np.linalg.svd(points, full_matrices=False)[2][:2].T


def row_space(*matrices):
    """The projection on the rows of these, which hold those of the layer's inputs that matter here."""
    _, sizes, rows = np.linalg.svd(np.vstack(matrices), full_matrices=False)
    rows = rows[sizes > 1e-6 * sizes[0]]
    return rows.T @ rows


def draw(ax, points, forces, colors):
    plane = components(points)
    at = points @ plane
    spread = np.abs(at).max()
    ax.scatter(*at.T, s=9, c=colors, zorder=3)
    arrows = [force @ plane for force in forces]
    scale = LONGEST * spread / max(np.abs(a).max() for a in arrows)
    for a, color in zip(arrows, (style.BLACK, style.ORANGE)):
        ax.quiver(*at.T, *(scale * a).T, angles="xy", scale_units="xy", scale=1, color=color,
                  width=0.005, zorder=4, headwidth=4)
        ax.update_datalim(at + scale * a)
    ax.axhline(0, color=style.GREY, lw=0.4)
    ax.axvline(0, color=style.GREY, lw=0.4)
    ax.set_aspect("equal", adjustable="datalim")
    ax.margins(0.08)
    ax.autoscale_view()


fig, axes = plt.subplots(2, 2, figsize=(style.PAGE, 5.6))
rows = []
for k, row in enumerate(axes):
    Z, A, B, c = (snapshot[name].values[k] for name in
                  ("preactivation", "attraction", "repulsion", "constraint_force"))
    known = np.isfinite(Z).all(axis=1)
    Z, A, B, c = Z[known], A[known], B[known], c[known]
    outward = (B + c) @ row_space(Z, A)
    samples = [COLORS[j % CLASSES] for j in range(Z.shape[1])]
    draw(row[0], Z.T, (-A.T, outward.T), samples)
    draw(row[1], Z, (-A, outward), style.GREY)
    row[0].set_title(f"({'ac'[k]})  inputs: columns of $Z_{k + 1}$", loc="left")
    row[1].set_title(f"({'bd'[k]})  neurons: rows of $Z_{k + 1}$", loc="left")
    rows += [(f"layer {k + 1}: |A - (B + c) P| / |A|", 0, float(last["force_defect"][k])),
             ("  active neurons, on rays (paper: 3)", "-",
              f"{int(last['active_neurons'][k])}, {int(last['neuron_rays'][k])}")]
for ax in axes.flat:
    ax.set_xlabel("first component")
    ax.set_ylabel("second component")
for color, word in zip(COLORS, ("class 1", "class 2", "class 3")):
    axes[0, 0].scatter([], [], s=9, color=color, label=word)
for color, word in ((style.BLACK, "attraction, $-A$"), (style.ORANGE, "repulsion and constraint")):
    axes[0, 0].plot([], [], color=color, lw=1.5, label=word)
fig.suptitle(" ")  # keeps the room above for the legend
fig.legend(loc="upper center", ncol=5, fontsize=8)
style.save(fig, options.out)
cost, norm = last["layer_cost"].values, last["layer_norm"].values**2
rows += [(f"layer {k + 1}: |W|^2, least cost of its outputs", cost[k], norm[k]) for k in range(3)]
rows.append(("ranks of the layers' inputs", "-", ", ".join(f"{r:g}" for r in last["layer_rank"].values)))
style.table(rows)
