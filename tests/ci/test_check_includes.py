"""The check that no include climbs from a floor of src to one above it, or closes a circle."""
import unittest

from made_up_tree import CheckOfTrees, ROOT


class CheckIncludes(CheckOfTrees):
    script = "check_includes"

    def test_no_include_of_this_tree_climbs_or_closes_a_circle(self):
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

    def test_modules_that_include_each_other_are_named_with_the_includes(self):
        # By way of their sources too: a module is a header with the source of its name.
        code, said = self.check({
            "src/flow/a.hpp": '#include "flow/b.hpp"\n',
            "src/flow/b.hpp": "#pragma once\n",
            "src/flow/b.cpp": '#include "flow/b.hpp"\n\n#include "flow/c.hpp"\n',
            "src/flow/c.hpp": '#include "flow/a.hpp"\n',
            "src/flow/d.hpp": '#include "flow/a.hpp"\n',
        })
        self.assertEqual(code, 1)
        self.assertEqual(said, "circle: src/flow/a.hpp:1 includes flow/b, "
                               "src/flow/b.cpp:3 includes flow/c, "
                               "src/flow/c.hpp:1 includes flow/a\n")

    def test_of_circles_that_share_modules_each_is_named(self):
        code, said = self.check({
            "models/a.cpp": '#include "models/b.hpp"\n',
            "models/b.cpp": '#include "models/a.hpp"\n#include "models/c.hpp"\n',
            "models/c.hpp": '#include "models/b.hpp"\n',
        })
        self.assertEqual(code, 1)
        self.assertEqual(said, "circle: models/a.cpp:1 includes models/b, "
                               "models/b.cpp:1 includes models/a\n"
                               "circle: models/c.hpp:1 includes models/b, "
                               "models/b.cpp:2 includes models/c\n")

    def test_a_circle_of_two_floors_is_named_beside_the_include_that_climbs(self):
        code, said = self.check({"src/flow/a.hpp": '#include "solve/b.hpp"\n',
                                 "src/solve/b.hpp": '#include "flow/a.hpp"\n'})
        self.assertEqual(code, 1)
        self.assertEqual(said, "src/flow/a.hpp:1: flow may not include solve\n"
                               "circle: src/flow/a.hpp:1 includes solve/b, "
                               "src/solve/b.hpp:1 includes flow/a\n")


if __name__ == "__main__":
    unittest.main()
