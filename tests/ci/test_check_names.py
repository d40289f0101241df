"""The check that names of models and of kinds of flows stand in their places alone."""
import unittest

from made_up_tree import CheckOfTrees, ROOT


class CheckNames(CheckOfTrees):
    script = "check_names"
    always_there = {
        "src/flow/flow_kind.cpp": 'FlowKind heavy_ball{"heavy_ball", "w\'\'", {}};\n',
        "src/flow/flow_kind.hpp": "const std::string& descent_kind();\n",
        "models/registry.cpp": '#include "models/linear_regression.hpp"\n',
    }

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

    def test_a_function_that_gives_a_kinds_name_is_no_way_around(self):
        for line in "if (flow.kind != descent_kind()) return;", "x = descent_kind() == flow.kind;":
            self.assertEqual(self.check({"src/study/a.cpp": line + "\n"}),
                             (1, "src/study/a.cpp:1: compares with the name of a kind of flow\n"))
        self.assertEqual(self.check({"src/study/a.cpp": "flow.kind = descent_kind();\n"}), (0, ""))

    def test_a_model_in_a_string_is_named_with_its_line(self):
        self.assertEqual(self.check({"src/cli/a.cpp": 'say("as linear_regression does");\n'}),
                         (1, "src/cli/a.cpp:1: names a model\n"))


if __name__ == "__main__":
    unittest.main()
