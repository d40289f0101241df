"""The configs of examples/digits on the data that their script writes: against gradient descent, and
what is drawn of labels. Skipped without scikit-learn."""

import pathlib
import shutil
import subprocess
import unittest

import numpy as np

from program import InItsOwnFolder, run

DIGITS = pathlib.Path(__file__).resolve().parents[2] / "examples" / "digits"


class Digits(InItsOwnFolder):
    def setUp(self):
        super().setUp()
        done = subprocess.run(["/usr/bin/python3", DIGITS / "write_data.py", "data"],
                              capture_output=True, text=True, check=False)
        if "no scikit-learn" in done.stderr:
            self.skipTest("no scikit-learn")
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_the_files_hold_all_digits(self):
        inputs = np.concatenate([np.load(f"data/{name}_inputs.npy") for name in ("train", "test")])
        labels = np.concatenate([np.load(f"data/{name}_labels.npy") for name in ("train", "test")])
        self.assertEqual(inputs.shape, (1797, 64))
        self.assertEqual((inputs.min(), inputs.max()), (0, 1))
        self.assertEqual(sorted(set(labels)), list(range(10)))
        self.assertEqual(len(np.load("data/test_labels.npy")), 359)

    def test_both_losses_end_where_gradient_descent_in_small_steps_ends(self):
        for loss in ("cross_entropy", "squared"):
            with self.subTest(loss=loss):
                shutil.copy(DIGITS / f"{loss}.toml", ".")
                short = (pathlib.Path(f"{loss}.toml").read_text(encoding="utf-8")
                         .replace("end = 1e4", "end = 10"))
                flow = self.result(short, loss)
                # Explicit Euler is off by O(step): twice the difference of two steps, to first
                # order, and half as much again for what is of second.
                coarse, fine = (
                    self.result(short, f"{loss}_{name}", "--set",
                                "flow.kind=gradient_descent", "--set", f"flow.step={step}")
                    for name, step in (("coarse", 0.1), ("fine", 0.05)))
                for name in ("train_loss", "norm", "test_error"):
                    ends = [data[name][-1] for data in (flow, coarse, fine)]
                    self.assertLess(abs(ends[0] - ends[2]), 1.5 * abs(ends[1] - ends[2]), name)
                for name, least in (("train_accuracy", 0.8), ("test_accuracy", 0.8)):
                    self.assertGreater(flow[name][-1], least)
                for data in (flow, coarse, fine):
                    data.close()

    def test_squared_error_has_unit_vectors_as_targets(self):
        text = ((DIGITS / "squared.toml").read_text(encoding="utf-8")
                .replace("end = 1e4", "end = 1e-3").replace("samples = 60", "samples = 2"))
        with self.result(text, "units") as data:
            labels = data["label"][:].astype(int)
            np.testing.assert_array_equal(data["target"][:], np.eye(10)[labels])
        targets = text.replace("labels = ", "targets = ", 1)
        pathlib.Path("bad.toml").write_text(
            targets.replace("[flow]", 'labels = "data/train_labels.npy"\n[flow]'),
            encoding="utf-8")
        self.assertIn("does not go with model.labels",
                      run("check", "bad.toml", code=2).stderr)


if __name__ == "__main__":
    unittest.main()
