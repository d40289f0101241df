#!/usr/bin/python3
"""What a study costs beside its integrations: the table of docs/benchmarks.md, "studies".

    studies.py GRADFLOW [--portable GRADFLOW] [--points N] > studies.md

Processor seconds are those of all processes. Instructions are counted by valgrind, which does not
know all instructions of new processors: --portable names a program that was configured with
-DGRADFLOW_NATIVE=OFF. What is missing (valgrind, strace) leaves its row out, with a line on stderr.
"""

import argparse
import glob
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time

POINT = """[model]
name = "linear_regression"
samples = 2
dimension = 2
[time]
end = 1e-6
samples = 2
[study]
seed = { count = %d }
"""
# About five milliseconds a point.
LONGER = """[model]
name = "diagonal_linear_network"
dimension = 30
samples = 12
[time]
end = 1e5
samples = 50
[study]
seed = { count = 1000 }
"""


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []


def peak_kib(pid):
    try:
        with open(f"/proc/{pid}/status") as file:
            return int(re.search(r"VmHWM:\s+(\d+)", file.read()).group(1))
    except (OSError, AttributeError):
        return 0


class Run:
    """A command, its seconds, and the sum of its processes' peaks."""

    def __init__(self, *words, cwd):
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.time()
        process = subprocess.Popen(words, cwd=cwd, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        peaks = {}

        def watch():
            while process.poll() is None:
                for pid in [process.pid, *children(process.pid)]:
                    peaks[pid] = max(peaks.get(pid, 0), peak_kib(pid))
                time.sleep(0.01)

        thread = threading.Thread(target=watch)
        thread.start()
        self.out, self.err = process.communicate()
        thread.join()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.wall = time.time() - began
        self.processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        self.peak_mb = sum(peaks.values()) / 1024
        if process.returncode != 0:
            raise RuntimeError(f"{' '.join(words)}: {self.err}")


def row(what, command, value):
    print(f"| {what} | `{command}` | {value} |", flush=True)


def instructions(program, folder):
    """Of a point, all but run_point: the slope between 100 and 300 points."""
    counts = {}
    for points in (100, 300):
        for old in glob.glob(f"{folder}/callgrind.*"):
            os.remove(old)
        shutil.rmtree(f"{folder}/v", ignore_errors=True)
        Run("valgrind", "--tool=callgrind", "--callgrind-out-file=callgrind.%p", program, "run",
            "point.toml", "--out", "v", "--set", f"study.seed={{count={points}}}", "--quiet",
            cwd=folder)
        total = run_point = 0
        for path in glob.glob(f"{folder}/callgrind.*"):
            text = subprocess.run(["callgrind_annotate", "--inclusive=yes", path],
                                  capture_output=True, text=True, check=True).stdout
            number = lambda line: int(line.split()[0].replace(",", ""))
            for line in text.splitlines():
                if "PROGRAM TOTALS" in line:
                    total += number(line)
                elif ":gradflow::run_point(" in line:
                    run_point += number(line)
        counts[points] = (total, run_point)
    slope = [(counts[300][k] - counts[100][k]) / 200 for k in (0, 1)]
    row("instructions of a point of 3 steps, all but `run_point`; all of it",
        "valgrind --tool=callgrind gradflow run point.toml, 100 and 300 points",
        f"{(slope[0] - slope[1]) / 1e6:.2f} million; {slope[0] / 1e6:.2f} million")


def system_calls(program, folder):
    run = Run("strace", "-f", "-c", "-e", "trace=fsync,fdatasync,open,openat", "-o", "calls.txt",
              program, "run", "point.toml", "--out", "s", "--quiet", "--set",
              "study.seed={count=1000}", cwd=folder)
    with open(f"{folder}/calls.txt") as file:
        calls = {words[-1]: int(words[3]) for words in map(str.split, file)
                 if len(words) >= 5 and words[3].isdigit()}
    row("of 1000 such points: syncs; opens", "strace -f -c gradflow run point.toml",
        f"{calls.get('fsync', 0) + calls.get('fdatasync', 0)} in {run.wall:.1f} s; "
        f"{calls.get('openat', 0) + calls.get('open', 0)}")


def many(program, folder, points):
    with open(f"{folder}/many.toml", "w") as file:
        file.write(POINT % points)
    run = Run(program, "run", "many.toml", "--out", "m", "--quiet", cwd=folder)
    kept = glob.glob(f"{folder}/m/points/*")
    size = sum(os.path.getsize(path) for path in kept)
    row(f"processor time of such a point, all of it ({points} points)", "gradflow run many.toml",
        f"{run.processor / points * 1e3:.2f} ms")
    row("their peak memory, the sum of all processes'; files; bytes a point", "the same",
        f"{run.peak_mb:.0f} MB; {len(kept) + 4}; {size / points:.0f}")
    again = Run(program, "run", "many.toml", "--out", "m", "--quiet", "--resume", cwd=folder)
    collect = Run(program, "collect", "m", cwd=folder)
    row("their `--resume` when complete", "gradflow run many.toml --resume",
        f"{again.processor:.2f} s of processor time")
    row("putting their result.nc together", "gradflow collect m",
        f"{collect.processor:.2f} s of processor time, {collect.peak_mb:.0f} MB")
    script = ("import time, xarray; began = time.process_time(); "
              "xarray.open_dataset('m/result.nc'); print(time.process_time() - began)")
    opened = Run("/usr/bin/python3", "-c", script, cwd=folder)
    row("opening it in xarray", "xarray.open_dataset", f"{float(opened.out):.2f} s of processor time")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--portable")
    parser.add_argument("--points", type=int, default=100_000)
    arguments = parser.parse_args()
    program = os.path.abspath(arguments.program)
    print("| what | command | here |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/point.toml", "w") as file:
            file.write(POINT % 300)
        with open(f"{folder}/longer.toml", "w") as file:
            file.write(LONGER)
        if shutil.which("valgrind") and arguments.portable:
            instructions(os.path.abspath(arguments.portable), folder)
        else:
            print("no instructions: valgrind or --portable is missing", file=sys.stderr)
        if shutil.which("strace"):
            system_calls(program, folder)
        else:
            print("no system calls: strace is missing", file=sys.stderr)
        many(program, folder, arguments.points)
        times = {1: [], 2: []}
        for turn in range(3):
            for jobs in times:
                shutil.rmtree(f"{folder}/j", ignore_errors=True)
                run = Run(program, "run", "longer.toml", "--out", "j", "--quiet", "--jobs",
                          str(jobs), cwd=folder)
                times[jobs].append((run.processor, run.wall))
        least = {jobs: [min(column) for column in zip(*all)] for jobs, all in times.items()}
        row(f"`--jobs 2` to `--jobs 1`, 1000 points of {least[1][1]:.1f} ms: processor time; wall "
            "time (the least of three, in turn)", "gradflow run longer.toml --jobs N",
            f"{least[2][0] / least[1][0]:.2f}; 1/{least[1][1] / least[2][1]:.2f}")
        starts = Run("/bin/sh", "-c", f"for k in $(seq 50); do '{program}' --version; done",
                     cwd=folder)
        row("processor time of a start", "gradflow --version, 50 times",
            f"{starts.processor / 50 * 1e3:.0f} ms")


if __name__ == "__main__":
    main()
