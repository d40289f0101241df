"""[study.bisect], through the program: what its brackets hold, how many runs they take, and that
the result does not depend on who ran what, in which order, or how often it was killed."""

import contextlib
import json
import pathlib
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import netCDF4
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "python"))

import gradflow  # noqa: E402
from program import PROGRAM, run  # noqa: E402

LEVEL, LOW, HIGH, TOLERANCE = 1.0, 1e-2, 10.0, 1e-3
SEEDS = 4
NETWORK = """[model]
name = "diagonal_linear_network"
samples = 8
dimension = 20
[time]
end = 1e4
samples = 10
"""
CHAIN = f"""[study.bisect]
key = "flow.weight_decay"
between = [{LOW}, {HIGH}]
measure = "final_norm"
level = {LEVEL}
tolerance = {TOLERANCE}
"""
BISECTION = NETWORK + f"[study]\nseed = {{ count = {SEEDS} }}\n" + CHAIN
# The last decay of { log = [1e-2, 10, 2000] } with a final norm at or above 1, for each seed:
# printed by `test_bisection.py grid`.
LAST_ABOVE = [1492, 1423, 1292, 1563]
GRID = np.geomspace(LOW, HIGH, 2000)


@contextlib.contextmanager
def result(folder):
    with contextlib.closing(netCDF4.Dataset(folder / "result.nc")) as data:
        data.set_auto_mask(False)
        yield data


def content_hash(folder):
    with result(folder) as data:
        return data.content_hash


def value(folder, name):
    with result(folder) as data:
        return data[name][:]


def records(folder):
    """Runs on disk, as `gradflow status` counts them."""
    return json.loads(run("status", folder, "--json").stdout)


def start(*words):
    return subprocess.Popen([PROGRAM, *words, "--quiet"], stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)


class Folder(unittest.TestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.folder = pathlib.Path(place.name)

    def config(self, text, name="study.toml"):
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def ran(self, text, name, *words, code=0):
        path = self.config(text, name + ".toml")
        done = run("run", path, "--out", self.folder / name, *words, code=code)
        return self.folder / name, done


class Brackets(Folder):
    def test_brackets_hold_the_crossing_of_a_fine_grid_in_as_many_runs_as_are_promised(self):
        out, _ = self.ran(BISECTION, "out", "--quiet")
        with result(out) as data:
            low, high = (data[f"weight_decay_transition_{end}"][:] for end in ("low", "high"))
            middle, error = data["weight_decay_transition"][:], data["weight_decay_transition_error"][:]
            values, status = data["weight_decay"][:], data["status"][:]
            norms = data["norm"][..., -1]
            self.assertEqual(data["weight_decay"].dimensions, ("seed", "bisection"))
            self.assertEqual(data["weight_decay_transition"].dimensions, ("seed",))
        for seed, last in enumerate(LAST_ABOVE):
            # The grid's own bracket and the chain's must have the crossing in common.
            self.assertLess(low[seed], GRID[last + 1])
            self.assertGreater(high[seed], GRID[last])
        self.assertTrue((np.log(high / low) <= TOLERANCE * (1 + 1e-9)).all())
        np.testing.assert_allclose(middle, (low + high) / 2, rtol=1e-14)
        np.testing.assert_allclose(error, (high - low) / 2, rtol=1e-9)
        runs = (status >= 0).sum(axis=1)
        self.assertTrue((runs <= 2 + np.log2(np.log(HIGH / LOW) / TOLERANCE) + 1).all())
        # The ends first, then the middle; and every run on its side of the crossing.
        np.testing.assert_array_equal(values[:, :2], np.tile([LOW, HIGH], (SEEDS, 1)))
        np.testing.assert_allclose(values[:, 2], np.sqrt(LOW * HIGH), rtol=1e-14)
        there = status >= 0
        np.testing.assert_array_equal((norms >= LEVEL)[there],
                                      (values <= low[:, None])[there])

    def test_final_values_are_the_same_without_trajectories(self):
        out, _ = self.ran(BISECTION, "out", "--quiet")
        short, _ = self.ran(BISECTION, "short", "--quiet", "--set", "output.trajectories=false")
        for name in ("weight_decay", "weight_decay_transition", "status"):
            np.testing.assert_array_equal(value(out, name), value(short, name))

    def test_a_chain_alone_is_a_study_of_one(self):
        out, done = self.ran(NETWORK + CHAIN, "out")
        self.assertEqual(value(out, "weight_decay_transition").shape, ())
        self.assertIn("done, 0 failed", done.stdout)
        middle, error = (value(out, "weight_decay_transition" + of) for of in ("", "_error"))
        said = re.search(r"weight_decay_transition +(\S+) \+- (\S+) ", done.stdout)
        np.testing.assert_allclose([float(said[1]), float(said[2])], [middle, error],
                                   rtol=0.05)  # of two digits of the error
        many, _ = self.ran(BISECTION, "many", "--quiet")
        self.assertEqual(value(out, "weight_decay_transition"),
                         value(many, "weight_decay_transition")[0])

    def test_integers_end_at_neighbours(self):
        chain = CHAIN.replace('"flow.weight_decay"', '"model.samples"').replace(
            f"[{LOW}, {HIGH}]", "[1, 40]").replace(f"tolerance = {TOLERANCE}", "").replace(
            f"level = {LEVEL}", "level = 1.5")
        out, _ = self.ran(NETWORK.replace("samples = 8\n", "") + '[study]\n"flow.weight_decay" = [0.5]\n'
                          + chain, "out", "--quiet")
        low, high = value(out, "samples_transition_low"), value(out, "samples_transition_high")
        np.testing.assert_array_equal(high - low, [1])

    def test_every_run_is_that_of_an_axis_at_its_value(self):
        """A chain's points are shared with a study over the same values, both ways."""
        out, _ = self.ran(BISECTION, "out", "--quiet")
        values = sorted(set(value(out, "weight_decay")[2]))
        axis = NETWORK + f'[study]\nseed = [2]\n"flow.weight_decay" = {json.dumps(values)}\n'
        grid, done = self.ran(axis, "grid", "--reuse", str(out))
        self.assertRegex(done.stdout, "this call +0 points")
        _, done = self.ran(BISECTION, "back", "--reuse", str(grid))
        self.assertIn(f"{len(values)} of ", done.stderr)
        self.assertEqual(content_hash(self.folder / "back"), content_hash(out))

    def test_what_follows_from_the_key_by_an_expression_is_worked_out_at_each_run(self):
        network = NETWORK.replace("1e4", '"= 100 / flow.weight_decay"')
        chain = CHAIN.replace(f"tolerance = {TOLERANCE}", "tolerance = 0.1")
        out, _ = self.ran(network + chain, "out", "--quiet")
        decays = value(out, "weight_decay")
        np.testing.assert_array_equal(value(out, "end_time"), 100 / decays)
        # Each is the run with the numbers written out.
        values = ", ".join(map(repr, map(float, decays)))
        ends = ", ".join(map(repr, map(float, 100 / decays)))
        axis, done = self.ran(NETWORK.replace("end = 1e4\n", "") + "[study.zip.runs]\n"
                              f'"flow.weight_decay" = [{values}]\n"time.end" = [{ends}]\n',
                              "axis", "--reuse", str(out))
        self.assertRegex(done.stdout, "this call +0 points")
        np.testing.assert_array_equal(value(axis, "norm"), value(out, "norm"))
        # An expression with the same values at both ends is another study.
        other = self.config(network.replace("100 /", "10010 - 1000 *") + chain, "other.toml")
        self.assertIn("of another config", run("run", other, "--out", out, "--resume",
                                               code=2).stderr)

    def test_a_finer_tolerance_goes_on_from_a_coarser_one(self):
        coarse, _ = self.ran(BISECTION, "coarse", "--quiet")
        words = ("--set", "study.bisect.tolerance=1e-5")
        done = run("run", self.folder / "coarse.toml", "--out", self.folder / "fine", *words,
                   "--reuse", coarse)
        runs = value(coarse, "status").size
        self.assertIn(f"{runs} of ", done.stderr)
        run("run", self.folder / "coarse.toml", "--out", self.folder / "anew", *words, "--quiet")
        self.assertEqual(content_hash(self.folder / "fine"), content_hash(self.folder / "anew"))


class Ends(Folder):
    """What ends a chain early is told apart, in words and in the result."""

    def state(self, folder):
        with result(folder) as data:
            words = data["weight_decay_transition_status"].flag_meanings.split()
            return [words[k] for k in np.ravel(data["weight_decay_transition_status"][:])]

    def test_ends_on_one_side_give_nan_with_a_warning(self):
        out, done = self.ran(BISECTION.replace(f"level = {LEVEL}", "level = 100.0"), "out")
        self.assertEqual(self.state(out), ["one_side"] * SEEDS)
        self.assertTrue(np.isnan(value(out, "weight_decay_transition")).all())
        self.assertIn("final_norm is below 100 at both ends in 4 of 4 chains", done.stderr)
        self.assertIn(f"{2 * SEEDS} done, 0 failed", done.stdout)
        status = records(out)
        self.assertEqual((status["done"], status["missing"], status["result"]),
                         (2 * SEEDS, 0, "complete"))
        self.assertEqual(status["not_needed"], status["points"] - 2 * SEEDS)
        with result(out) as data:
            words = dict(zip(data["status"].flag_values, data["status"].flag_meanings.split()))
            self.assertEqual(words[-1], "not_needed")
        # What was not needed has not failed.
        self.assertEqual(len(gradflow.open(out).gradflow.failures()), 0)

    def test_a_failed_run_ends_its_chain_with_what_is_known(self):
        # Some runs take more steps than this.
        text = BISECTION + "[solver]\nmax_steps = 200\n"
        out, done = self.ran(text, "out", code=1)
        states = self.state(out)
        self.assertIn("run_failed", states)
        self.assertIn("is NaN: a run failed", done.stderr)
        bad = np.array([state == "run_failed" for state in states])
        self.assertTrue(np.isnan(value(out, "weight_decay_transition")[bad]).all())
        # It is not run again, since it would fail again.
        again = run("run", self.folder / "out.toml", "--out", out, "--resume", code=1)
        self.assertIn("nothing left to do", again.stderr)

    def test_a_measurement_that_is_nan_is_no_failure(self):
        out, done = self.ran(BISECTION.replace('"final_norm"', '"grok_time"'), "out")
        self.assertIn("not_a_number", self.state(out))
        self.assertIn("grok_time of a run is NaN", done.stderr)

    def test_a_run_without_the_number_ends_the_call_and_is_kept(self):
        """What data that cannot be separated do not have, although the model declares it."""
        (self.folder / "x.csv").write_text("1,0\n1,0\n", encoding="utf-8")
        (self.folder / "y.csv").write_text("1\n-1\n", encoding="utf-8")
        text = ('[model]\nname = "separable_classification"\ninputs = "x.csv"\nlabels = "y.csv"\n'
                '[time]\nend = 1\nsamples = 10\n[study.bisect]\nkey = "solver.rtol"\n'
                'between = [1e-8, 1e-4]\nmeasure = "support_agrees"\nlevel = 1\n')
        out, done = self.ran(text, "out", code=2)
        self.assertIn("out.toml:11:1: study.bisect.measure", done.stderr)
        self.assertIn('"support_agrees"', done.stderr)
        self.assertIn("rtol = 1e-08 has no single number of that name", done.stderr)
        again = run("run", self.folder / "out.toml", "--out", out, "--resume", code=2)
        self.assertIn("support_agrees", again.stderr)
        _, done = self.ran(text.replace("support_agrees", "final_norm"), "other", "--reuse", str(out))
        self.assertIn("1 of ", done.stderr)

    def test_the_most_runs_end_a_chain_with_a_wide_bracket(self):
        out, done = self.ran(BISECTION + "most = 6\n", "out")
        self.assertEqual(self.state(out), ["most_runs"] * SEEDS)
        self.assertIn("study.bisect.most is 6", done.stderr)
        low, high = (value(out, f"weight_decay_transition_{end}") for end in ("low", "high"))
        np.testing.assert_allclose(np.log(high / low), np.log(HIGH / LOW) / 2**4, rtol=1e-9)


class AnyWay(Folder):
    """The same hash, whoever ran what."""

    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory() as place:
            folder = pathlib.Path(place)
            (folder / "study.toml").write_text(BISECTION, encoding="utf-8")
            run("run", folder / "study.toml", "--out", folder / "out", "--quiet")
            cls.whole, cls.runs = content_hash(folder / "out"), records(folder / "out")["done"]

    def test_jobs_change_nothing(self):
        for jobs in ("2", "7"):
            out, _ = self.ran(BISECTION, f"out{jobs}", "--quiet", "--jobs", jobs)
            self.assertEqual(content_hash(out), self.whole)

    def test_shards_are_of_chains_and_come_together(self):
        path = self.config(BISECTION)
        out = self.folder / "out"
        plan = run("run", path, "--out", out, "--shard", "1/3", "--dry-run").stdout
        self.assertRegex(plan, rf"to run +at most {self.runs // SEEDS}\n")
        for k in range(3):
            run("run", path, "--out", self.folder / f"shard{k}", "--shard", f"{k}/3", "--quiet")
        self.assertEqual(records(self.folder / "shard0")["done"], 2 * self.runs // SEEDS)
        run("collect", out, *(self.folder / f"shard{k}" for k in range(3)))
        self.assertEqual(content_hash(out), self.whole)

    def test_joined_processes_run_each_chain_once(self):
        path, out = self.config(BISECTION), self.folder / "out"
        all_of_them = [start("run", path, "--out", out, "--join") for _ in range(3)]
        self.assertEqual([process.wait() for process in all_of_them], [0, 0, 0])
        self.assertEqual(content_hash(out), self.whole)
        status = records(out)
        self.assertEqual(sum(process["done"] for process in status["processes"]), self.runs)

    def test_who_takes_a_chain_over_goes_on_in_its_middle(self):
        path = self.config(NETWORK + CHAIN.replace(f"tolerance = {TOLERANCE}", "tolerance = 1e-9"))
        out = self.folder / "out"
        first = start("run", path, "--out", out, "--join")
        while first.poll() is None and not self.files(out):
            time.sleep(0.001)
        second = subprocess.Popen([PROGRAM, "run", path, "--out", out, "--join", "--progress", "none"],
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        time.sleep(0.1)
        first.kill()
        first.wait()
        said, _ = second.communicate()
        self.assertEqual(second.returncode, 0)
        status = records(out)
        self.assertEqual(status["done"], status["points"])
        # What the second made is what the first had not: no run is there twice.
        made = int(re.search(r"this call +(\d+) points", said)[1])
        counts = [process["done"] for process in status["processes"]]
        self.assertIn(made, [*counts, 0])
        self.assertEqual(sum(counts), status["points"])

    def test_killed_20_times_it_goes_on_in_the_middle_of_its_chains(self):
        fine = BISECTION.replace(f"tolerance = {TOLERANCE}", "tolerance = 1e-9")
        whole, _ = self.ran(fine, "whole", "--quiet")
        path, out, draw = self.config(fine), self.folder / "out", random.Random(1)
        done, grew = 0, 0
        for kill in range(20):
            files = self.files(out)
            process = start("run", path, "--out", out, "--resume", "--jobs", "2")
            # Until it writes, and a moment longer.
            while process.poll() is None and not self.files(out) - files:
                time.sleep(0.001)
            time.sleep(draw.random() * 0.01)
            process.send_signal(signal.SIGKILL if kill % 4 else signal.SIGTERM)
            self.assertNotEqual(process.wait(), 0, "it came to its end before the 20th kill")
            before, done = done, records(out)["done"]
            self.assertGreaterEqual(done, before)
            grew += done > before
        self.assertGreater(grew, 5)
        run("run", path, "--out", out, "--resume", "--quiet")
        self.assertEqual(content_hash(out), content_hash(whole))

    @staticmethod
    def files(out):
        """Files with runs in them, beyond their heads."""
        return {path.name for path in (out / "points").glob("*.points") if path.stat().st_size > 1000}

    def test_an_interrupted_chain_keeps_its_runs(self):
        path, out = self.config(NETWORK + CHAIN), self.folder / "out"
        process = start("run", path, "--out", out)
        while process.poll() is None and not (out.exists() and self.has_runs(out, 3)):
            time.sleep(0.001)
        process.send_signal(signal.SIGINT)
        if process.wait() != 130:
            self.skipTest("it was over before it could be interrupted")
        kept = records(out)["done"]
        self.assertGreater(kept, 0)
        done = run("run", path, "--out", out, "--resume")
        total = records(out)["done"]
        self.assertRegex(done.stdout, f"this call +{total - kept} points")

    @staticmethod
    def has_runs(out, count):
        try:
            return records(out)["done"] >= count
        except (AssertionError, ValueError):
            return False

    def test_a_damaged_record_in_the_middle_of_a_chain_is_run_again(self):
        out, _ = self.ran(NETWORK + CHAIN, "out", "--quiet")
        whole = content_hash(out)
        (file,) = (out / "points").glob("*.points")
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 0xFF
        file.write_bytes(data)
        (out / "result.nc").unlink()
        done = run("run", self.folder / "out.toml", "--out", out, "--resume")
        self.assertIn("damaged", done.stderr)
        self.assertEqual(content_hash(out), whole)

    def test_what_check_prints_runs_to_the_same_result(self):
        path = self.config(BISECTION)
        self.config(run("check", path).stdout, "resolved.toml")
        run("run", self.folder / "resolved.toml", "--out", self.folder / "out", "--quiet")
        self.assertEqual(content_hash(self.folder / "out"), self.whole)


def grid():
    """Prints LAST_ABOVE."""
    with tempfile.TemporaryDirectory() as place:
        folder = pathlib.Path(place)
        (folder / "grid.toml").write_text(
            NETWORK + f"[study]\nseed = {{ count = {SEEDS} }}\n"
            f'"flow.weight_decay" = {{ log = [{LOW}, {HIGH}, 2000] }}\n'
            "[output]\ntrajectories = false\n", encoding="utf-8")
        run("run", folder / "grid.toml", "--out", folder / "out", "--quiet")
        above = value(folder / "out", "final_norm") >= LEVEL
    for row in above:  # one crossing, downwards
        assert (row[:-1] >= row[1:]).all() and row[0] and not row[-1]
    print("LAST_ABOVE =", [int(row.sum()) - 1 for row in above])


if __name__ == "__main__":
    grid() if sys.argv[1:] == ["grid"] else unittest.main()
