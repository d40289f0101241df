"""Figure 2 of arXiv 2505.20172: matrix completion. Losses and norm; singular values."""

import os

import grokking
import style
from matplotlib import pyplot as plt

options = style.arguments(__doc__)
style.use()

run, free, text, descent = (
    style.load(os.path.join(options.runs, "matrix_completion" + name))
    for name in ("", "_gradient_flow", "_text_lambda", "_gradient_descent"))
paper = grokking.published(2)
decay = 2e-3
t = run["time"].values
target = run["target_singular_values"].values
nuclear = target.sum()
rank = int((target > 1e-10 * target[0]).sum())

fig = plt.figure(figsize=(style.PAGE, 3.3))
grid = fig.add_gridspec(1, 2, width_ratios=[1.06, 1], wspace=0.08)
left = grid[0].subgridspec(2, 1, height_ratios=[1.45, 1])
losses, norm, modes = (fig.add_subplot(g) for g in (left[0], left[1], grid[1]))

for name, label, color in (("train", "train", style.BLUE), ("test", "test", style.RED)):
    losses.plot(t, run[f"{name}_error"], color=color, label=label)
    losses.plot(free["time"], free[f"{name}_error"], ":", color=color, lw=1)
    grokking.points(losses, paper[f"{name}_loss"], color, t)
style.log_time_axis(losses, t)
style.log_axis(losses, "mean squared error", 1e-8, 2e3)
losses.legend(handles=grokking.key([
    ("train", {"color": style.BLUE}), ("test", {"color": style.RED}),
    (r"$\lambda = 0$", {"color": style.GREY, "ls": ":", "lw": 1}),
    ("published, another draw", {"color": style.GREY, "ls": "", "marker": "o", "mfc": "white",
                                  "ms": 3.2}),
]), ncol=4, loc="upper right", columnspacing=0.8, handlelength=1.1, fontsize=7)
style.panel_label(losses, "(a)")

norm.plot(t, run["norm"] ** 2, color=style.GREEN)
norm.plot(free["time"], free["norm"] ** 2, ":", color=style.GREEN, lw=1)
grokking.points(norm, paper["norm_squared"], style.GREEN, t)
norm.axhline(2 * nuclear, color=style.BLACK, lw=0.7, ls="--")
norm.annotate(r"$2\Vert M^\star\Vert_*$", (0.02, 2 * nuclear), xytext=(0, 2),
              textcoords="offset points", fontsize=8)
style.log_time_axis(norm, t)
norm.set_ylim(0, 520)
norm.set_ylabel(r"$\Vert w\Vert^2$")
grokking.shared_time(losses, norm)

values = run["singular_values"].values
for k in range(values.shape[1]):
    modes.plot(t, values[:, k], color=style.BLUE if k < rank else style.SKY,
               lw=1.3 if k < rank else 1.0)
for k in range(rank):
    modes.axhline(target[k], color=style.BLACK, lw=0.7, ls="--")
style.log_time_axis(modes, t)
modes.set_ylim(-0.5, 1.32 * target[0])
modes.set_ylabel(r"singular values of $UV^\top$")
modes.legend(handles=grokking.key([
    ("the three of the target", {"color": style.BLUE}), ("the other seven", {"color": style.SKY}),
    (r"$\sigma^\star$", {"color": style.BLACK, "ls": "--", "lw": 0.7}),
]), loc="upper right")
style.panel_label(modes, "(b)")
style.save(fig, options.out)

half = grokking.half_time(t, run["test_error"].values, 1)
text_half = grokking.half_time(text["time"].values, text["test_error"].values, 1)
published_half = grokking.half_time(*paper["test_loss"], 1)
last = run.isel(time=-1)
rows = [("|w|^2 at t = 1e5; 2 |M*|_nuclear", 2 * nuclear, float(last["norm"]) ** 2)]
rows += [(f"singular value {k + 1} at t = 1e5", target[k], float(last["singular_values"][k]))
         for k in range(rank)]
rows += [
    (f"singular value {rank + 1} at t = 1e5", 0, float(last["singular_values"][rank])),
    ("test error at t = 1e5", 0, float(last["test_error"])),
    ("test error at t = 1e5 without weight decay", None, float(free["test_error"][-1])),
    ("lambda t_half of the test error (published figure)", decay * published_half, decay * half),
    ("  the same with lambda = 1e-3, the text's", decay * half, 1e-3 * text_half),
    ("test error at t = 1e3: flow, gradient descent",
     grokking.at(t, run["test_error"].values, 1e3), float(descent["test_error"][-1])),
    ("|w|^2 at t = 1e3: flow, gradient descent", grokking.at(t, run["norm"].values, 1e3) ** 2,
     float(descent["norm"][-1]) ** 2),
    ("(U'U - V'V) e^{2 lambda t}, t <= 1e3: relative change", 0,
     f"{grokking.decay_defect(run, decay, 1e3):.0e}"),
    ("steps of the solver to t = 1e5", None, int(run["steps"])),
]
style.table(rows)
