#!/usr/bin/python3
"""Handwritten digits by the flow and by gradient descent: the table of docs/digits.md.

    digits.py GRADFLOW [--decays 1e-3 1e-4] > digits.md

The configs of examples/digits, to t = 10 / lambda, by `auto` at two tolerances; and gradient descent
with the largest stable step: the largest entry of LADDER below 2 / (sharpness + lambda), the sharpness
the largest along the flow. Descent is not run to the end where that takes more than --most gradients:
its processor seconds are then those of --most, extrapolated. Processor seconds are those of the runs,
with the observables at 60 samples.
"""

import argparse
import os
import pathlib
import resource
import subprocess
import tempfile

import netCDF4
import numpy as np

DIGITS = pathlib.Path(__file__).resolve().parents[1] / "examples" / "digits"
LADDER = [round(m * 10.0**k, 9) for k in range(-4, 2) for m in (1, 1.25, 1.6, 2, 2.5, 3.2, 4, 5, 6.3, 8)]
OBSERVABLES = ["train_loss", "norm", "train_accuracy", "test_accuracy"]


def ran(program, folder, config, **settings):
    """(processor seconds, result)"""
    words = [word for key, value in settings.items()
             for word in ("--set", f"{key.replace('__', '.')}={value}")]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([program, "run", config, "--out", "out", "--quiet", "--overwrite", *words],
                   check=True, stdout=subprocess.DEVNULL, cwd=folder)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
            netCDF4.Dataset(os.path.join(folder, "out", "result.nc")))


def row(name, decay, how, gradients, seconds, data, note=""):
    ends = ["" if data is None else f"{float(data[key][-1]):.{digits}g}"
            for key, digits in (("train_accuracy", 4), ("test_accuracy", 4), ("train_loss", 6),
                                ("norm", 7))]
    print(f"| {name} | {decay:g} | {how} | {gradients} | {seconds:.1f}{note} | "
          + " | ".join(ends) + " |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--decays", nargs="*", type=float, default=[1e-3, 1e-4])
    parser.add_argument("--most", type=int, default=20000)
    arguments = parser.parse_args()
    program = os.path.abspath(arguments.program)
    print("| loss | λ | method | gradients | processor s | train accuracy | test accuracy | "
          "F | norm |\n| --- | --: | --- | --: | --: | --: | --: | --: | --: |")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["/usr/bin/python3", DIGITS / "write_data.py", f"{folder}/data"], check=True,
                       stdout=subprocess.DEVNULL)
        for name in ("cross_entropy", "squared"):
            config = f"{name}.toml"
            text = (DIGITS / config).read_text(encoding="utf-8")
            pathlib.Path(folder, config).write_text(text, encoding="utf-8")
            for decay in arguments.decays:
                end = 10 / decay
                common = {"flow__weight_decay": decay, "time__end": end,
                          "output__observables": OBSERVABLES}
                for rtol in (1e-3, 1e-6):
                    seconds, data = ran(program, folder, config, **common, solver__rtol=rtol)
                    how = f"auto, rtol {rtol:g} ({data['steps'][...]} steps)"
                    row(name, decay, how, data["rhs_evaluations"][...], seconds, data)
                watched = {**common, "output__observables": ["sharpness"]}
                _, data = ran(program, folder, config, **watched)
                stable = 2 / (float(np.max(data["sharpness"][:])) + decay)
                step = max(h for h in LADDER if h < stable)
                steps = round(end / step)
                run_steps = min(steps, arguments.most)
                common["time__end"] = run_steps * step
                seconds, data = ran(program, folder, config, **common, flow__kind="gradient_descent",
                                    flow__step=step)
                how = f"descent, step {step:g} (stable below {stable:.3g})"
                whole = run_steps == steps
                row(name, decay, how, steps, seconds * steps / run_steps, data if whole else None,
                    "" if whole else f" (of {run_steps})")


if __name__ == "__main__":
    main()
