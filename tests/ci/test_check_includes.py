"""The check that no include climbs from a floor of src to one above it."""
import unittest

from made_up_tree import CheckOfTrees, ROOT


class CheckIncludes(CheckOfTrees):
    script = "check_includes"

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
