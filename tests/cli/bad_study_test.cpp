#include "tests/catch.hpp"
#include "tests/cli/refusals.hpp"

using namespace gradflow;
using namespace gradflow::testing;

namespace {

std::vector<Case> study_cases() {
  return {
      {"a study without axes", good + "[study]\n", "6:2", {"study", "no axis"}},
      {"a study that is a list", "study = []\n" + good, "1:1", {"study", "a list", "[study]"}},
      {"an axis without values", good + "[study]\nseed = []\n", "7:1", {"study.seed", "empty"}},
      {"a range of nothing",
       good + "[study]\nseed = { count = 0 }\n",
       "7:10",
       {"study.seed", "count", "an integer >= 1"}},
      {"an unknown axis",
       good + "[study]\n\"flow.weight_decy\" = [1]\n",
       "7:1",
       {"study.flow.weight_decy", "did you mean \"weight_decay\"?"}},
      {"an unknown range",
       good + "[study]\n\"flow.weight_decay\" = { lg = [1, 2, 3] }\n",
       "7:25",
       {"study.flow.weight_decay", "did you mean \"log\"?"}},
      {"two ranges in one",
       good + "[study]\n\"flow.weight_decay\" = { log = [1, 2, 3], count = 3 }\n",
       "7:1",
       {"study.flow.weight_decay", "log", "linear", "count"}},
      {"a range with a bound too few",
       good + "[study]\n\"flow.weight_decay\" = { log = [1, 2] }\n",
       "7:25",
       {"study.flow.weight_decay", "[first, last, count]"}},
      {"a logarithmic range from zero",
       good + "[study]\n\"flow.weight_decay\" = { log = [0, 1, 3] }\n",
       "7:25",
       {"study.flow.weight_decay", "> 0"}},
      {"an axis out of range",
       good + "[study]\n\"flow.weight_decay\" = [1, -1]\n",
       "7:1",
       {"study.flow.weight_decay", "-1", "a number >= 0"}},
      {"an axis with a text among numbers",
       good + "[study]\n\"flow.weight_decay\" = [1, \"2\"]\n",
       "7:1",
       {"study.flow.weight_decay", "\"2\"", "a number"}},
      {"an axis with a value twice",
       good + "[study]\n\"model.samples\" = [3, 2, 3]\n",
       "7:1",
       {"study.model.samples", "3 twice", "each value once"}},
      {"an axis with a number in two spellings",
       good + "[study]\n\"flow.weight_decay\" = [1, 1.0]\n",
       "7:1",
       {"study.flow.weight_decay", "1.0 twice"}},
      {"a range of halves of a sample",
       good + "[study]\n\"model.samples\" = { linear = [1, 2, 4] }\n",
       "7:1",
       {"study.model.samples", "1 twice", "not of whole numbers"}},
      {"exponents along texts",
       good + "[study]\n\"solver.method\" = [\"cvode\", \"dopri5\"]\n"
              "[measure]\nexponents = [\"wall_seconds\"]\n",
       "9:1",
       {"measure.exponents", "an axis of numbers", "method"}},
      {"Arrhenius without temperatures",
       good + "stop_train_loss = 0.2\n[flow]\nkind = \"langevin\"\ntemperature = 0.1\n"
              "[study]\nseed = { count = 3 }\n[measure]\narrhenius = true\n",
       "13:1",
       {"measure.arrhenius", "the axis \"flow.temperature\""}},
      {"Arrhenius of a flow without noise",
       good + "stop_train_loss = 0.2\n[study]\n\"flow.temperature\" = [0.1, 0.2]\n"
              "[measure]\narrhenius = true\n",
       "10:1",
       {"measure.arrhenius", "langevin", "\"gradient\" has no temperature"}},
      {"Arrhenius of runs that nothing ends",
       good + "[flow]\nkind = \"langevin\"\n[study]\n\"flow.temperature\" = [0.1, 0.2]\n"
              "[measure]\narrhenius = true\n",
       "11:1",
       {"measure.arrhenius", "time.stop_train_loss_above"}},
      {"an axis that is one number",
       good + "[study]\n\"flow.weight_decay\" = 1\n",
       "7:1",
       {"study.flow.weight_decay", "a list"}},
      {"an axis of fractions of a sample",
       good + "[study]\n\"model.samples\" = [1.5]\n",
       "7:1",
       {"study.model.samples", "1.5", "an integer"}},
      {"an axis of models",
       good + "[study]\n\"model.name\" = [\"linear_regression\"]\n",
       "7:1",
       {"study.model.name", "axis"}},
      {"the same axis twice", good + "[study]\nseed = [1]\n\"seed\" = [2]\n", "8:", {"seed"}},
      {"the same axis in two spellings",
       good + "[study]\nflow.weight_decay = [1]\n\"flow.weight_decay\" = [2]\n",
       "8:1",
       {"study.flow.weight_decay", "7:6"}},
      {"one bad value of an axis",
       good + "[study]\n\"model.inputs\" = [\"x.csv\", \"nan.csv\"]\n",
       "7:1",
       {"model.inputs", "nan.csv:2:1"}},
      {"one value of an axis that does not fit",
       completion + "rows = 4\n" + time_section + "[study]\n\"model.true_rank\" = [3, 6]\n",
       "8:1",
       {"model.true_rank", "6", "4"}},
      {"a study of more points than memory",
       good + "[study]\nseed = { count = 100000 }\n\"flow.weight_decay\" = { linear = [0, 1, "
              "100000] }\n",
       "8:1",
       {"study.flow.weight_decay", "points", "1000000"}},
      {"exponents along seeds",
       good + "[study]\nseed = [1, 2, 3]\n\"flow.weight_decay\" = [1, 2, 4]\n[measure]\n"
              "exponents = [\"end_time\"]\nagainst = \"seed\"\n",
       "11:1",
       {"measure.against", "\"seed\"", "repetitions"}},
      {"exponents of seeds alone",
       good + "[study]\nseed = [1, 2, 3]\n[measure]\nexponents = [\"end_time\"]\n",
       "9:1",
       {"measure.exponents", "an axis to fit along"}},
  };
}

}  // namespace

TEST_CASE("Bad axes, ranges and fits of a study are refused with their place") {
  const Scratch scratch;
  scratch.write("x.csv", "1,2,3\n4,5,6\n7,8,9\n1,0,1\n");
  scratch.write("nan.csv", "1,2\nnan,4\n");
  check_cases(study_cases(), scratch);
}

TEST_CASE("An exponent of a number that no run has is refused before any run") {
  const Scratch scratch;
  const std::string study = diagonal + time_section +
                            "[study]\n\"flow.weight_decay\" = [0.1, 0.2, 0.4]\n"
                            "[measure]\nexponents = [\"";
  const auto said_of = [&](const std::string& name) -> std::string {
    scratch.write("bad.toml", study + name + "\"]\n");
    check_refused(call({"check", "bad.toml"}, scratch.path));
    const Finished bad = call({"run", "bad.toml", "--out", "result"}, scratch.path);
    check_refused(bad);
    CHECK_FALSE(fs::exists(scratch / "result"));
    return bad.err;
  };
  CHECK_THAT(said_of("fit_tme"),
             Catch::Contains("bad.toml:9:1: measure.exponents: has \"fit_tme\", "
                             "which is no number of a run; did you mean "
                             "\"fit_time\"?"));
  CHECK_THAT(said_of("slow_error"),
             Catch::Contains("has \"slow_error\", which no run here has: the measurement "
                             "\"two_phases\" (measure.two_phases, measure.fast_end, "
                             "measure.slow_window) is not taken"));
  // One point of many that has the number will do.
  scratch.write("good.toml", diagonal + time_section +
                                 "[study]\n\"flow.weight_decay\" = [0, 0.2, 0.4]\n"
                                 "[measure]\nexponents = [\"grok_time\", \"end_time\"]\n");
  call_ok({"run", "good.toml", "--out", "result", "--quiet"}, scratch.path);
}
