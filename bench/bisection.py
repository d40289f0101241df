#!/usr/bin/python3
"""What [study.bisect] saves: its runs beside those of a grid of the same resolution, the table of
docs/benchmarks.md, "bisection".

    bisection.py GRADFLOW > bisection.md

The diagonal network of docs/studies.md: where the norm at the end crosses 1, of four seeds. Processor
seconds are those of all processes; the grids of the last two lines are not run, but counted.
"""

import argparse
import math
import os
import resource
import subprocess
import sys
import tempfile

import netCDF4
import numpy as np

LOW, HIGH, LEVEL, SEEDS = 1e-2, 10.0, 1.0, 4
CONFIG = f"""[model]
name = "diagonal_linear_network"
samples = 8
dimension = 20
[time]
end = 1e4
samples = 10
[output]
trajectories = false
[study]
seed = {{ count = {SEEDS} }}
"""
CHAIN = f"""[study.bisect]
key = "flow.weight_decay"
between = [{LOW}, {HIGH}]
measure = "final_norm"
level = {LEVEL}
tolerance = %g
"""
RUN_GRIDS_TO = 1e-2


def ran(program, folder, name, text):
    """(processor seconds, result) of a config."""
    config, out = os.path.join(folder, name + ".toml"), os.path.join(folder, name)
    with open(config, "w", encoding="utf-8") as file:
        file.write(text)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([program, "run", config, "--out", out, "--quiet"], check=True,
                   stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, netCDF4.Dataset(os.path.join(out, "result.nc"))


def crossings(grid):
    """The grid's brackets: the last decay with the norm at or above the level, and the next."""
    decay = np.asarray(grid["weight_decay"][:])
    last = (np.asarray(grid["final_norm"][:]) >= LEVEL).sum(axis=1) - 1
    return decay[last], decay[last + 1]


def row(program, folder, tolerance):
    points = math.ceil(math.log(HIGH / LOW) / tolerance) + 1
    seconds, chains = ran(program, folder, f"chain{tolerance:g}", CONFIG + CHAIN % tolerance)
    runs = int((np.asarray(chains["status"][:]) >= 0).sum())
    beside = "not run"
    if tolerance >= RUN_GRIDS_TO:
        text = CONFIG + f'"flow.weight_decay" = {{ log = [{LOW}, {HIGH}, {points}] }}\n'
        grid_seconds, grid = ran(program, folder, f"grid{tolerance:g}", text)
        low, high = crossings(grid)
        if not ((np.asarray(chains["weight_decay_transition_low"][:]) < high)
                & (np.asarray(chains["weight_decay_transition_high"][:]) > low)).all():
            sys.exit(f"tolerance {tolerance:g}: the brackets and the grid disagree")
        beside = f"{grid_seconds:.2f}"
    print(f"| {tolerance:g} | {runs} | {SEEDS * points} | {SEEDS * points / runs:.1f} | {seconds:.2f} "
          f"| {beside} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    program = os.path.abspath(parser.parse_args().program)
    print("| tolerance | runs | of a grid | ratio | processor seconds | of the grid |\n"
          "| --: | --: | --: | --: | --: | --: |")
    with tempfile.TemporaryDirectory() as folder:
        for tolerance in (1e-1, 3e-2, 1e-2, 1e-3, 1e-4):
            row(program, folder, tolerance)


if __name__ == "__main__":
    main()
