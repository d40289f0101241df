"""Groups of a study (zip, Sobol, random, variants) and expressions, through the program: what the
points are, against a slow model of the same rules; that `check` prints a config of the same result;
and what is refused."""

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
TABLES = 300
MODEL = '[model]\nname = "linear_regression"\nsamples = 3\ndimension = 4\n'
BASE = MODEL + "[time]\nend = 0.5\nsamples = 2\n"
LINEAR, DIAGONAL = "linear_regression", "diagonal_linear_network"


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

    # Text, value from those of other keys, and these keys.
    EXPRESSIONS = {
        "time.end": ("= 0.3 + 10 * flow.weight_decay + min(seed, 3) / 10",
                     lambda decay, seed: 0.3 + 10 * decay + min(seed, 3) / 10,
                     ["flow.weight_decay", "seed"]),
        "time.first": ("= time.end / 100", lambda end: end / 100, ["time.end"]),
        "model.test_samples": ("= 2 * model.samples + model.dimension^2",
                               lambda samples, dimension: 2 * samples + dimension**2,
                               ["model.samples", "model.dimension"]),
        "model.initial_variance": ("= seed > 0 && time.end > 0.4 ? 0.5 : 1 + flow.weight_decay",
                                   lambda seed, end, decay:
                                   0.5 if seed > 0 and end > 0.4 else 1 + decay,
                                   ["seed", "time.end", "flow.weight_decay"])}
    DEFAULTS = {"flow.weight_decay": 0.0, "seed": 0, "model.samples": 3, "model.dimension": 4,
                "time.end": 0.5}

    def __init__(self, draw):
        free = list({**self.REALS, **self.WHOLES}.items())
        draw.shuffle(free)
        axes, groups, self.dimensions, self.variants = [], [], [], {}
        self.expressions = draw.sample(list(self.EXPRESSIONS), draw.choice([0, 0, 1, 2, 3]))
        for _ in range(draw.randint(0, 2)):
            key, values = free.pop()
            values = sorted(draw.sample(values, 2))
            axes.append(f"{json.dumps(key)} = {json.dumps(values)}\n")
            self.dimensions.append((self.name(key), {self.name(key): values}))
        order = draw.sample(["zip", "sobol", "variant"], 3)
        kinds = sorted(draw.choices(order, k=draw.randint(1, 2)), key=order.index)
        # Groups of a kind stand together, as the tables of a file do.
        for number, kind in enumerate(kinds):
            keys = [free.pop() for _ in range(draw.randint(1, 2))]
            groups.append(getattr(self, kind)(draw, f"g{number}", keys))
        self.text = "[study]\n" + "".join(axes) + "".join(groups)
        sections = {"model": MODEL, "time": "[time]\nsamples = 2\n"}
        if "time.end" not in self.expressions:
            sections["time"] += "end = 0.5\n"
        for key in self.expressions:
            section, last = key.split(".")
            sections[section] += f"{last} = {json.dumps(self.EXPRESSIONS[key][0])}\n"
        self.config = "".join(sections.values()) + self.text

    @staticmethod
    def name(key):
        return key.split(".")[-1]

    def zip(self, draw, name, keys):
        length = draw.randint(1, 3)
        columns = {key: [draw.choice(values) for _ in range(length)] for key, values in keys}
        self.dimensions.append((name, {self.name(key): column for key, column in columns.items()}))
        return f"[study.zip.{name}]\n" + "".join(
            f"{json.dumps(key)} = {json.dumps(column)}\n" for key, column in columns.items())

    def variant(self, draw, name, keys):
        """Two of them, told apart by the first key; the second may have a model of its own, and
        one of them an expression."""
        names = [f"v{draw.randint(0, 9)}", "w"]
        places = [{key: values[k] for key, values in keys if k == 0 or draw.random() < 0.7}
                  for k in range(2)]
        places[1][keys[0][0]] = keys[0][1][1]
        others = [key for key in self.EXPRESSIONS if key not in self.expressions
                  and not any(key in one for group in self.variants.values() for one in group)]
        if others and draw.random() < 0.4:
            key = draw.choice(others)
            places[draw.randint(0, 1)][key] = self.EXPRESSIONS[key][0]
        elif "time.end" not in others and draw.random() < 0.4 and not self.variants:
            places[1]["time.end"] = 0.7
        if not any("model.name" in place for group in self.variants.values() for place in group) \
                and draw.random() < 0.4:
            places[1]["model.name"] = DIAGONAL
            places[1].pop("model.noise_variance", None)
        self.variants[name] = places
        self.dimensions.append((name, {name: names}))
        return "".join(
            f"[study.variant.{name}.{one}]\n" + "".join(
                f"{json.dumps(key)} = {json.dumps(value)}\n" for key, value in place.items())
            for one, place in zip(names, places))

    # The slow model: a point's values, one by one.

    def model(self, place):
        for group, places in self.variants.items():
            if any("model.name" in one for one in places):
                return places[place[group]].get("model.name", LINEAR)
        return LINEAR

    def given(self, key, place, columns):
        """A key's value at {dimension: place}; `columns` holds those of axes, zips and draws."""
        for group, places in self.variants.items():
            if key in places[place[group]]:
                return places[place[group]][key]
        if key in columns:
            name, values = columns[key]
            return values[place[name]]
        return self.EXPRESSIONS[key][0] if key in self.expressions else self.DEFAULTS.get(key)

    def value(self, key, place, columns):
        value = self.given(key, place, columns)
        if isinstance(value, str) and value.startswith("="):
            _, formula, sources = self.EXPRESSIONS[key]
            return formula(*(self.value(source, place, columns) for source in sources))
        return value

    def depends(self, key, columns):
        """The dimensions that an expression's values are over."""
        names = {columns[key][0]} if key in columns else set()
        names |= {group for group, places in self.variants.items()
                  if any(key in one for one in places)}
        if key in self.worked_out():
            for source in self.EXPRESSIONS[key][2]:
                names |= self.depends(source, columns)
        return names

    def worked_out(self):
        return {*self.expressions, *(key for places in self.variants.values() for one in places
                                     for key in one if key in self.EXPRESSIONS)}

    def sobol(self, draw, name, keys):
        count = draw.randint(1, 3)
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


class Expressions(InItsOwnFolder):
    ENDS = BASE.replace("0.5", '"= 10 / flow.weight_decay"')

    def test_an_expression_gives_the_bits_of_each_run_with_its_value_written_out(self):
        decays = [1e-3, 2e-3, 0.01, 0.03, 0.1]
        with self.result(self.ENDS + f'[study]\n"flow.weight_decay" = {decays}\n', "e") as data:
            self.assertEqual(data["end"][:].tolist(), [10 / decay for decay in decays])
            self.assertEqual(sorted(data.coordinates.split()), ["end", "time"])
            for k, decay in enumerate(decays):
                words = ["--set", f"flow.weight_decay={decay}", "--set",
                         f"time.end={10 / decay!r}"]
                with self.result(BASE, f"e{k}", *words) as single:
                    data.set_auto_mask(False)
                    single.set_auto_mask(False)
                    for name in single.variables:
                        if data[name].dimensions[:1] == ("weight_decay",) and name not in (
                                "wall_seconds", "end"):
                            # Shorter ones are padded.
                            part = tuple(slice(n) for n in single[name].shape)
                            np.testing.assert_array_equal(np.asarray(data[name][k])[part],
                                                          single[name][...], name)

    def test_what_an_expression_gives_is_no_measurement_of_pictures_and_pages(self):
        with self.result(self.ENDS + '[study]\n"flow.weight_decay" = [0.1, 0.2, 0.3]\n', "e"):
            page = pathlib.Path(run("report", "e").stdout.strip()).read_text(encoding="utf-8")
        self.assertNotIn('"end"', page)
        self.assertIn('"weight_decay"', page)

    def test_points_of_an_expression_are_reused_for_values_written_out(self):
        study = '[study.zip.pair]\n"flow.weight_decay" = [0.1, 0.01]\n"time.end" = [100.0, 1000.0]\n'
        with self.result(BASE + study, "z"), self.result(
                self.ENDS + '[study]\n"flow.weight_decay" = [0.01, 0.1, 0.2]\n', "e", "--reuse", "z"):
            self.assertEqual(json.loads(run("status", "e", "--json").stdout)["reused"], 2)

    def test_a_single_run_has_expressions_too_and_can_be_prolonged(self):
        words = ["--set", "flow.weight_decay=0.1", "--set", 'time.end="= 10 / flow.weight_decay"']
        with self.result(BASE, "s", *words) as data:
            self.assertEqual(data["end_time"][...].item(), 100)
            self.assertEqual(data["end"][...].item(), 100)
        self.assertIn('end = "= 10 / flow.weight_decay"', run("check", "s.toml", *words).stdout)
        with self.result(BASE, "s", *words, "--extend", "150") as data:
            self.assertEqual(data["end_time"][...].item(), 150)

    def test_expressions_follow_from_one_another_and_from_integers_whatever_their_order(self):
        text = MODEL.replace("3", '"= model.dimension / 2"') + (
            'test_samples = "= 10 * model.samples"\n[time]\nend = "= model.test_samples / 4"\n'
            'samples = 2\n[study]\n"model.dimension" = [4, 8]\nseed = [0, 1]\n')
        with self.result(text, "c") as data:
            for name, values in {"samples": [2, 4], "test_samples": [20, 40],
                                 "end": [5, 10]}.items():
                self.assertEqual(data[name].dimensions, ("dimension",))
                self.assertEqual(data[name][:].tolist(), values)
            self.assertEqual(data["samples"].dtype, np.int64)


class Variants(InItsOwnFolder):
    def test_two_models_have_the_bits_of_their_single_runs_and_nan_for_what_one_lacks(self):
        variants = {"limit": {"model.name": "single_index_mean_field"},
                    "narrow": {"model.name": "single_index_network", "model.width": 6},
                    "wide": {"model.name": "single_index_network", "model.width": 12}}
        text = "[time]\nend = 0.1\nsamples = 3\n" + "".join(
            f"[study.variant.net.{name}]\n" + "".join(
                f"{json.dumps(key)} = {json.dumps(value)}\n" for key, value in keys.items())
            for name, keys in variants.items())
        with self.result(text, "v") as data:
            self.assertEqual(data["net"][:].tolist(), list(variants))
            self.assertEqual(data.model, "single_index_mean_field; single_index_network")
            self.assertTrue(np.ma.filled(np.isnan(data["sphere_defect"][0]), True).all())
            for k, keys in enumerate(variants.values()):
                words = [w for key, value in keys.items() for w in ("--set", f"{key}={value}")]
                with self.result("[time]\nend = 0.1\nsamples = 3\n", f"v{k}", *words) as single:
                    for name in ("risk", "alignment"):
                        np.testing.assert_array_equal(data[name][k], single[name][...])
            printed = run("check", "v.toml").stdout
            with self.result(printed, "w") as again:
                self.assertEqual(again.content_hash, data.content_hash)
            # A study that plots and reports like any other, with the names on its axis.
            run("plot", "v")
            self.assertIn("narrow", pathlib.Path(run("report", "v").stdout.strip()).read_text(
                encoding="utf-8"))

    def test_observables_of_one_name_over_other_dimensions_stand_side_by_side(self):
        text = ('[time]\nend = 0.1\nsamples = 2\n[output]\nobservables = ["effective_vector"]\n'
                '[study.variant.m.a]\n"model.name" = "diagonal_linear_network"\n'
                '[study.variant.m.b]\n"model.name" = "separable_classification"\n')
        with self.result(text, "o") as data:
            self.assertEqual(data["effective_vector"].dimensions[-1], "feature")
            other = data["effective_vector_coordinate"]
            self.assertEqual(other.dimensions[-1], "coordinate")
            self.assertTrue(np.isnan(np.ma.filled(other[0], np.nan)).all())
            self.assertFalse(np.isnan(np.ma.filled(other[1], np.nan)).any())

    def test_variants_reuse_the_points_of_studies_without_them(self):
        text = BASE + '[study]\nseed = [0, 1]\n'
        variants = ('[study.variant.flow.flow]\n[study.variant.flow.descent]\n'
                    '"flow.kind" = "gradient_descent"\n"flow.step" = 1e-2\n')
        with self.result(text, "p"), self.result(text + variants, "v", "--reuse", "p"):
            self.assertEqual(json.loads(run("status", "v", "--json").stdout)["reused"], 2)

    def test_what_stands_without_the_study_holds_where_a_variant_leaves_it(self):
        text = BASE + ('[flow]\nweight_decay = {}\n[study.variant.v.a]\n'
                       '[study.variant.v.b]\n"flow.weight_decay" = 2.0\n')
        hashes = []
        for k, decay in enumerate([0.5, 0.6]):
            with self.result(text.format(decay), f"h{k}") as data:
                hashes.append(data.content_hash)
                with self.result(run("check", f"h{k}.toml").stdout, f"i{k}") as again:
                    self.assertEqual(again.content_hash, data.content_hash)
        self.assertNotEqual(*hashes)
        pathlib.Path("h0.toml").write_text(text.format(0.6), encoding="utf-8")
        self.assertIn("another config",
                      run("run", "h0.toml", "--out", "h0", "--resume", code=2).stderr)


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


class Refusals(InItsOwnFolder):
    def refused(self, study, *expected):
        self.refused_config(BASE + study, *expected, at="study.")

    def refused_config(self, text, *expected, at=""):
        pathlib.Path("bad.toml").write_text(text, encoding="utf-8")
        (line,) = run("check", "bad.toml", code=2).stderr.splitlines()
        for words in expected:
            self.assertRegex(line, re.escape(words))
        self.assertRegex(line, r"^gradflow: bad.toml:\d+:\d+: " + re.escape(at))

    def test_expressions_that_give_no_value_are_told_with_line_key_and_column(self):
        for written, *expected in [
                ("= 10 / flow.weight_dcay", 'has no name "flow.weight_dcay" (column 8 of it); did '
                 'you mean "flow.weight_decay"?'),
                ("= 10 / weight_decay", 'did you mean "flow.weight_decay"?'),
                ("= 10 / flow.kind", "has flow.kind, which is one of", "(column 8 of it)"),
                ("= 2 * flow.learning_rates", "a list of numbers > 0, no number"),
                ("= model.init_seed", "which is not given and has no default (column 3 of it)"),
                ("= time.end", "follows from itself: time.end from time.end"),
                ("= 1, 2", "has several values, expected one (column 4 of it)"),
                ("= time.samples = 3", "has an = that assigns", "(column 16 of it)"),
                ("= 1e400", "has a number that is out of range: 1e400 (column 3 of it)"),
                ("= _pi", 'has no name "_pi"'),
                ("= 1/0", '"= 1/0" is inf, expected a finite number'),
                ("= 0/flow.weight_decay", "is nan, expected a finite number (where "
                 "flow.weight_decay = 0.0)"),
                ("= -1", '"= -1" is -1.0, expected a number > 0'),
                ("= system(1)", 'has no function "system" (column 3 of it)'),
                ("=", "is empty")]:
            with self.subTest(written=written):
                self.refused_config(BASE.replace("0.5", json.dumps(written)), ":6:1: time.end: ",
                                    *expected)

    def test_expressions_that_do_not_fit_their_key_or_the_study_are_told(self):
        for text, *expected in [
                (MODEL.replace("3", '"= time.end / 3"') + "[time]\nend = 3.5\n",
                 ":3:1: model.samples: ", "expected an integer >= 1 (where time.end = 3.5)"),
                (MODEL.replace("3", '"= model.dimension"').replace("4", '"= model.samples"')
                 + "[time]\nend = 3.5\n", "follows from itself: model."),
                ("seed = 9007199254740993\n" + BASE.replace("0.5", '"= seed"'),
                 "an integer beyond 2^53 has too many digits"),
                (BASE.replace("0.5", '"= seed + 1"') + '[study]\n"time.end" = [1]\n',
                 ":9:1: study.time.end: is worked out by an expression already, at bad.toml:6:1"),
                (BASE.replace("0.5", '"= seed + 1"') + '[study.zip.a]\n"time.end" = [1]\n',
                 "study.zip.a.time.end: is worked out by an expression already"),
                (BASE.replace("0.5", '"= 10 / flow.weight_decay"')
                 + '[study]\n"flow.weight_decay" = [0.1, 0]\n', ":6:1: time.end: ",
                 "is inf, expected a finite number (where flow.weight_decay = 0.0)"),
                (BASE + '[study]\n"flow.weight_decay" = "= 1 / time.end"\n',
                 "an expression stands in the key's own section"),
                (MODEL + '[time]\nend = 1.0\n[flow]\nweight_decay = 0.1\nkind = "= seed"\n',
                 'flow.kind: is "= seed"'),
                (MODEL.replace("linear_regression", "deep_linear_network").split("samples")[0]
                 + '[time]\nend = "= 1 / flow.weight_decay"\n[flow]\nweight_decay = 0.1\n'
                 '[sweep]\nkey = "flow.weight_decay"\nvalues = [0.1, 0.2]\n',
                 "sweep.key: ", "which the expression of time.end needs")]:
            with self.subTest(text=text):
                self.refused_config(text, *expected)

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
                ("[study.variant]\n", "expected groups with names, [study.variant.NAME]"),
                ("[study.variant.a]\n", "study.variant.a: has no key"),
                ('[study.variant.a]\n"flow.kind" = "sgd"\n',
                 "study.variant.a.flow.kind: is the text", "expected a table of keys"),
                ('[study.variant.a.b]\n"flow.knd" = "sgd"\n',
                 ":9:1: study.variant.a.b.flow.knd: unknown key", 'did you mean "kind"?'),
                ('[study.variant.a.b]\n"flow.kind" = "sdg"\n',
                 ":9:1: study.variant.a.b.flow.kind: is", 'did you mean "sgd"?'),
                ('[study.variant.a.b]\n"model.width" = 3\n',
                 ":9:1: study.variant.a.b.model.width: unknown key"),
                ('[study.variant.a.b]\n"model.name" = "matrix_completion"\n'
                 '"model.noise_variance" = 0.1\n', ":10:1: study.variant.a.b.model.noise_variance: "
                 'matrix_completion has no key "model.noise_variance"'),
                ('[study.variant.a.b]\n"flow.step" = -1\n', "study.variant.a.b.flow.step: is -1"),
                ('[study.variant.a.b]\n[study.variant.a.c]\n"flow.kind" = "gradient"\n',
                 "study.variant.a.c: has the same values as b"),
                ('[study.variant.a.b]\n"time.end" = "= 1 / flow.weight_decay"\n',
                 ":9:1: study.variant.a.b.time.end: ", "is inf"),
                ('[study.variant.a.b]\n"model.samples" = 1\n[study.variant.c.d]\n'
                 '"model.samples" = 2\n',
                 "study.variant.c.model.samples: is in variant.a already"),
                ('[study.variant.norm.b]\n"model.samples" = 1\n', "the points have norm of their own"),
                ("[study]\nseed = { count = 1000 }\n[study.sobol.a]\ncount = 1001\n" + decay,
                 "makes a study of 1001000", "expected at most 1000000")]:
            with self.subTest(study=study):
                self.refused(study, *expected)


if __name__ == "__main__":
    unittest.main()
