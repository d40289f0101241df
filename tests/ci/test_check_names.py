"""The check that names of models and of kinds of flows stand in their places alone."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]

PLACES = {
    "src/flow/flow_kind.cpp": 'FlowKind heavy_ball{"heavy_ball", "w\'\'", {}};\n',
    "models/registry.cpp": '#include "models/linear_regression.hpp"\n',
}


class CheckNames(unittest.TestCase):
    def check(self, files):
        """Exit code and messages for a tree of these files."""
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for name, text in {**PLACES, **files}.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text, encoding="utf-8")
            return self.run_on(root)

    @staticmethod
    def run_on(root):
        done = subprocess.run([sys.executable, "-B", ROOT / ".ci" / "check_names", root],
                              capture_output=True, text=True, check=False)
        return done.returncode, done.stderr

    def test_in_this_tree_all_names_are_in_their_places(self):
        self.assertEqual(self.run_on(ROOT), (0, ""))

    def test_offers_may_compare_and_comments_may_name(self):
        self.assertEqual(self.check({
            "src/flow/loss_model.cpp": 'if (flow.kind == "heavy_ball") return;\n',
            "src/flow/a.cpp": '// as linear_regression with kind == "heavy_ball"\n',
            "models/a.cpp": 'if (flow.kind != "heavy_ball") return "linear_regression";\n',
        }), (0, ""))

    def test_a_comparison_with_a_kind_is_named_with_its_line(self):
        self.assertEqual(self.check({"src/solve/a.cpp": '\nif (kind != "heavy_ball") return;\n'}),
                         (1, "src/solve/a.cpp:2: compares with the name of a kind of flow\n"))

    def test_a_model_in_a_string_is_named_with_its_line(self):
        self.assertEqual(self.check({"src/cli/a.cpp": 'say("as linear_regression does");\n'}),
                         (1, "src/cli/a.cpp:1: names a model\n"))


if __name__ == "__main__":
    unittest.main()
