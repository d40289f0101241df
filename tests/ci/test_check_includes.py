"""The check that no include climbs from a floor of src to one above it."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]


class CheckIncludes(unittest.TestCase):
    def check(self, files):
        """Exit code and messages for a tree of these files."""
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for folder_of_all in ("src", "models"):
                (root / folder_of_all).mkdir()
            for name, text in files.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text, encoding="utf-8")
            return self.run_on(root)

    @staticmethod
    def run_on(root):
        done = subprocess.run([sys.executable, "-B", ROOT / ".ci" / "check_includes", root],
                              capture_output=True, text=True, check=False)
        return done.returncode, done.stderr

    def test_no_include_of_this_tree_climbs(self):
        self.assertEqual(self.run_on(ROOT), (0, ""))

    def test_includes_of_the_same_floor_and_below_are_allowed(self):
        self.assertEqual(self.check({
            "src/flow/a.hpp": '#include "flow/b.hpp"\n#include "numerics/c.hpp"\n#include <map>\n',
            "src/cli/a.cpp": '#include "models/registry.hpp"\n#include "study/a.hpp"\n',
            "models/a.cpp": '#include "flow/a.hpp"\n#include "models/b.hpp"\n',
        }), (0, ""))

    def test_an_include_that_climbs_is_named_with_its_line(self):
        code, said = self.check({"src/flow/a.hpp": '#pragma once\n#  include "solve/b.hpp"\n'})
        self.assertEqual(code, 1)
        self.assertEqual(said, "src/flow/a.hpp:2: flow may not include solve\n")

    def test_models_know_no_floor_above_flow_and_cli_alone_knows_them(self):
        code, said = self.check({"models/a.cpp": '#include "measure/a.hpp"\n',
                                 "src/study/a.cpp": '#include "models/registry.hpp"\n'})
        self.assertEqual(code, 1)
        self.assertIn("models/a.cpp:1: models may not include measure\n", said)
        self.assertIn("src/study/a.cpp:1: study may not include models\n", said)

    def test_a_folder_on_no_floor_is_named(self):
        code, said = self.check({"src/attic/a.cpp": ""})
        self.assertEqual(code, 1)
        self.assertIn("the folder attic is on no floor", said)


if __name__ == "__main__":
    unittest.main()
