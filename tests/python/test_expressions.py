"""Expressions in place of numbers, through the program: what they come to, and what is refused."""

import json
import pathlib
import unittest

import numpy as np

from program import BASE, InItsOwnFolder, MODEL, run


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
                self.refused(BASE.replace("0.5", json.dumps(written)), ":6:1: time.end: ",
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
                self.refused(text, *expected)


if __name__ == "__main__":
    unittest.main()
