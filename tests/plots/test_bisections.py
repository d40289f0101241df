"""Of a bisection the picture shows where the crossings are, with their errors, and what each run
measured."""

import contextlib
import io
import unittest

import netCDF4
import numpy as np

from pictures import PictureTest

import report

SAMPLES = [2, 4, 8]
RUNS = 5
CROSSING = np.array([0.1, 0.2, 0.4])
STUDY = """[study]
"model.samples" = [2, 4, 8]
[study.bisect]
key = "flow.weight_decay"
between = [0.01, 1.0]
measure = "final_norm"
level = 1.0
"""


class BisectionTest(PictureTest):
    def bisection(self, name="r", far=0.0, samples=SAMPLES, comment="", axis="samples"):
        """Chains whose last run was not needed, and whose norm falls through 1 at CROSSING; `far` is
        added to the norm of the second run."""
        crossing = CROSSING[:len(samples)]
        decay = np.array([[0.01, 1, c / 2, c * 1.1, np.nan] for c in crossing])
        norm = crossing[:, None] / decay
        norm[:, 1] += far
        status = np.where(np.isnan(decay), -1, 0)
        path = self.result(
            name, {"norm": np.stack([norm + 1, norm], axis=-1), "weight_decay": ((), decay)},
            axes={axis: samples, "bisection": list(range(RUNS))}, time=[0.0, 1.0],
            status=status)
        with netCDF4.Dataset(f"{path}/result.nc", "a") as data:
            data.config_resolved += STUDY
            for part, values in (("", crossing), ("_error", 0.05 * crossing)):
                made = data.createVariable(f"weight_decay_transition{part}", "f8", (axis,))
                made[:] = values
            data["weight_decay_transition"].long_name = "flow.weight_decay at which final_norm crosses 1"
            if comment:
                data["weight_decay_transition"].comment = comment
        return path

    def test_transitions_are_over_the_axes_and_runs_over_the_key(self):
        text = self.draw(self.bisection()).all_text()
        for words in ("at which final_norm crosses 1", "samples", "weight decay", "level 1"):
            self.assertIn(words, text)
        self.assertNotIn("failed or are missing", text)

    def test_the_crossing_is_seen_where_a_run_lies_far_away(self):
        text = self.draw(self.bisection(far=1e9)).all_text()
        self.assertNotIn("{10}^{9}", text)

    def test_a_chain_alone_is_written_down(self):
        text = self.draw(self.bisection(samples=[2])).all_text()
        self.assertIn("weight_decay_transition = 0.1", text)

    def test_why_there_is_no_transition_is_said(self):
        text = self.draw(self.bisection(comment="it is NaN: below 1 at both ends")).all_text()
        self.assertIn("below 1 at both ends", text)

    def test_other_variables_are_those_of_a_study(self):
        self.assertIn("norm", self.draw(self.bisection(), "--variables", "norm").all_text())
        self.draw(self.bisection("again"), "--variables", "weight_decay_transition")
        self.draw(self.bisection("first"), "--where", "bisection=0")
        self.draw(self.bisection("one"), self.bisection("two"))

    def test_runs_of_chains_are_no_repetitions_of_each_other(self):
        """The same run of two seeds' chains has two values of the key."""
        path = self.bisection(axis="seed", samples=[0, 1])
        text = self.draw(path, "--variables", "norm").all_text()
        self.assertNotIn("median", text)
        self.assertNotIn("repetitions", text)

    def test_the_page_has_a_table_of_transitions(self):
        path = self.bisection()
        with contextlib.redirect_stdout(io.StringIO()):
            self.assertEqual(report.main([path]), 0)
        with open(f"{path}/report.html", encoding="utf-8") as file:
            page = file.read()
        self.assertIn("<h2>Transitions</h2>", page)
        self.assertIn("<td>4</td><td class=\"n\">0.2 ± 0.01</td>", page)
        self.assertNotIn("<h2>Failed runs</h2>", page)

    def test_the_table_has_a_row_for_each_chain_of_a_seed(self):
        path = self.bisection(axis="seed", samples=[0, 1])
        with contextlib.redirect_stdout(io.StringIO()):
            self.assertEqual(report.main([path]), 0)
        with open(f"{path}/report.html", encoding="utf-8") as file:
            table = file.read().partition("<h2>Transitions</h2>")[2].partition("</section>")[0]
        for seed, crossing in enumerate(CROSSING[:2]):
            self.assertIn(f'<td>{seed}</td><td class="n">{crossing:g} ± {0.05 * crossing:g}</td>', table)


if __name__ == "__main__":
    unittest.main()
