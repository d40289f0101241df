#!/usr/bin/python3
"""The tables of a benchmark, from the rows that gradflow_bench and peers.py wrote.

    report.py RESULTS > table.md
"""

import csv
import glob
import math
import os
import subprocess
import sys

PROBLEMS = [
    ("completion", "matrix completion of figure 2 (p = 400, 200 residuals), lambda = 1e-3, to 1e5"),
    ("diagonal", "diagonal network of figure 4 (p = 122, 12 residuals), lambda = 1e-4, to 3e5"),
    ("tanh_600", "two-layer tanh network (p = 600, n = 40), lambda = 1e-5, to 1e6"),
    ("mean_field_100", "single-index mean field, m = 100 (200 unknowns), epsilon = 1e-4, to 1"),
    ("mean_field_1000", "single-index mean field, m = 1000 (2000 unknowns), epsilon = 1e-4, to 1"),
    *((f"mean_field_1000_{e}", f"the same with epsilon = {e}")
      for e in ("0.01", "1e-06", "1e-08", "1e-10", "1e-12")),
    ("deep_linear", "deep linear network, depth 3, scale 0.1, lambda = 1e-4, to 1e5"),
    ("relu_600", "two-layer ReLU network (p = 600, n = 20), lambda = 1e-3, to 1e4"),
    ("completion_800", "matrix completion, 40 x 40 (p = 800, 480 residuals), lambda = 1e-3, to 1e5"),
    ("diagonal_1202", "diagonal network of 300 frequencies (p = 1202, 12 residuals), lambda = 1e-4, "
     "to 3e5"),
    ("tanh_6000", "two-layer tanh network (p = 6000, n = 40), lambda = 1e-5, to 1e6"),
    ("mean_field_10000", "single-index mean field, m = 10000 (20000 unknowns), epsilon = 1e-4, to 1"),
    ("completion_1e-06", "matrix completion of figure 2, lambda = 1e-6, to 1e7"),
    ("diagonal_1e-08", "diagonal network of figure 4, lambda = 1e-8, to 1e9"),
    ("tanh_600_1e-09", "two-layer tanh network (p = 600, n = 40), lambda = 1e-9, to 1e10"),
]
GROWTH = [
    ("lambda_completion", "lambda", "matrix completion to 10/lambda, rtol 1e-6"),
    ("lambda_diagonal", "lambda", "diagonal network to 10/lambda, rtol 1e-6"),
    ("lambda_tanh", "lambda", "tanh network, p = 600, n = 40, to 10/lambda, rtol 1e-6"),
    ("lambda_tanh_1100", "lambda",
     "tanh network of ten inputs without biases, p = 1100, n = 40, to 10/lambda, rtol 1e-6"),
    ("lambda_tanh_ten_inputs", "lambda",
     "tanh network of ten inputs, p = 550, n = 40, to 10/lambda, rtol 1e-6"),
    ("lambda_tanh_hundred_inputs", "lambda",
     "tanh network of a hundred inputs, p = 5050, n = 40, to 10/lambda, rtol 1e-6"),
    ("lambda_relu", "lambda", "ReLU network, p = 600, n = 20, to 10/lambda, rtol 1e-6"),
    ("riemannian", "lambda",
     "diagonal network to tau = 5, rtol 1e-8; lambda = 0: the Riemannian flow from Phi(w0)"),
    ("modular_addition", "lambda", "modular addition, p = 13, to 20/lambda, rtol 1e-4"),
    ("epsilon", "epsilon", "mean field, m = 1000, to 1, rtol 1e-8"),
    ("width", "m", "mean field, epsilon = 1e-4, to 1, rtol 1e-8"),
    ("parameters", "p", "tanh network, n = 40, lambda = 1e-5, to 1e6, rtol 1e-6"),
    ("samples", "n", "tanh network, p = 1200, lambda = 1e-5, to 1e6, rtol 1e-6"),
    ("threads_width", "m", "mean field, epsilon = 1e-4, to 1, rtol 1e-6, wall seconds by threads"),
    ("threads_parameters", "p", "tanh network, n = 40, lambda = 1e-5, to 1e6, rtol 1e-6, wall seconds "
     "by threads"),
    ("threads_samples", "n", "tanh network, p = 12000, lambda = 1e-5, to 1e6, rtol 1e-6, wall seconds "
     "by threads"),
]
BATCH = [
    ("seeds", "diagonal network of 10 parameters, 4 samples, lambda = 1e-3, to 1e4; seeds"),
    ("decays", "the same, one seed, lambda from 1e-5 to 1e-2"),
    ("larger", "diagonal network of 60 parameters, 12 samples, lambda = 1e-3, to 1e4; seeds"),
]
OURS = ("auto", "cvode", "cvode+structured", "cvode+dense", "rodas", "rodas+structured",
        "rodas+dense", "rock4")
LEVEL = 1e-6


def number(text, default=math.nan):
    return float(text) if text not in ("", None) else default


def read(results):
    """Rows by the name of their file; the peers' rows go with their problem's."""
    files = {}
    for path in sorted(glob.glob(os.path.join(results, "*.csv"))):
        name = os.path.basename(path)[:-4].removeprefix("peers_")
        with open(path, newline="") as file:
            for row in csv.DictReader(file):
                row["done"] = row["finished"] == "1"
                for key in ("value", "rtol", "seconds", "seconds_median", "steps", "rhs",
                            "factorisations", "error", "error_end", "t_end", "load"):
                    row[key] = number(row[key])
                files.setdefault(name, []).append(row)
    return files


def solvers_of(rows):
    return list(dict.fromkeys(row["solver"] for row in rows
                              if not row["solver"].startswith("reference")))


def front(rows):
    """Finished runs that no other run of the same solver beats in both time and error."""
    points = sorted((row["error"], row["seconds"]) for row in rows
                    if row["done"] and math.isfinite(row["error"]) and row["error"] > 0)
    best, kept = math.inf, []
    for error, seconds in points:
        if seconds < best:
            best = seconds
            kept.append((error, seconds))
    return kept


def at_level(rows, level=LEVEL):
    """(seconds at that true error, how it was found), by interpolation of log time in log error."""
    points = front(rows)
    cut = [row["seconds"] for row in rows if not row["done"] and row["seconds"] > 0]
    if not points:
        return (max(cut), "cut") if cut else (math.nan, "no run")
    if points[0][0] > level:
        if cut:
            return max(cut), "cut"
        return math.nan, f"least error {points[0][0]:.1g}"
    for (e0, s0), (e1, s1) in zip(points, points[1:]):
        if e0 <= level <= e1:
            part = math.log(level / e0) / math.log(e1 / e0)
            return math.exp(math.log(s0) + part * (math.log(s1) - math.log(s0))), ""
    # A looser run that took longer still tells that nothing faster was left out.
    if any(row["done"] and row["error"] >= level for row in rows):
        return points[-1][1], ""
    return points[-1][1], f"error {points[-1][0]:.1g} at its loosest"


def cell(value, form="{:.3g}"):
    return "-" if value is None or (isinstance(value, float) and math.isnan(value)) \
        else form.format(value)


def machine():
    model = "unknown"
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    compiler = subprocess.run(["g++", "--version"], capture_output=True, text=True).stdout
    return f"{model}, {os.cpu_count()} cores; {compiler.splitlines()[0]}, -O3 -march=native"


SECTION = {"tanh_600": "tanh", "mean_field_1000": "mean_field", "relu_600": "relu"}
SECTION |= {name: "mean_field_epsilon" for name, _ in PROBLEMS if name.startswith("mean_field_1000_")}
SECTION |= dict.fromkeys(("completion_800", "diagonal_1202", "tanh_6000", "mean_field_10000"), "larger")
SECTION |= dict.fromkeys(("completion_1e-06", "diagonal_1e-08", "tanh_600_1e-09"), "stiffer")


def command(results, name):
    """The line that made a table: what `bench/run` noted, or how to make it again."""
    section = SECTION.get(name, name)
    path = os.path.join(results, f"{section}.command")
    text = open(path).read().strip() if os.path.exists(path) else f"bench/run --only {section}"
    print("\n".join(f"`{line}`  " for line in text.splitlines()) + "\n")


def problem_table(results, name, title, rows):
    print(f"\n### {name}: {title}\n")
    command(results, name)
    for row in rows:
        if row["solver"] == "reference check":
            print(f"Reference at rtol 1e-12; {row['note'].split(',')[0]} at rtol 1e-11 differs from "
                  f"it by {row['error']:.1g}.\n")
    loads = [row["load"] for row in rows if math.isfinite(row["load"])]
    print(f"Load average {min(loads):.1f} to {max(loads):.1f} while it ran.\n")
    best = min((at_level([r for r in rows if r["solver"] == s]) + (s,) for s in solvers_of(rows)
                if s in OURS), default=(math.nan, "", ""))
    print(f"| solver | seconds at error {LEVEL:g} | times ours |")
    print("|---|--:|--:|")
    for solver in solvers_of(rows):
        seconds, how = at_level([r for r in rows if r["solver"] == solver])
        bound = "> " if how == "cut" else "< " if how.endswith("loosest") else ""
        note = f" ({how})" if how and how != "cut" else ""
        print(f"| {solver} | {bound}{cell(seconds)}{note} | {bound}{cell(seconds / best[0], '{:.3g}')} |")
    print("\n| solver | rtol | error, largest | at the end | seconds, least | median | runs | steps "
          "| factorisations | |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|---|")
    for row in rows:
        if row["solver"].startswith("reference"):
            continue
        if not math.isfinite(row["seconds"]):
            print(f"| {row['solver']} | | | | | | | | | {row['note']} |")
            continue
        note = "" if row["done"] else f"cut at t = {row['t_end']:.3g}"
        if "extrapolated" in row["note"]:
            note = row["note"]
        print(f"| {row['solver']} | {cell(row['rtol'] or math.nan)} | "
              f"{cell(row['error'] if row['done'] else math.nan, '{:.1e}')} | "
              f"{cell(row['error_end'], '{:.1e}')} | "
              f"{cell(row['seconds'])} | {cell(row['seconds_median'])} | {row['runs']} | "
              f"{cell(row['steps'], '{:.0f}')} | {cell(row['factorisations'], '{:.0f}')} | {note} |")


def batch_table(results, files):
    """Milliseconds a point at one true error, one after another and side by side."""
    print("\n## batch: points of a study side by side\n")
    print("One integration of many points with common steps and a block-diagonal Newton matrix, "
          "against one integration each. Error: the largest among the points. Steps: those of the "
          "common integration over the mean of the points alone, at the tightest tolerance.\n")
    command(results, "batch")
    for kind, title in BATCH:
        names = [name for name in files if name.startswith(f"batch_{kind}_")]
        print(f"**{kind}**: {title}\n")
        loads = [row["load"] for name in names for row in files[name]
                 if math.isfinite(row["load"])]
        print(f"Load average {min(loads):.1f} to {max(loads):.1f} while it ran.\n")
        print(f"| points | auto each, ms a point at error {LEVEL:g} | side by side | gain | steps "
              "| rodas each | side by side | gain | steps |")
        print("|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
        for name in sorted(names, key=lambda name: int(name.rsplit("_", 1)[1])):
            points = int(name.rsplit("_", 1)[1])
            cells = [str(points)]
            for solver in ("auto", "rodas"):
                both = [[row for row in files[name] if row["solver"] == prefix + solver]
                        for prefix in ("each:", "")]
                each, together = (1e3 * at_level(rows)[0] / points for rows in both)
                steps = [min(rows, key=lambda row: row["rtol"])["steps"] for rows in both]
                cells += [cell(each), cell(together), cell(each / together),
                          cell(steps[1] * points / steps[0])]
            print("| " + " | ".join(cells) + " |")
        print()


def growth_table(results, name, what, title, rows):
    print(f"\n### {name}: {title}\n")
    command(results, name)
    loads = [row["load"] for row in rows]
    print(f"Load average {min(loads):.1f} to {max(loads):.1f} while it ran.\n")
    print(f"| solver | {what} | steps | seconds | milliseconds a step | Newton matrix |")
    print("|---|--:|--:|--:|--:|---|")
    for row in rows:
        kind = row["note"].split(", ", 1)[-1].split(" (")[0] if row["done"] else \
            f"cut at t = {row['t_end']:.3g}"
        print(f"| {row['solver']} | {row['value']:g} | {cell(row['steps'], '{:.0f}')} | "
              f"{cell(row['seconds'])} | {cell(1e3 * row['seconds'] / max(row['steps'], 1))} | "
              f"{kind} |")


# Times of the best peer over ours that we want at the second of the levels.
WANTED = {"completion": 40, "diagonal": 30, "tanh_600": 3, "mean_field_1000": 4}
LEVELS = (1e-4, 1e-6, 1e-8)


def ratio_table(files):
    """`auto` alone, and the fastest of all peers that ran, at equal true error."""
    print("\n## Ratios\n\nAt equal true error, by interpolation of log time in log error: `auto` alone, "
          "beside the fastest of all peers that ran (Boost's and CVODE's own solvers, SciPy's, "
          "descent). \"<\": the peer's loosest run was more exact than asked, and its time is an upper "
          "bound; \">\": no peer came to the error before its run was cut.\n")
    print("| problem | error | auto, s | best peer | its s | ratio | to be |")
    print("|---|--:|--:|---|--:|--:|--:|")
    for problem, _ in PROBLEMS:
        rows, target = files.get(problem, []), WANTED.get(problem)
        for level in LEVELS:
            ours = at_level([row for row in rows if row["solver"] == "auto"], level)
            peers, cut = [], []
            for solver in solvers_of(rows):
                if solver in OURS:
                    continue
                seconds, how = at_level([row for row in rows if row["solver"] == solver], level)
                if math.isfinite(seconds):
                    (cut if how == "cut" else peers).append((seconds, how, solver))
            if not peers and not cut or not math.isfinite(ours[0]):
                continue
            seconds, how, solver = min(peers) if peers else max(cut)
            bound = "> " if not peers else "< " if how else ""
            wanted = f"{target}" if target and level == LEVELS[1] else ""
            print(f"| {problem} | {level:.0e} | {cell(ours[0])} | {solver} | {bound}{cell(seconds)} "
                  f"| {bound}{cell(seconds / ours[0])} | {wanted} |")


def main():
    results = sys.argv[1]
    files = read(results)
    print("Printed by `bench/run`.\n")
    print(f"Machine: {machine()}. Times are processor seconds of one thread, the least of several "
          "runs beside the median, so that other work on the machine counts only through shared "
          "caches. Error: the largest over 62 times of |y - reference|/|reference|. A run is cut at "
          "the cap that stands in the table's command.")
    peers = os.path.join(results, "peers.txt")
    if os.path.exists(peers):
        print(f"Peers in Python: {open(peers).read().strip()}.")
    ratio_table(files)
    print("\n## Time and true error")
    for name, title in PROBLEMS:
        if name in files:
            problem_table(results, name, title, files[name])
    if any(name.startswith("batch_") for name in files):
        batch_table(results, files)
    print("\n## How the cost grows")
    for name, what, title in GROWTH:
        if name in files:
            growth_table(results, name, what, title, files[name])
    digits = os.path.join(results, "ivp.md")
    if os.path.exists(digits):
        print("\n## The IVP test set\n\nDigits of the end state, of its worst component, against "
              "reference solutions of 113-bit arithmetic (bench/ivp_test_set.cpp), which agree with "
              "the published ones.\n")
        command(results, "ivp")
        print(open(digits).read())
    condition = os.path.join(results, "condition.md")
    if os.path.exists(condition):
        print("\n## What the condition costs\n\nAt rtol 1e-6, `solver.condition` on and off in turns, "
              "processor milliseconds, the lower quartile of the runs of each.\n")
        command(results, "condition")
        print(open(condition).read())
    for name, error in (("battery", "1e-5"), ("battery_tight", "1e-8")):
        battery = os.path.join(results, f"{name}.md")
        if os.path.exists(battery):
            print(f"\n## `auto` and the best of its own methods, to an error of {error}\n\nProcessor "
                  "seconds, the largest error over 62 times, beside the least of all pairs of method and "
                  "Newton matrix.\n")
            command(results, name)
            print(open(battery).read())
    peak = os.path.join(results, "machine.md")
    if os.path.exists(peak):
        print("\n## Against the machine's peak\n")
        command(results, "machine")
        print(open(peak).read())
        print("Flops of set-up and solve are those of the cost model. Bytes: arrays that a kernel "
              "passes over, each as often as it does, counted in bench/machine.cpp.")


if __name__ == "__main__":
    main()
