#!/usr/bin/python3
"""What sweeps, branches and the curvature of the L2 transitions cost: a table of
docs/benchmarks.md.

    transitions.py GRADFLOW [--quick] > transitions.md

Seconds are the least of three runs, of each the smaller of the result's `wall_seconds` and of the
processor seconds of the call, which runs one thread: other work on the machine counts through shared
caches alone.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile

import netCDF4
import numpy as np

MODEL = """[model]
name = "deep_linear_network"
target_singular_values = [0.9, 0.8]
width = {width}
depth = 3
initial_law = "aligned"
initial_scale = 1
"""
SWEEP = MODEL + """[sweep]
values = {values}
direction = "up"
[output]
parameters = true
observables = ["sharpness"]
"""
DESCENT = """[model]
name = "deep_linear_network"
target_singular_values = [0.9, 0.8]
width = 10
depth = 3
initial = "start.npy"
[flow]
kind = "gradient_descent"
weight_decay = {decay!r}
step = {step!r}
[time]
end = {end!r}
spacing = "linear"
samples = 1
stop_gradient_norm = 1e-8
[solver]
max_steps = 100000000
"""
BRANCH = MODEL + """[continuation]
range = [0.05, 0.5]
starts = ["flow"]
"""
CURVATURE = MODEL + """[flow]
weight_decay = 0.1
[time]
end = 1e-3
samples = 1
[output]
observables = ["scalar_curvature"]
[measure]
curvature_probes = {probes}
"""


class Bench:
    def __init__(self, program, folder):
        self.program, self.folder, self.count = program, folder, 0

    def run(self, config, times=3):
        """(result, seconds) of a config. A run that fails has a result too."""
        with open(f"{self.folder}/config.toml", "w") as file:
            file.write(config)
        seconds = []
        for _ in range(times):
            data, processor = self.run_file("config.toml")
            seconds.append(min(processor, float(data["wall_seconds"][...])))
        return data, min(seconds)

    def run_file(self, path):
        """(result, processor seconds)"""
        self.count += 1
        name = f"run{self.count}"
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run([self.program, "run", path, "--out", name, "--quiet"],
                              cwd=self.folder, capture_output=True, text=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode not in (0, 1):
            raise RuntimeError(done.stderr)
        data = netCDF4.Dataset(f"{self.folder}/{name}/result.nc")
        data.set_auto_mask(False)
        return data, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def row(*cells):
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def sweep(bench, quick):
    """The sweep of (.9, .8), and gradient descent from value to value."""
    values = np.linspace(0.005, 0.475, 95)
    if quick:
        values = values[39::20]
    text = "[" + ", ".join(map(repr, map(float, values))) + "]"
    data, ours = bench.run(SWEEP.format(width=10, values=text))
    states = np.array(data["parameters"][0])
    sharpness = np.array(data["sharpness"][0])
    steps = np.array(data["settle_steps"][0])
    random = np.random.default_rng(0)
    count, seconds, failed, worst = 0, 0.0, 0, 0
    for k in range(1, len(values)):
        start = states[k - 1] + 1e-6 * random.standard_normal(states.shape[1])
        np.save(f"{bench.folder}/start.npy", start)
        # Below 2 over the largest curvature on the way, which is that of one of its ends.
        step = 1.9 / (max(sharpness[k - 1], sharpness[k]) + values[k])
        descent, taken = bench.run(DESCENT.format(decay=float(values[k]), step=float(step),
                                                  end=float(step * 1e6)))
        failed += int(descent["stopped_early"][...]) == 0
        count += int(descent["steps"][...])
        worst = max(worst, int(descent["steps"][...]))
        seconds += taken
    settled = len(values) - 1
    print("\n**The sweep of (.9, .8), L = 3, width 10, upwards**, to |∇| ≤ 1e-12; beside it gradient "
          "descent from each settled state to the next value's rest, to |∇| = 1e-8, with 0.95 of the "
          "largest stable step\n")
    row("", "values", "steps a value", "most", "seconds a value")
    row("---", "--:", "--:", "--:", "--:")
    row("`[sweep]`", len(values), f"{steps[1:].mean():.0f}", steps[1:].max(),
        f"{ours / len(values):.4f}")
    row("gradient descent" + (f" ({failed} not at rest)" if failed else ""), settled,
        f"{count / settled:.0f}", worst, f"{seconds / settled:.4f}")


def branch(bench):
    print("\n**The branch of (.9, .8), L = 3, from λ = .05 through its fold and back**\n")
    row("width", "parameters", "points", "factorisations", "seconds")
    row("--:", "--:", "--:", "--:", "--:")
    for width in (3, 10, 30):
        data, seconds = bench.run(BRANCH.format(width=width))
        row(width, 4 * width + width * width, data.dimensions["point"].size,
            int(data["factorisations"][...]), f"{seconds:.3f}")


def curvature(bench, quick):
    print("\n**Scalar curvature at one state**, exact and by 100 probes; the run beside it is three "
          "samples long\n")
    row("parameters", "exact, seconds", "100 probes, seconds", "exact", "probes", "their error")
    row("--:", "--:", "--:", "--:", "--:", "--:")
    for width in (10, 30) if quick else (10, 30, 100):
        numbers, seconds = {}, {}
        for probes in (0, 100):
            data, taken = bench.run(CURVATURE.format(width=width, probes=probes))
            numbers[probes] = [float(np.ravel(data[name][...])[-1]) if name in data.variables
                               else np.nan
                               for name in ("scalar_curvature", "scalar_curvature_error")]
            seconds[probes] = taken / data.dimensions["time"].size
        row(4 * width + width * width, f"{seconds[0]:.3f}", f"{seconds[100]:.3f}",
            f"{numbers[0][0]:.5g}", f"{numbers[100][0]:.5g}", f"{numbers[100][1]:.2g}")


def bipartite(bench):
    """Minima of the complete bipartite graph on 8 vertices, which takes N^2/4 = 16 neurons."""
    vertices, decay = 8, 0.02
    least = decay * vertices**2 - decay**2 * vertices * (vertices - 1)
    here = os.path.dirname(os.path.abspath(__file__))
    data, seconds = bench.run_file(f"{here}/../examples/layers/bipartite_8.toml")
    excess = 2 * np.array(data["regularised_loss"][...])[..., 0] - least
    print("\n**The complete bipartite graph with N = 8, from 60 half-normal starts at each width** "
          f"(`examples/layers/bipartite_8.toml`; N²/4 = 16; {seconds / 60:.1f} processor minutes in all)\n")
    row("width", "best loss − L*", "starts within 1e-4")
    row("--:", "--:", "--:")
    for width, losses in zip(data["width"][...], excess):
        row(int(width), f"{np.nanmin(losses):.2g}", f"{np.sum(losses < 1e-4)} of {losses.size}")


def load():
    return f"{os.getloadavg()[0]:.1f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    loads = [load()]
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(os.path.abspath(arguments.program), folder)
        sweep(bench, arguments.quick)
        branch(bench)
        curvature(bench, arguments.quick)
        if not arguments.quick:
            bipartite(bench)
    loads.append(load())
    print(f"\nLoad average {loads[0]} at the beginning, {loads[1]} at the end.")


if __name__ == "__main__":
    main()
