"""The package for Python: configs as dicts, results, errors, interrupts; its page, run from top to
bottom; its installation."""

import os
import pathlib
import re
import signal
import stat
import subprocess
import sys
import tempfile
import textwrap
import time
import tomllib
import unittest
import warnings

import numpy as np

SOURCE = pathlib.Path(__file__).resolve().parents[2]
PACKAGE = SOURCE / "python"
PROGRAM = os.environ["GRADFLOW"]
sys.path.insert(0, str(PACKAGE))

import gradflow  # noqa: E402
from gradflow.config import Given, inline, overrides, plain  # noqa: E402

SMALL = {
    "model": {"name": "linear_regression", "samples": 4, "dimension": 6},
    "time": {"end": 10.0},
    "study": {"flow.weight_decay": [1e-3, 1e-2], "seed": {"count": 3}},
}


def toml(text, path="small.toml"):
    pathlib.Path(path).write_text(textwrap.dedent(text), encoding="utf-8")
    return path


class InItsOwnFolder(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        before = os.getcwd()
        self.addCleanup(os.chdir, before)
        os.chdir(self.folder.name)

    def refused(self, *words, text=None):
        """What the program says of the same, without its name."""
        done = subprocess.run([PROGRAM, *words], input=text, capture_output=True, text=True,
                              check=False)
        self.assertEqual(done.returncode, 2, done.stderr)
        return [line.removeprefix("gradflow: ") for line in done.stderr.splitlines()]


class Values(unittest.TestCase):
    def test_values_are_those_that_toml_has(self):
        given = {"a": np.float64(0.1), "b": np.int32(3), "c": np.bool_(True), "d": (1, 2.5),
                 "e": np.arange(6).reshape(2, 3), "f": pathlib.Path("x/y"), "g": range(3),
                 "h": {"log": [np.float32(0.5), 1e-300]}, "i": np.array(["u", "v"]), "j": [True],
                 "k": np.array(2.0), "l": float("inf")}
        expected = {"a": 0.1, "b": 3, "c": True, "d": [1, 2.5], "e": [[0, 1, 2], [3, 4, 5]],
                    "f": "x/y", "g": [0, 1, 2], "h": {"log": [0.5, 1e-300]}, "i": ["u", "v"],
                    "j": [True], "k": 2.0, "l": float("inf")}
        self.assertEqual(plain(given, ""), expected)
        self.assertEqual(tomllib.loads(Given(given).text(".")), expected)
        for key, value in expected.items():
            self.assertEqual(tomllib.loads("x = " + inline(value))["x"], value, key)

    def test_what_toml_lacks_is_told_with_the_dicts_own_key(self):
        for value, words in [(None, "flow.step: is None, which no config can hold; leave the key out"),
                             (1j, "flow.step: is a complex, which no config can hold"),
                             (np.array([1j]), "flow.step: is an array of complex128"),
                             ([1, None], "flow.step[1]: is None"),
                             ({1: 2}, "flow.step.1: the key is a int, expected a text")]:
            with self.assertRaisesRegex(gradflow.ConfigError, "^" + re.escape(words)):
                plain({"flow": {"step": value}}, "")

    def test_overrides_are_dotted_keys_or_sections(self):
        expected = ["--set", "model.samples=3", "--set", "study.seed={ count = 2 }"]
        self.assertEqual(overrides({"model.samples": 3, "study.seed": {"count": np.int64(2)}}),
                         expected)
        self.assertEqual(overrides({"model": {"samples": 3}, "study.seed": {"count": 2}}), expected)

    def test_a_name_follows_from_the_config_but_for_the_order_of_keys(self):
        name = Given(SMALL).name({})
        self.assertRegex(name, "^linear_regression_[0-9a-f]{8}$")
        self.assertEqual(name, Given({key: SMALL[key] for key in reversed(SMALL)}).name({}))
        axes = dict(reversed(SMALL["study"].items()))
        for other in [{**SMALL, "study": axes}, {**SMALL, "seed": 1}]:
            self.assertNotEqual(name, Given(other).name({}))
        self.assertNotEqual(name, Given(SMALL).name({"seed": 1}))
        self.assertEqual(Given("a/first.toml").name({}), "first")


class Runs(InItsOwnFolder):
    def test_a_dict_runs_to_the_result_of_the_same_file(self):
        from_dict = gradflow.run(SMALL, quiet=True)
        toml("""
            [model]
            name = "linear_regression"
            samples = 4
            dimension = 6
            [time]
            end = 10.0
            [study]
            "flow.weight_decay" = [1e-3, 1e-2]
            seed = { count = 3 }
            """)
        from_file = gradflow.run("small.toml", jobs=2, quiet=True)
        self.assertEqual(from_dict.content_hash, from_file.content_hash)
        self.assertTrue(bool(from_dict.gradflow.ok.all()))
        self.assertEqual(list(from_dict.gradflow.failures().columns),
                         ["weight_decay", "seed", "status", "message"])
        self.assertEqual(len(from_dict.gradflow.failures()), 0)
        config = from_dict.gradflow.config
        self.assertEqual(config["study"]["flow.weight_decay"], [1e-3, 1e-2])
        self.assertEqual(gradflow.run(config, quiet=True).content_hash, from_dict.content_hash)
        self.assertEqual(gradflow.status("results/small")["done"], 6)

    def test_the_same_call_finds_what_is_there(self):
        gradflow.run(SMALL, quiet=True)
        (folder,) = pathlib.Path("results").iterdir()
        made = (folder / "result.nc").stat().st_mtime_ns
        gradflow.run(SMALL, quiet=True)
        self.assertEqual((folder / "result.nc").stat().st_mtime_ns, made)

    def test_arrays_for_keys_that_name_files_are_written_beside_the_results(self):
        inputs, targets = np.arange(12.0).reshape(4, 3), np.ones(4, dtype=np.float32)
        np.save("x.npy", inputs)
        np.save("y.npy", targets)
        base = {"time": {"end": 1.0}}
        model = {"name": "linear_regression"}
        files = gradflow.run({**base, "model": {**model, "inputs": "x.npy", "targets": "y.npy"}},
                             out="out/files", quiet=True)
        arrays = {**base, "model": {**model, "inputs": inputs, "targets": targets}}
        given = gradflow.run(arrays, out="out/arrays_given", quiet=True)
        self.assertEqual(given.content_hash, files.content_hash)
        names = sorted(path.name[:7] for path in pathlib.Path("out/arrays").iterdir())
        self.assertEqual(names, ["inputs_", "targets"])
        gradflow.run(arrays, out="out/arrays_given", quiet=True)
        self.assertEqual(len(list(pathlib.Path("out/arrays").iterdir())), 2)

    def test_settings_beside_a_config(self):
        ds = gradflow.run(SMALL, set={"model.samples": np.int64(5), "study.seed": {"count": 2}},
                          quiet=True)
        self.assertEqual(ds.sizes["seed"], 2)
        self.assertEqual(ds.gradflow.config["model"]["samples"], 5)
        self.assertEqual(gradflow.check(SMALL, set={"model": {"samples": 5}})["model"]["samples"], 5)

    def test_points_are_taken_from_another_study(self):
        first = gradflow.run(SMALL, out="three", quiet=True)
        longer = {**SMALL, "study": {**SMALL["study"], "seed": {"count": 4}}}
        more = gradflow.run(longer, out="four", reuse="three", quiet=True)
        self.assertEqual(gradflow.status("four")["reused"], 6)
        self.assertTrue(more.final_state.isel(seed=slice(3)).equals(first.final_state))

    def test_failed_points_are_warned_of_and_stay_marked(self):
        config = {"model": {"name": "linear_regression", "samples": 2, "dimension": 2},
                  "flow": {"kind": "gradient_descent"}, "time": {"end": 1e5},
                  "study": {"flow.step": [1e-2, 1e3]}}
        with self.assertWarnsRegex(UserWarning, r"1 of 2 points failed \(1 [a-z_]+\)"):
            ds = gradflow.run(config, quiet=True)
        rows = ds.gradflow.failures()
        self.assertEqual(rows["step"].tolist(), [1e3])
        self.assertRegex(rows["status"][0], "^[a-z_]+$")
        self.assertTrue(rows["message"][0])
        self.assertEqual(ds.gradflow.ok.values.tolist(), [True, False])
        single = {**config, "flow": {"kind": "gradient_descent", "step": 1e3}}
        del single["study"]
        with self.assertWarnsRegex(UserWarning, "1 of 1 run failed"):
            ds = gradflow.run(single, quiet=True)
        self.assertEqual(len(ds.gradflow.failures()), 1)

    def test_variants_and_expressions_in_a_dict(self):
        config = {"model": SMALL["model"], "time": {"end": "= 1 / flow.weight_decay"},
                  "study": {"flow.weight_decay": np.array([0.5, 0.25]), "variant": {"how": {
                      "flow": {}, "descent": {"flow.kind": "gradient_descent",
                                              "flow.step": np.float64(1e-2)}}}}}
        ds = gradflow.run(config, quiet=True)
        self.assertEqual(ds.end.values.tolist(), [2, 4])
        self.assertEqual(ds.sel(how="descent").end_time.values.tolist(), [2, 4])
        self.assertEqual(gradflow.check(config)["time"]["end"], "= 1 / flow.weight_decay")
        config["time"]["end"] = "= 1 / flow.weight_dcay"
        with self.assertRaisesRegex(gradflow.ConfigError,
                                    '^time.end: is "= 1 / flow.weight_dcay", which has no name'):
            gradflow.run(config)

    def test_models_as_text(self):
        self.assertIn("matrix_completion", gradflow.models())
        self.assertIn("weight_decay", gradflow.models("linear_regression") +
                      gradflow.models("matrix_completion"))
        with self.assertRaisesRegex(gradflow.ConfigError, "linear_regresion"):
            gradflow.models("linear_regresion")


class Errors(InItsOwnFolder):
    def test_the_programs_words_but_for_the_place(self):
        path = toml("""
            [model]
            name = "linear_regression"
            dimesion = 3
            [time]
            end = -1.0
            [flow]
            kind = "gradent"
            """)
        config = tomllib.loads(pathlib.Path(path).read_text(encoding="utf-8"))
        expected = [re.sub(r"^small.toml:\d+:\d+: ", "", line)
                    for line in self.refused("check", path)]
        self.assertEqual(len(expected), 3)
        for call in (gradflow.run, gradflow.check):
            with self.assertRaises(gradflow.ConfigError) as raised:
                call(config)
            self.assertEqual(sorted(str(raised.exception).splitlines()), sorted(expected))
            with self.assertRaises(gradflow.ConfigError) as raised:
                call(path)  # of a file, with the place
            self.assertEqual(str(raised.exception).splitlines(), self.refused("check", path))
        self.assertFalse(pathlib.Path("results").exists())

    def test_a_config_from_stdin_needs_a_folder_and_says_where_it_is_wrong(self):
        text = '[model]\nname = "linear_regression"\nsampels = 3\n[time]\nend = 1.0\n'
        self.assertEqual(self.refused("run", "-", text=text),
                         ["--out: missing; a config from stdin has no name of its own"])
        (line,) = self.refused("check", "-", text=text)
        self.assertRegex(line, "^<stdin>:3:1: model.sampels: unknown key")

    def test_a_setting_that_will_not_do(self):
        with self.assertRaisesRegex(gradflow.ConfigError, '^model.sampels: unknown key'):
            gradflow.run(SMALL, set={"model.sampels": 3})

    def test_a_folder_of_another_config(self):
        gradflow.run(SMALL, out="here", quiet=True)
        other = {**SMALL, "time": {"end": 11.0}}
        with self.assertRaisesRegex(gradflow.ConfigError, "here"):
            gradflow.run(other, out="here", quiet=True)
        ds = gradflow.run(other, out="here", overwrite=True, quiet=True)
        self.assertEqual(ds.sizes["seed"], 3)

    def test_no_result(self):
        with self.assertRaisesRegex(FileNotFoundError, "nowhere/?.*there is no result"):
            gradflow.open("nowhere")
        with self.assertRaisesRegex(gradflow.ConfigError, "nowhere"):
            gradflow.status("nowhere")
        with self.assertRaises(TypeError):
            gradflow.run(3)

    def in_another_process(self, program, path=None):
        code = (f"import sys; sys.path.insert(0, {str(PACKAGE)!r}); import gradflow\n"
                "try: gradflow.models()\nexcept gradflow.Failed as error: print(error)")
        variables = {**os.environ, "GRADFLOW": program}
        if path is not None:
            variables["PATH"] = path
        return subprocess.run([sys.executable, "-B", "-c", code], env=variables, check=True,
                              capture_output=True, text=True).stdout

    def test_a_program_that_is_not_there_or_older(self):
        self.assertIn("GRADFLOW is /nowhere", self.in_another_process("/nowhere"))
        for version, words in [("0.1.9", "is gradflow 0.1.9, older than this package"),
                               ("x", "is not gradflow"), ("0.10.0", "")]:
            fake = pathlib.Path("fake")
            fake.write_text(f"#!/bin/sh\necho 'gradflow version   {version}'\n"
                            if version != "x" else "#!/bin/sh\necho hello\n", encoding="utf-8")
            fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
            self.assertIn(words, self.in_another_process(str(fake.resolve())))


class Interrupts(InItsOwnFolder):
    def test_an_interrupt_reaches_the_program_and_the_same_call_goes_on(self):
        study = {**SMALL, "study": {"seed": {"count": 4000}}}
        code = (f"import sys; sys.path.insert(0, {str(PACKAGE)!r}); import gradflow\n"
                f"try: gradflow.run({study!r}, out='long')\n"
                "except KeyboardInterrupt: print('interrupted')")
        process = subprocess.Popen([sys.executable, "-B", "-c", code], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        points = pathlib.Path("long/points")
        # Some points are there, and not all: the study has thousands.
        while process.poll() is None and not (
                points.exists() and any(p.stat().st_size > 20000 for p in points.glob("*.points"))):
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        output, said = process.communicate()
        self.assertEqual(output, "interrupted\n", said)
        there = gradflow.status("long")
        self.assertEqual(there["processes"][0]["alive"], False)
        self.assertGreater(there["done"], 0)
        self.assertLess(there["done"], 4000)
        whole = gradflow.run(study, out="long", quiet=True)
        self.assertTrue(bool(whole.gradflow.ok.all()))
        self.assertEqual(whole.content_hash, gradflow.run(study, out="other", quiet=True).content_hash)


class Page(InItsOwnFolder):
    def test_the_page_runs_from_top_to_bottom(self):
        import matplotlib
        matplotlib.use("Agg")
        page = (SOURCE / "docs" / "python.md").read_text(encoding="utf-8")
        blocks = re.findall(r"^```python\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
        self.assertGreater(len(blocks), 5)
        names = {}
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # of failed points there are none
            for block in blocks:
                exec(compile(block, "docs/python.md", "exec"), names)
        self.assertEqual(names["ds"].sizes["seed"], 5)
        self.assertTrue(bool(names["slow"].notnull().any()))
        self.assertTrue(pathlib.Path("slow_grok_time.png").exists())


class Installation(InItsOwnFolder):
    def test_it_installs_offline_in_a_fresh_environment(self):
        try:
            import ensurepip  # noqa: F401
            import setuptools  # noqa: F401
        except ImportError as missing:
            self.skipTest(f"without {missing.name} nothing can be installed here (packages.txt)")
        subprocess.run([sys.executable, "-m", "venv", "--system-site-packages", "env"], check=True)
        # Away from the source tree, which an installation leaves as it is.
        subprocess.run(["cp", "-r", str(PACKAGE), "package"], check=True)
        subprocess.run(["env/bin/pip", "install", "-q", "--no-index", "--no-build-isolation",
                        "--no-deps", "./package"], check=True, capture_output=True)
        code = ("import gradflow; print(gradflow.__file__, gradflow.__version__); "
                "print(gradflow.check({'model': {'name': 'linear_regression'}, "
                "'time': {'end': 1.0}})['time']['end'])")
        done = subprocess.run(["env/bin/python", "-c", code], check=True, capture_output=True,
                              text=True)
        file, version = done.stdout.split()[:2]
        self.assertIn("/env/lib/", file)
        self.assertEqual(done.stdout.split()[2], "1.0")
        stated = subprocess.run([PROGRAM, "--version"], check=True, capture_output=True, text=True)
        self.assertEqual(stated.stdout.split()[2], version)


if __name__ == "__main__":
    unittest.main()
