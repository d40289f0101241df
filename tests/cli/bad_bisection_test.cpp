#include "tests/catch.hpp"
#include "tests/cli/refusals.hpp"

using namespace gradflow;
using namespace gradflow::testing;

namespace {

/// A config of a bisection of six keys, the first on line 8, with some of them replaced or added
/// after the last.
std::string bisection(const std::map<std::string, std::string>& other, const std::string& more = "",
                      const std::string& config = diagonal + time_section) {
  std::map<std::string, std::string> keys{{"1 key", "key = \"flow.weight_decay\""},
                                          {"2 between", "between = [1e-3, 1]"},
                                          {"3 measure", "measure = \"final_norm\""},
                                          {"4 level", "level = 1"},
                                          {"5 scale", "scale = \"log\""},
                                          {"6 tolerance", "tolerance = 1e-2"},
                                          {"7 most", "most = 40"}};
  std::string text = config + "[study]\nseed = [0]\n[study.bisect]\n";
  for (auto& [name, line] : keys) {
    for (const auto& [key, value] : other)
      if (name.substr(2) == key) line = value.empty() ? "" : key + " = " + value;
    if (!line.empty()) text += line + "\n";
  }
  return text + more;
}

}  // namespace

TEST_CASE("A bad [study.bisect] is refused in one line at its key") {
  const Scratch scratch;
  const std::vector<Case> all{
      {"no table",
       diagonal + time_section + "[study]\nbisect = 3\n",
       "7:1",
       {"study.bisect", "is 3", "[study.bisect]"}},
      {"an unknown key",
       bisection({}, "tolerence = 1\n"),
       "16:1",
       {"study.bisect.tolerence", "unknown key", "did you mean \"tolerance\"?"}},
      {"no key", bisection({{"key", ""}}), "8:2", {"study.bisect.key", "missing"}},
      {"no ends", bisection({{"between", ""}}), "8:2", {"study.bisect.between", "missing"}},
      {"no measurement", bisection({{"measure", ""}}), "8:2", {"study.bisect.measure", "missing"}},
      {"no level", bisection({{"level", ""}}), "8:2", {"study.bisect.level", "missing"}},
      {"a key that there is not",
       bisection({{"key", "\"flow.weight_deacy\""}}),
       "9:1",
       {"study.bisect.key", "flow.weight_deacy", "did you mean \"weight_decay\"?"}},
      {"a key of texts",
       bisection({{"key", "\"flow.kind\""}}),
       "9:1",
       {"study.bisect.key", "flow.kind", "a number"}},
      {"a key of lists",
       bisection({{"key", "\"model.teacher_values\""}}),
       "9:1",
       {"study.bisect.key", "model.teacher_values", "a number"}},
      {"the model's name",
       bisection({{"key", "\"model.name\""}}),
       "9:1",
       {"study.bisect.key", "model.name"}},
      {"a key that is no text", bisection({{"key", "3"}}), "9:1", {"study.bisect.key", "is 3"}},
      {"a key that is an axis",
       bisection({{"key", "\"seed\""}, {"between", "[1, 5]"}, {"tolerance", "1"}}),
       "9:1",
       {"study.bisect.key", "an axis already", "bad.toml:7:1"}},
      {"a key that is in a group",
       bisection({}, "[study.zip.size]\n\"flow.weight_decay\" = [1e-3, 1e-2]\n"),
       "9:1",
       {"study.bisect.key", "in zip.size already"}},
      {"ends the wrong way round",
       bisection({{"between", "[1, 1e-3]"}}),
       "10:1",
       {"study.bisect.between", "low < high"}},
      {"an end without the other",
       bisection({{"between", "[1]"}}),
       "10:1",
       {"study.bisect.between", "[low, high]"}},
      {"three ends",
       bisection({{"between", "[1, 2, 3]"}}),
       "10:1",
       {"study.bisect.between", "two numbers"}},
      {"logarithms from 0",
       bisection({{"between", "[0, 1]"}}),
       "10:1",
       {"study.bisect.between", "numbers > 0", "scale"}},
      {"an end that the key does not take",
       bisection({{"between", "[-1, 1]"}, {"scale", "\"linear\""}}),
       "10:1",
       {"study.bisect.between", "has -1", "flow.weight_decay"}},
      {"ends between integers",
       bisection({{"key", "\"model.samples\""}, {"between", "[1.5, 4]"}, {"tolerance", "1"}}),
       "10:1",
       {"study.bisect.between", "has 1.5", "integers"}},
      {"a tolerance below 1 for integers",
       bisection({{"key", "\"model.samples\""}, {"between", "[2, 4]"}, {"tolerance", "0.5"}}),
       "14:1",
       {"study.bisect.tolerance", "is 0.5", "1 or more", "model.samples takes integers"}},
      {"a tolerance of 0",
       bisection({{"tolerance", "0"}}),
       "14:1",
       {"study.bisect.tolerance", "expected a number > 0"}},
      {"an unknown scale",
       bisection({{"scale", "\"logarithmic\""}}),
       "13:1",
       {"study.bisect.scale", "log", "linear"}},
      {"a single run", bisection({{"most", "1"}}), "15:1", {"study.bisect.most", "is 1"}},
      {"a level that is no number",
       bisection({{"level", "\"half\""}}),
       "12:1",
       {"study.bisect.level", "half"}},
      {"a measurement that there is not",
       bisection({{"measure", "\"final_nrom\""}}),
       "11:1",
       {"study.bisect.measure", "final_nrom", "did you mean \"final_norm\"?"}},
      {"an observable over time",
       bisection({{"measure", "\"norm\""}}),
       "11:1",
       {"study.bisect.measure", "over time", "did you mean \"final_norm\"?"}},
      {"an observable that is a vector",
       bisection({{"measure", "\"final_effective_vector\""}}),
       "11:1",
       {"study.bisect.measure", "over feature", "single number"}},
      {"an observable that is not recorded",
       bisection({{"measure", "\"final_sharpness\""}}),
       "11:1",
       {"study.bisect.measure", "sharpness is not recorded", "output.observables"}},
      {"a measurement that is not taken",
       bisection({{"measure", "\"slow_error\""}}),
       "11:1",
       {"study.bisect.measure", "slow_error", "measure.two_phases"}},
      {"exponents over runs at values of their own",
       bisection({}, "", diagonal + time_section).replace(0, 0, "") +
           "[measure]\nexponents = [\"end_time\"]\n",
       "17:1",
       {"measure.exponents", "[study.bisect]"}},
      {"a swept key too",
       bisection({}, "[sweep]\nvalues = [0.1, 0.2]\n", linear),
       "15:2",
       {"sweep.key", "axis of the study"}},
      {"more runs than a study may have",
       diagonal + time_section + "[study]\nseed = { count = 100000 }\n[study.bisect]\n" +
           "key = \"flow.weight_decay\"\nbetween = [1e-3, 1]\nmeasure = \"final_norm\"\nlevel = "
           "1\n",
       "8:2",
       {"study.bisect", "1000000"}},
      {"a group of the name of the runs' dimension",
       bisection({}, "[study.zip.bisection]\n\"model.samples\" = [2, 3]\n"),
       "16:2",
       {"study.zip.bisection", "bisection"}},
      {"a value of its key beside it, as an option",
       bisection({}),
       "",
       {"flow.weight_decay", "study.bisect.between"},
       {"--set", "flow.weight_decay=0.1"}},
      {"a bad option of it",
       bisection({}),
       "",
       {"study.bisect.tolerance", "-1"},
       {"--set", "study.bisect.tolerance=-1"}},
  };
  check_cases(all, scratch);
}
