#include "study/config.hpp"

#include <unistd.h>

#include "io/file_error.hpp"
#include "io/netcdf_file.hpp"
#include "tests/catch.hpp"
#include "tests/scratch.hpp"

using namespace gradflow;
using namespace gradflow::testing;
namespace fs = std::filesystem;

namespace {

/// A folder with config files.
struct Configs : Scratch {
  Config load(const std::string& text, const std::vector<std::string>& overrides = {}) const {
    write("c.toml", text);
    return Config::load(path / "c.toml", overrides);
  }
};

const std::string base =
    "[model]\nname = \"diagonal_linear_network\"\nsamples = 3\ndimension = 4\n"
    "[time]\nend = 10\n";

}  // namespace

TEST_CASE("Ranges are geometric or linear with both ends exact, counts start at zero") {
  const Configs configs;
  const Config config = configs.load(base + R"([study]
"flow.weight_decay" = { log = [1e-6, 1e-2, 5] }
"model.initial_scale" = { linear = [0, 1, 5] }
seed = { count = 3 }
"model.samples" = { log = [1, 100, 3] }
"model.initial_variance" = [1, 2.5]
"solver.rtol" = { log = [1e-3, 1e-9, 1] }
)");
  const auto& axes = config.axes();
  REQUIRE(axes.size() == 6);
  const auto real = [&](std::size_t axis, std::size_t k) {
    return std::get<double>(axes[axis].values[k]);
  };
  CHECK(real(0, 0) == 1e-6);
  CHECK(real(0, 4) == 1e-2);
  for (std::size_t k = 0; k < 5; ++k)
    CHECK(real(0, k) == Approx(std::pow(10.0, static_cast<double>(k) - 6)));
  for (std::size_t k = 0; k < 5; ++k) CHECK(real(1, k) == 0.25 * static_cast<double>(k));
  CHECK(axes[2].values ==
        std::vector<ParameterValue>{std::int64_t{0}, std::int64_t{1}, std::int64_t{2}});
  CHECK(axes[3].values ==
        std::vector<ParameterValue>{std::int64_t{1}, std::int64_t{10}, std::int64_t{100}});
  CHECK(axes[4].values ==
        std::vector<ParameterValue>{1.0, 2.5});  // an integer among numbers is one
  CHECK(axes[5].values == std::vector<ParameterValue>{1e-3});
  // In the order of the file, whatever the alphabet says.
  std::vector<std::string> names;
  for (const ConfigAxis& axis : axes) names.push_back(axis.name);
  CHECK(names == std::vector<std::string>{"weight_decay", "initial_scale", "seed", "samples",
                                          "initial_variance", "rtol"});
  CHECK(config.points() == 5U * 5 * 3 * 3 * 2 * 1);
}

TEST_CASE("A list of numbers is written one by one or as the range of an axis") {
  const Configs configs;
  const auto times = [&](const std::string& written) {
    return configs.load(base + "[output]\nsnapshot_times = " + written + "\n")
        .run(0)
        .output()
        .snapshot_times;
  };
  CHECK(times("[1, 2.5]") == std::vector<double>{1, 2.5});
  CHECK(times("{ linear = [0, 10, 5] }") == std::vector<double>{0, 2.5, 5, 7.5, 10});
  CHECK(times("{ log = [1, 4, 3] }") == std::vector<double>{1, 2, 4});
  // Round numbers are those of the literals, to the bit; others are not made round.
  CHECK(times("{ log = [1e-6, 1e-2, 5] }") == std::vector<double>{1e-6, 1e-5, 1e-4, 1e-3, 1e-2});
  CHECK(times("{ log = [2e-5, 2, 6] }") == std::vector<double>{2e-5, 2e-4, 2e-3, 2e-2, 0.2, 2});
  CHECK(times("{ linear = [0.1, 0.5, 5] }") == std::vector<double>{0.1, 0.2, 0.3, 0.4, 0.5});
  CHECK(times("{ log = [1, 10, 3] }")[1] == Approx(std::sqrt(10)).epsilon(1e-15));
  CHECK(times("{ count = 3 }") == std::vector<double>{0, 1, 2});
  CHECK_THROWS_WITH(times("{ liner = [0, 10, 5] }"),
                    Catch::Contains("c.toml:8:20: output.snapshot_times: unknown range \"liner\"; "
                                    "did you mean \"linear\"?"));
  CHECK_THROWS_WITH(times("{ linear = [-1, 10, 5] }"),
                    Catch::Contains("output.snapshot_times: is a list with -1.0, expected"));
}

TEST_CASE("Points run through the axes with the last one fastest, each with its own values") {
  const Configs configs;
  const Config config =
      configs.load(base + "[study]\n\"flow.weight_decay\" = [0.1, 0.2]\nseed = [5, 6, 7]\n");
  REQUIRE(config.points() == 6);
  for (std::size_t k = 0; k < 6; ++k) {
    const RunConfig run = config.run(k);
    CHECK(run.seed() == 5 + k % 3);
    CHECK(run.flow().weight_decay == (k < 3 ? 0.1 : 0.2));
  }
}

TEST_CASE("Two axes with one last part go by their whole keys, dotted keys are axes as well") {
  const Configs configs;
  const Config config = configs.load(
      base + "[study]\nmodel.samples = [2, 3]\n\"time.samples\" = [5, 6]\nflow.step = [1]\n");
  std::vector<std::string> names;
  for (const ConfigAxis& axis : config.axes()) names.push_back(axis.name);
  CHECK(names == std::vector<std::string>{"model.samples", "time.samples", "step"});
}

TEST_CASE("The resolved config has every key once, and resolves to itself") {
  const Configs configs;
  const Config config = configs.load("[model]\nname = \"linear_regression\"\n[time]\nend = 1e-4\n");
  const std::string text = config.resolved();
  // first = 1e-3 would lie behind the end.
  CHECK(text.find("first = 1.0000000000000001e-07\n") != std::string::npos);
  CHECK(text.find("samples = 20\n") != std::string::npos);
  CHECK(text.find("inputs") == std::string::npos);  // no file was given
  CHECK(configs.load(text).resolved() == text);
  CHECK(configs.load(text).fingerprint() == config.fingerprint());
}

TEST_CASE(
    "The fingerprint follows values and the contents of files, not the way things are written") {
  const Configs configs;
  const auto print = [&](const std::string& text, const std::vector<std::string>& overrides = {}) {
    return configs.load(text, overrides).fingerprint();
  };
  const std::string one = print(base);
  CHECK(print("# a comment\n" + base) == one);
  CHECK(print(base + "first = 0.001\n") == one);
  CHECK(print(base, {"time.end=10.0"}) == one);
  CHECK(print(base + "first = 0.002\n") != one);
  CHECK(print(base, {"seed=1"}) != one);
  configs.write("y.csv", "1\n2\n3\n");
  const std::string with_file =
      print(base, {"model.targets=\"" + (configs.path / "y.csv").string() + "\""});
  configs.write("y.csv", "1\n2\n4\n");
  CHECK(print(base, {"model.targets=\"" + (configs.path / "y.csv").string() + "\""}) != with_file);
}

TEST_CASE("Files are relative to the config, those of an override to the working folder") {
  const Configs configs;
  configs.write("y.csv", "1\n2\n3\n");
  const Config config = configs.load(
      "[model]\nname = \"diagonal_linear_network\"\ntargets = \"y.csv\"\n[time]\nend = 1\n");
  RunConfig run = config.run(0);
  const auto model = config.build(run);
  CHECK(run.sections.at("model").integer("samples") == 3);
  CHECK(run.sections.at("model").text("targets") == (configs.path / "y.csv").string());
  CHECK_THROWS_AS(configs.load(base, {"model.targets=\"y.csv\""}), ConfigError);
}

TEST_CASE("What the defaults come to in one point of a study is not imposed on the others") {
  const Configs configs;
  configs.write("a.csv", "1,2\n3,4\n");
  configs.write("b.csv", "1,2,3\n3,4,5\n1,1,1\n");
  const Config config = configs.load(
      "[model]\nname = \"linear_regression\"\n[time]\nend = 1\n[study]\n"
      "\"model.inputs\" = [\"a.csv\", \"b.csv\"]\n\"time.end\" = [1e-4, 1]\n");
  const std::string text = config.resolved();
  CHECK(text.find("\nsamples = 20") == std::string::npos);
  CHECK(text.find("dimension") == std::string::npos);
  CHECK(text.find("first") == std::string::npos);
  CHECK(text.find("noise_variance = 0.0") != std::string::npos);
  for (std::size_t k = 0; k < 4; ++k) {
    RunConfig run = config.run(k);
    config.build(run);
    CHECK(run.sections.at("model").integer("dimension") == (k < 2 ? 2 : 3));
  }
}

TEST_CASE("Of unreadable and missing files the reason is told") {
  const Configs configs;
  CHECK_THROWS_AS(Config::load(configs.path / "nothing.toml", {}), FileError);
  CHECK_THROWS_AS(Config::load(configs.path, {}), FileError);
}

TEST_CASE("The name of a config is its file's without the ending") {
  const Configs configs;
  configs.write("figure.2.toml", base);
  CHECK(Config::load(configs.path / "figure.2.toml", {}).name() == "figure.2");
}

TEST_CASE("Texts, numbers and lists are written as TOML that reads back to the same") {
  const Configs configs;
  for (const double x :
       {0.1, 1e-300, 5e-324, 1.7976931348623157e308, -0.0, 3.0, 1e6, 123456789.123456789}) {
    const TomlValue value = parse_toml("x = " + toml_value(ParameterValue(x)), "");
    const double back = std::get<double>(value.table()->front().value.value);
    CHECK(std::signbit(back) == std::signbit(x));
    CHECK(back == x);
  }
  for (const std::string text :
       {"", "a\"b\\c", "line\nbreak\ttab", "\x01\x1f\x7f", "λ → 0", "#[]='"}) {
    const TomlValue value = parse_toml("x = " + toml_value(ParameterValue(text)), "");
    CHECK(std::get<std::string>(value.table()->front().value.value) == text);
  }
  CHECK(toml_value(ParameterValue(std::vector<double>{1, 2.5})) == "[1.0, 2.5]");
  CHECK(toml_value(ParameterValue(std::vector<std::string>{"a", "b"})) == "[\"a\", \"b\"]");
  CHECK(toml_value(ParameterValue(std::vector<std::int64_t>{})) == "[]");
}

TEST_CASE("Positions are those of the keys, in nested and inline tables too") {
  const TomlValue document = parse_toml("a = 1\n[b]\n  c = { d = [1,\n 'x'] }\n", "f.toml");
  const TomlValue::Table& top = *document.table();
  CHECK(top[0].value.position.text() == "f.toml:1:1");
  const auto& c = (*top[1].value.table())[0].value;
  CHECK(c.position.text() == "f.toml:3:3");
  const auto& d = (*c.table())[0].value;
  CHECK(d.position.text() == "f.toml:3:9");
  CHECK((*d.list())[1].position.text() == "f.toml:4:2");
  CHECK((*d.list())[1].description() == "the text \"x\"");
}

TEST_CASE("The nearest name is near, or none") {
  const std::vector<std::string> names{"samples", "dimension", "seed"};
  CHECK(nearest_name("sampels", names) == "samples");
  CHECK(nearest_name("dimensions", names) == "dimension");
  CHECK(nearest_name("sede", names) == "seed");
  CHECK(nearest_name("weight_decay", names).empty());
  CHECK(nearest_name("", names).empty());
  CHECK(nearest_name("x", {}).empty());
}

TEST_CASE("Long texts are cut between characters") {
  CHECK(shortened("abc", 3) == "abc");
  CHECK(shortened("abcd", 3) == "abc...");
  CHECK(shortened("aλb", 2) == "a...");  // λ has two bytes
}

TEST_CASE("An axis of numbers is tried at its smallest and largest value, wherever they stand") {
  const Configs configs;
  const std::string completion =
      "[model]\nname = \"matrix_completion\"\nrows = 4\ncolumns = 4\n[time]\nend = 1\n[study]\n";
  const auto refused = [&](const std::string& axis) -> bool {
    try {
      configs.load(completion + axis).validate();
    } catch (const ConfigError&) {
      return true;
    }
    return false;
  };
  // The rank of the target is at most 4.
  std::string decays;
  for (int k = 1; k <= 400; ++k) decays += std::to_string(k) + "e-5, ";
  CHECK_FALSE(refused("\"flow.weight_decay\" = [" + decays + "1]\n"));
  CHECK(refused("\"model.true_rank\" = [1, 2, 5, 3, 4]\n"));
  CHECK(refused("\"model.true_rank\" = { linear = [1, 100000, 100000] }\n"));
  // All are there, though two are tried.
  const Config config = configs.load(
      completion + "\"flow.weight_decay\" = { log = [1e-9, 1, 100000] }\nseed = { count = 10 }\n");
  CHECK(config.points() == 1'000'000);
  config.validate();
  CHECK(config.resolved().find("\"seed\" = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]") != std::string::npos);
  CHECK(config.resolved().size() > 1'000'000);
}

TEST_CASE("Texts and lists that are too long are refused with what was expected") {
  const Configs configs;
  const auto error_of = [&](const std::string& text) -> std::string {
    try {
      configs.load(text);
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "";
  };
  CHECK(error_of(base + "#" + std::string(largest_config, 'x'))
            .find("expected at most " + std::to_string(largest_config)) != std::string::npos);
  std::string list;
  for (int k = 0; k < 1'000'001; ++k) list += "1,";
  CHECK(error_of(base + "[study]\nseed = [" + list + "]\n").find("has 1000001 values") !=
        std::string::npos);
}

TEST_CASE("A start is taken from a single run's result alone, whatever else a file holds") {
  // Of files with a checksum that fits: a status of another type, of length 0, a study's, no state.
  const Configs configs;
  const auto error_of = [&](const Dataset& data) -> std::string {
    fs::create_directories(configs.path / "first");
    write_netcdf(data, configs.path / "first" / "result.nc");
    try {
      configs
          .load(
              "[model]\nname = \"linear_regression\"\nsamples = 2\ndimension = 2\n"
              "initial = \"first\"\n[time]\nend = 1\n")
          .validate();
    } catch (const ConfigError& error) {
      return error.what();
    }
    return "";
  };
  const auto with_status = [](Values values, const std::vector<std::string>& dimensions) {
    Dataset data;
    data.add_coordinate("parameter", std::vector<std::int64_t>{0, 1});
    if (!dimensions.empty()) data.add_dimension(dimensions.front(), size(values));
    data.add({"final_state", {"parameter"}, std::vector<double>{1, 2}, {}});
    data.add({"status", dimensions, std::move(values), {}});
    return data;
  };
  CHECK(error_of(with_status(std::vector<std::int32_t>{0}, {})).empty());
  const std::string none = "holds no single finished run to start from";
  for (const Dataset& data :
       {with_status(std::vector<double>{0}, {}), with_status(std::vector<std::string>{"ok"}, {}),
        with_status(std::vector<std::int32_t>{}, {"seed"}),
        with_status(std::vector<std::int32_t>{0, 0}, {"seed"}), Dataset{}})
    CHECK(error_of(data).find(none) != std::string::npos);
  CHECK(error_of(with_status(std::vector<std::int32_t>{7}, {})).find("a run that failed") !=
        std::string::npos);
  Dataset text;
  text.add({"status", {}, std::vector<std::int32_t>{0}, {}});
  text.add_coordinate("final_state", std::vector<std::string>{"a", "b"});
  CHECK(error_of(text).find(none) != std::string::npos);
}

TEST_CASE("Settings that have no effect are named with their place and what leaves them without") {
  const Configs configs;
  const auto unused = [&](const std::string& text, const std::vector<std::string>& options = {}) {
    std::string all;
    for (const std::string& line : configs.load(text, options).unused())
      all += line.substr(line.find("c.toml") == std::string::npos ? 0 : line.find("c.toml")) + "\n";
    return all;
  };
  const std::string model = "[model]\nname = \"two_layer_network\"\nsamples = 5\n";
  const auto says = [&](const std::string& sections, const std::string& what) {
    const std::string said = unused(model + sections);
    INFO(said);
    CHECK(said.find(what) != std::string::npos);
    CHECK(std::count(said.begin(), said.end(), '\n') == 1);
  };
  const std::string end = "[time]\nend = 1\n";
  says("[flow]\nstep = 0.1\n" + end, "c.toml:5:1: flow.step: not used by flow.kind = \"gradient\"");
  says("[flow]\nfriction = 0.1\n" + end, "flow.friction: not used by flow.kind");
  says("[flow]\ntemperature = 0.1\n" + end, "flow.temperature: not used by flow.kind");
  says("[flow]\nbatch = 3\n" + end, "flow.batch: not used by flow.kind");
  says("[flow]\nkind = \"gradient_descent\"\n[solver]\nrtol = 1e-5\n" + end,
       "solver.rtol: not used by flow.kind = \"gradient_descent\"");
  says("[flow]\nkind = \"langevin\"\n" + end, "flow.temperature: is 0");
  says("[flow]\nkind = \"riemannian\"\nweight_decay = 0.1\n" + end,
       "flow.weight_decay: not used by flow.kind = \"riemannian\"");
  says("[solver]\nmethod = \"dopri5\"\nlinear = \"dense\"\n" + end,
       "solver.linear: not used by solver.method = \"dopri5\"");
  says("[solver]\nmethod = \"rock4\"\nlinear = \"dense\"\n" + end,
       "solver.linear: not used by solver.method = \"rock4\"");
  says("[solver]\nmethod = \"rosenbrock4\"\nlinear = \"dense\"\n" + end,
       "solver.linear: not used by solver.method = \"rosenbrock4\"");
  says("[time]\nend = 1\nspacing = \"linear\"\nfirst = 0.1\n",
       "time.first: not used by time.spacing = \"linear\"");
  says(end + "[output]\nsnapshot_times = [0.5]\n",
       "output.snapshot_times: not used without output.snapshot_observables");
  says(end + "[measure]\ntwo_phases = true\n",
       "measure.two_phases: not used without flow.weight_decay > 0");
  says(end + "[measure]\nfast_end = 3\n", "measure.fast_end: not used without measure.two_phases");

  const std::string diagonal = "[model]\nname = \"diagonal_linear_network\"\n";
  CHECK(unused(diagonal + "frequencies = 4\n" + end)
            .find("model.frequencies: not used by model.features = \"gaussian\"") !=
        std::string::npos);
  CHECK(unused(model + "input_range = 2\n" + end)
            .find("model.input_range: not used by model.input_law = \"gaussian\"") !=
        std::string::npos);

  // What one of the points uses is used.
  CHECK(unused(model + "[flow]\nstep = 0.1\n" + end +
               "[study]\n\"flow.kind\" = [\"gradient\", \"gradient_descent\"]\n")
            .empty());
  CHECK(unused(model + end, {"flow.step=0.1"}).find("--set flow.step=0.1: flow.step: not used") ==
        0);
  CHECK(unused(model + end + "[study]\n\"flow.step\" = [0.1, 0.2]\n").find("flow.step: not used") !=
        std::string::npos);
}

TEST_CASE("No example has a setting without effect") {
  for (const auto& entry :
       fs::recursive_directory_iterator(fs::path(GRADFLOW_SOURCE) / "examples")) {
    const fs::path group = entry.path().parent_path().filename();
    if (entry.path().extension() != ".toml" || entry.path().filename() == "figures.toml" ||
        group == "own_model" || group == "mnist" || group == "digits")  // data of their own
      continue;
    const Config config = Config::load(entry.path(), {});
    CAPTURE(entry.path());
    CHECK(config.unused() == std::vector<std::string>{});
  }
}
