"""Groups of a study (zip, Sobol, random), through the program: what the points are, against a slow
model of the same rules; that `check` prints a config of the same result; and what is refused."""

import itertools
import json
import os
import pathlib
import random
import re
import subprocess
import tempfile
import unittest

import netCDF4
import numpy as np
from scipy.stats import qmc

PROGRAM = os.environ["GRADFLOW"]
TABLES = 60
BASE = '[model]\nname = "linear_regression"\nsamples = 3\ndimension = 4\n[time]\nend = 0.5\nsamples = 2\n'


def run(*words, code=0):
    done = subprocess.run([PROGRAM, *words], capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done


def sobol(keys, count):
    sequence = qmc.Sobol(keys, scramble=False)
    sequence.fast_forward(1)
    return sequence.random(count)


def placed(kind, first, last, u, whole):
    """Where a draw u of (0, 1) stands between the bounds."""
    if whole:
        x = first * ((last + 1) / first) ** u if kind == "log" else first + (last + 1 - first) * u
        return min(max(int(np.floor(x)), first), last)
    return first * (last / first) ** u if kind == "log" else first + (last - first) * u


class Table:
    """A random [study] as text, and its dimensions: [(name, {coordinate: values})]."""

    REALS = {"flow.weight_decay": [1e-4, 1e-3, 1e-2, 1e-1], "solver.rtol": [1e-5, 1e-6, 1e-7],
             "solver.atol": [1e-8, 1e-9, 1e-10], "model.noise_variance": [0.0, 0.1, 0.5]}
    WHOLES = {"model.samples": [2, 3, 4], "model.dimension": [3, 4, 5], "seed": [0, 1, 5],
              "init_seed": [1, 2]}

    def __init__(self, draw):
        free = list({**self.REALS, **self.WHOLES}.items())
        draw.shuffle(free)
        axes, groups, self.dimensions = [], [], []
        for _ in range(draw.randint(0, 2)):
            key, values = free.pop()
            axes.append(f"{json.dumps(key)} = {json.dumps(values)}\n")
            self.dimensions.append((self.name(key), {self.name(key): values}))
        kinds = sorted(draw.choices(["zip", "sobol"], k=draw.randint(1, 2)),
                       key=["zip", "sobol"].index, reverse=draw.random() < 0.5)
        # Groups of a kind stand together, as the tables of a file do.
        for number, kind in enumerate(kinds):
            keys = [free.pop() for _ in range(draw.randint(1, 2))]
            groups.append(getattr(self, kind)(draw, f"g{number}", keys))
        self.text = "[study]\n" + "".join(axes) + "".join(groups)

    @staticmethod
    def name(key):
        return key.split(".")[-1]

    def zip(self, draw, name, keys):
        length = draw.randint(1, 3)
        columns = {key: [draw.choice(values) for _ in range(length)] for key, values in keys}
        self.dimensions.append((name, {self.name(key): column for key, column in columns.items()}))
        return f"[study.zip.{name}]\n" + "".join(
            f"{json.dumps(key)} = {json.dumps(column)}\n" for key, column in columns.items())

    def sobol(self, draw, name, keys):
        count = draw.randint(1, 5)
        u = sobol(len(keys), count)
        text, columns = f"[study.sobol.{name}]\ncount = {count}\n", {}
        for k, (key, values) in enumerate(keys):
            kind = draw.choice(["log", "linear"] if min(values) > 0 else ["linear"])
            first, last = min(values), max(values)
            text += f"{json.dumps(key)} = {{ {kind} = [{first!r}, {last!r}] }}\n"
            columns[self.name(key)] = [placed(kind, first, last, x, key in self.WHOLES)
                                       for x in u[:, k]]
        self.dimensions.append((name, columns))
        return text


class InItsOwnFolder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        before = os.getcwd()
        self.addCleanup(os.chdir, before)
        os.chdir(folder.name)

    def result(self, text, name, *words):
        pathlib.Path(f"{name}.toml").write_text(text, encoding="utf-8")
        run("run", f"{name}.toml", "--out", name, "--quiet", *words)
        return netCDF4.Dataset(f"{name}/result.nc")


class Points(InItsOwnFolder):
    def test_random_tables_have_the_points_that_the_rules_give(self):
        for number in range(TABLES):
            table = Table(random.Random(number))
            with self.subTest(number=number, study=table.text):
                with self.result(BASE + table.text, f"t{number}") as data:
                    self.check_coordinates(data, table)
                    self.check_against_single_runs(data, table, random.Random(number))
                    printed = run("check", f"t{number}.toml").stdout
                    with self.result(printed, f"c{number}") as again:
                        self.assertEqual(again.content_hash, data.content_hash)

    def check_coordinates(self, data, table):
        names = [name for name, _ in table.dimensions]
        self.assertEqual(list(data["status"].dimensions), names)
        for name, columns in table.dimensions:
            for key, values in columns.items():
                self.assertEqual(data[key].dimensions, (name,))
                # The program's powers may differ in the last digit.
                np.testing.assert_allclose(data[key][:], values, rtol=1e-14)
            if name not in columns:
                self.assertEqual(data[name][:].tolist(), list(range(len(next(iter(
                    columns.values()))))))
                self.assertLessEqual(set(columns), set(data.coordinates.split()))

    def check_against_single_runs(self, data, table, draw):
        """One of its points has the bits of the single run with its values."""
        lengths = [len(next(iter(columns.values()))) for _, columns in table.dimensions]
        place = draw.choice(list(itertools.product(*map(range, lengths))))
        words = []
        for (name, columns), k in zip(table.dimensions, place):
            for key in columns:
                whole = next(full for full in {**Table.REALS, **Table.WHOLES}
                             if Table.name(full) == key)
                value = data[key][k].item()
                words += ["--set", f"{whole}={value!r}"]
        pathlib.Path("single.toml").write_text(BASE, encoding="utf-8")
        run("run", "single.toml", "--out", "single", "--quiet", "--overwrite", *words)
        with netCDF4.Dataset("single/result.nc") as single:
            np.testing.assert_array_equal(data["norm"][place], single["norm"][:])

    def test_sobol_points_are_those_of_scipy_to_the_bit(self):
        keys = ["flow.weight_decay", "model.noise_variance", "solver.rtol"]
        text = "".join(f'"{key}" = {{ linear = [0.0, 1.0] }}\n' for key in keys[:2])
        with self.result(BASE + "[study.sobol.draw]\ncount = 200\n" + text, "s") as data:
            u = sobol(2, 200)
            self.assertEqual(data["weight_decay"][:].tolist(), u[:, 0].tolist())
            self.assertEqual(data["noise_variance"][:].tolist(), u[:, 1].tolist())

    def test_more_draws_keep_the_first_and_are_computed_alone(self):
        text = BASE + ("[study.{kind}.draw]\ncount = {count}\n"
                       '"flow.weight_decay" = {{ log = [1e-6, 1e-2] }}\n'
                       '"model.noise_variance" = {{ linear = [0.1, 1] }}\n')
        for kind in ("sobol", "random"):
            with self.result(text.format(kind=kind, count=8), f"{kind}8") as few:
                with self.result(text.format(kind=kind, count=16), f"{kind}16", "--reuse",
                                 f"{kind}8") as more:
                    self.assertEqual(few["weight_decay"][:].tolist(),
                                     more["weight_decay"][:8].tolist())
                    status = json.loads(run("status", f"{kind}16", "--json").stdout)
                    self.assertEqual(status["reused"], 8)

    def test_a_random_draw_depends_on_seed_key_and_number_alone(self):
        draws = {}
        for name, text in {
                "a": 'seed = 3\n"flow.weight_decay" = { log = [1e-6, 1e-2] }\n'
                     '"model.noise_variance" = { linear = [0.1, 1] }\n',
                "b": 'seed = 3\n"model.noise_variance" = { linear = [0.1, 1] }\n'
                     '"flow.weight_decay" = { log = [1e-6, 1e-2] }\n',
                "c": '"model.noise_variance" = { linear = [0.1, 1] }\n'}.items():
            with self.result(BASE + "[study.random.draw]\ncount = 50\n" + text, name) as data:
                draws[name] = data["noise_variance"][:].tolist()
        self.assertEqual(draws["a"], draws["b"])
        self.assertNotEqual(draws["a"], draws["c"])
        self.assertTrue(all(0.1 < x < 1 for x in draws["a"]))
        self.assertGreater(np.std(draws["a"]), 0.2)  # 0.26 of a uniform law, within 5 errors

    def test_integers_are_drawn_with_equal_shares(self):
        text = BASE + '[study.sobol.draw]\ncount = 63\n"model.samples" = { linear = [2, 5] }\n'
        with self.result(text, "w") as data:
            values, counts = np.unique(data["samples"][:], return_counts=True)
        self.assertEqual(values.tolist(), [2, 3, 4, 5])
        self.assertLessEqual(counts.max() - counts.min(), 1)

    def test_exponents_are_fitted_along_a_key_of_a_group(self):
        text = (BASE + '[measure]\nexponents = ["end_time"]\nagainst = "weight_decay"\n[study]\n'
                '[study.zip.pair]\n"flow.weight_decay" = [1e-3, 1e-2, 1e-1]\n'
                '"time.end" = [1e3, 1e2, 1e1]\n')
        with self.result(text.replace("end = 0.5\n", ""), "f") as data:
            self.assertAlmostEqual(data["end_time_exponent"][...].item(), -1, places=12)


class Refusals(InItsOwnFolder):
    def refused(self, study, *expected):
        pathlib.Path("bad.toml").write_text(BASE + study, encoding="utf-8")
        (line,) = run("check", "bad.toml", code=2).stderr.splitlines()
        for words in expected:
            self.assertRegex(line, re.escape(words))
        self.assertRegex(line, r"^gradflow: bad.toml:\d+:\d+: study\.")

    def test_what_does_not_go_together_is_told_with_its_place(self):
        decay = '"flow.weight_decay" = { log = [1e-3, 1e-1] }\n'
        for study, *expected in [
                ('[study.zip.a]\n"flow.weight_decay" = [1e-3, 1e-2]\n"solver.rtol" = [1e-6]\n',
                 ":10:1: study.zip.a.solver.rtol: has 1 values, flow.weight_decay has 2"),
                ('[study.zip.a]\n', "study.zip.a: has no key"),
                ('[study.zip.a]\n"flow.weight_decy" = [1]\n', 'did you mean "weight_decay"?'),
                ('[study.zip]\na = 3\n', "study.zip.a: is the integer 3, expected a table"),
                ('[study]\n"flow.weight_decay" = [1e-3]\n[study.sobol.a]\ncount = 2\n' + decay,
                 "study.sobol.a.flow.weight_decay: is an axis already, at bad.toml:9:1"),
                ('[study.zip.a]\n"flow.weight_decay" = [1e-3]\n[study.random.b]\ncount = 2\n' + decay,
                 "is in zip.a already"),
                ("[study.sobol.a]\ncount = 0\n" + decay, "expected an integer >= 1"),
                ("[study.sobol.a]\n" + decay, "study.sobol.a.count: missing"),
                ('[study.sobol.a]\ncount = 2\n"flow.weight_decay" = { log = [0, 1] }\n',
                 "log expects first > 0"),
                ('[study.sobol.a]\ncount = 2\n"flow.weight_decay" = { linear = [2, 1] }\n',
                 "linear expects first < last"),
                ('[study.sobol.a]\ncount = 2\n"flow.weight_decay" = { linear = [-1, 1] }\n',
                 "weight_decay: is -1"),
                ('[study.sobol.a]\ncount = 2\n"flow.weight_decay" = { liner = [1, 2] }\n',
                 'unknown range "liner"; did you mean "linear"?'),
                ('[study.sobol.a]\ncount = 2\n"flow.weight_decay" = [1, 2]\n',
                 "expected { log = [first, last] }"),
                ('[study.sobol.a]\ncount = 2\n"model.samples" = { linear = [1.5, 3] }\n',
                 "expects integers"),
                ('[study.random.a]\ncount = 2\n"flow.kind" = { linear = [1, 2] }\n',
                 "cannot be drawn"),
                ("[study.random.a]\ncount = 2\nseed = -1\n" + decay, "expected an integer >= 0"),
                ("[study.sobol.weight_decay]\ncount = 2\n" + decay,
                 "has the name of flow.weight_decay"),
                ("[study.sobol.time]\ncount = 2\n" + decay, "the points have time of their own"),
                ("[study.sobol.train_loss]\ncount = 2\n" + decay,
                 "the points have train_loss of their own"),
                ('[study.zip.a]\n"model.samples" = [2]\n[study.sobol.a]\ncount = 2\n' + decay,
                 "has the name of study.zip.a"),
                ('[study.zip.a]\n"model.name" = ["linear_regression"]\n', "cannot be an axis"),
                ("[study]\nseed = { count = 1000 }\n[study.sobol.a]\ncount = 1001\n" + decay,
                 "makes a study of 1001000", "expected at most 1000000")]:
            with self.subTest(study=study):
                self.refused(study, *expected)


if __name__ == "__main__":
    unittest.main()
