"""Axes and groups of a study (zip, Sobol, random, variants), through the program: what the points are,
against a slow model of the same rules; that `check` prints a config of the same result."""

import itertools
import json
import pathlib
import random
import unittest

import netCDF4
import numpy as np

from program import BASE, InItsOwnFolder, run
from tables import LINEAR, Table, sobol

TABLES = 300


class Points(InItsOwnFolder):
    def test_random_tables_have_the_points_that_the_rules_give(self):
        for number in range(TABLES):
            table = Table(random.Random(number))
            with self.subTest(number=number, study=table.text):
                with self.result(table.config, f"t{number}") as data:
                    self.check_coordinates(data, table)
                    self.check_expressions(data, table)
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
                if name in table.variants:
                    self.assertEqual(data[key][:].tolist(), values)
                    continue
                # The program's powers may differ in the last digit.
                np.testing.assert_allclose(data[key][:], values, rtol=1e-14)
            if name not in columns:
                self.assertEqual(data[name][:].tolist(), list(range(len(next(iter(
                    columns.values()))))))
                self.assertLessEqual(set(columns), set(data.coordinates.split()))

    @staticmethod
    def columns(data, table):
        """The program's own values of axes, zips and draws: key: (dimension, values)."""
        return {whole: (name, data[key][:].tolist())
                for name, columns in table.dimensions if name not in table.variants
                for key in columns for whole in {**Table.REALS, **Table.WHOLES}
                if Table.name(whole) == key}

    def check_expressions(self, data, table):
        columns = self.columns(data, table)
        names = [name for name, _ in table.dimensions]
        lengths = [data.dimensions[name].size for name in names]
        for key in table.worked_out():
            variable = data[Table.name(key)]
            self.assertEqual(list(variable.dimensions),
                             [name for name in names if name in table.depends(key, columns)])
            self.assertIn(Table.name(key), data.coordinates.split())
            values = np.ma.filled(variable[...].astype(float), np.nan)
            for place in itertools.product(*map(range, lengths)):
                places = dict(zip(names, place))
                value = values[tuple(places[name] for name in variable.dimensions)]
                written = table.given(key, places, columns)
                if isinstance(written, str):
                    self.assertEqual(value, table.value(key, places, columns))
                else:
                    self.assertTrue(np.isnan(value))

    def check_against_single_runs(self, data, table, draw):
        """One of its points has the bits of the single run with its values."""
        lengths = [len(next(iter(columns.values()))) for _, columns in table.dimensions]
        place = draw.choice(list(itertools.product(*map(range, lengths))))
        columns = self.columns(data, table)
        places = dict(zip((name for name, _ in table.dimensions), place))
        words = ["--set", f"model.name={table.model(places)}"]
        for key in sorted({*columns, *table.worked_out(),
                           *(key for group, all in table.variants.items()
                             for key in all[places[group]])} - {"model.name"}):
            value = table.value(key, places, columns)
            if value is not None and (key != "model.noise_variance"
                                      or table.model(places) == LINEAR):
                words += ["--set", f"{key}={value!r}"]
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


class Tried(InItsOwnFolder):
    def test_what_goes_wrong_with_two_values_at_once_is_their_points_alone(self):
        text = ('[model]\nname = "matrix_completion"\nrows = 4\ncolumns = 4\n[time]\nend = 0.1\n'
                'samples = 2\n[study]\n"model.true_rank" = [1, 3]\n"model.rows" = [4, 2]\n')
        pathlib.Path("w.toml").write_text(text, encoding="utf-8")
        run("run", "w.toml", "--out", "w", "--quiet", code=1)
        with netCDF4.Dataset("w/result.nc") as data:
            status = dict(zip(data["status"].flag_values, data["status"].flag_meanings.split()))
            self.assertEqual([[status[k] for k in row] for row in data["status"][:]],
                             [["ok", "ok"], ["ok", "setup_failed"]])

    def test_every_text_and_every_variant_is_tried(self):
        for line, study in [
                (9, '[study]\n"flow.kind" = ["gradient", "mirror", "sgd"]\n'),
                (11, '[study.variant.v.a]\n"flow.kind" = "gradient"\n[study.variant.v.b]\n'
                     '"flow.kind" = "mirror"\n[study.variant.v.c]\n"flow.kind" = "sgd"\n')]:
            pathlib.Path("k.toml").write_text(BASE + study, encoding="utf-8")
            self.assertIn(f'k.toml:{line}:1: flow.kind: is "mirror", but linear_regression offers',
                          run("check", "k.toml", code=2).stderr)


if __name__ == "__main__":
    unittest.main()
