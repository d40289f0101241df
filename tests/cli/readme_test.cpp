#include <algorithm>
#include <iomanip>
#include <map>
#include <regex>
#include <sstream>

#include "io/toml_document.hpp"
#include "tests/cli/process.hpp"

// What the README shows is run here as it stands there, and the docs are held against the program.
using namespace gradflow;
using namespace gradflow::testing;

namespace {

const fs::path source = GRADFLOW_SOURCE;

/// The first block of the README that is fenced as `language` and contains `phrase`.
std::string block(const std::string& language, const std::string& phrase = "") {
  const std::string text = contents(source / "README.md"), fence = "```" + language + "\n";
  for (std::size_t from = text.find(fence); from != std::string::npos;
       from = text.find(fence, from + 1)) {
    const std::size_t begin = from + fence.size();
    const std::string found = text.substr(begin, text.find("```", begin) - begin);
    if (found.find(phrase) != std::string::npos) return found;
  }
  FAIL("the README has no block of " << language << " with " << phrase);
  return "";
}

}  // namespace

TEST_CASE("The README's config runs, and the README's lines of Python plot its result") {
  const Scratch folder;
  folder.write("first.toml", block("toml"));
  CHECK(last_line(call_ok({"run", "first.toml"}, folder.path).out) == "results/first/result.nc");

  const std::string lines = block("python");
  std::istringstream stream(lines);
  int count = 0;
  for (std::string line; std::getline(stream, line);) count += line.empty() ? 0 : 1;
  CHECK(count <= 3);
  folder.write("lines.py", lines);
  const Finished python = run_program(
      "/usr/bin/env", {"MPLBACKEND=Agg", "/usr/bin/python3", "-B", "lines.py"}, folder.path);
  INFO(python.err);
  REQUIRE(python.code == 0);
  std::smatch name;
  REQUIRE(std::regex_search(lines, name, std::regex("savefig\\(\"([^\"]+)\"\\)")));
  CHECK(fs::file_size(folder / name[1].str()) > 5000);

  const Finished plot = call_ok({"plot", "results/first"}, folder.path);
  CHECK(plot.out == "results/first/figure.png\n");
  CHECK(fs::file_size(folder / "results/first/figure.png") > 5000);
}

TEST_CASE("The README's study runs, to the report that is shown there and to its fit") {
  const Scratch folder;
  const std::string config = block("toml", "[study]\n\"flow.weight_decay\" = { log");
  CHECK(std::count(config.begin(), config.end(), '\n') <= 10);
  folder.write("study.toml", config);
  call_ok({"run", "study.toml"}, folder.path);
  CHECK(call_ok({"report", "results/study"}, folder.path).out == "results/study/report.html\n");
  CHECK(contents(folder / "results/study/report.html").find("<section id=\"look\">") !=
        std::string::npos);
  const Dataset study = read_netcdf(folder / "results" / "study" / "result.nc");
  std::vector<double> slopes = study.values<double>("slow_grok_time_exponent");
  std::nth_element(slopes.begin(), slopes.begin() + 2, slopes.end());
  std::ostringstream slope;
  slope << std::setprecision(2) << slopes[2];
  INFO(slope.str());
  CHECK(contents(source / "README.md").find("slope " + slope.str()) != std::string::npos);
}

TEST_CASE("The README's typing mistake gets the message that stands there") {
  const Scratch folder;
  std::string config = block("toml");
  const std::size_t at = config.find("dimension");
  REQUIRE(at != std::string::npos);
  config.replace(at, 9, "dimesion");
  folder.write("first.toml", config);
  const Finished run = call({"run", "first.toml"}, folder.path);
  CHECK(run.code == 2);
  CHECK(run.err == block("text", "dimesion"));
}

TEST_CASE("The config reference has every key with its default and no other key") {
  const Scratch folder;
  folder.write(
      "plain.toml",
      "data_seed = 1\ninit_seed = 2\n[model]\nname = \"linear_regression\"\n[time]\nend = 1\n"
      "earlier_ends = [0.5]\n");
  const std::string resolved = call_ok({"check", "plain.toml"}, folder.path).out;
  const std::string page = contents(source / "docs/config.md");
  // Of each section, the rows of its table.
  const auto documented = [&](const std::string& section) {
    const std::string heading = section.empty() ? "\n## Top level\n" : "\n## [" + section + "]\n";
    const std::size_t begin = page.find(heading);
    INFO("section " << section);
    REQUIRE(begin != std::string::npos);
    return page.substr(begin, page.find("\n## ", begin + 1) - begin);
  };
  std::string section;
  std::map<std::string, int> keys;
  std::istringstream stream(resolved);
  for (std::string line; std::getline(stream, line);) {
    if (line.rfind('[', 0) == 0) section = line.substr(1, line.size() - 2);
    const std::size_t equals = line.find(" = ");
    if (equals == std::string::npos || section == "model" || line.starts_with("#")) continue;
    const std::string key = line.substr(0, equals), value = line.substr(equals + 3);
    ++keys[section];
    const bool given = key == "end" || key == "earlier_ends" || key == "data_seed" ||
                       key == "init_seed";  // without a default
    const std::string row = "| `" + key + (given ? "` |" : "` | `" + value + "` |");
    INFO(row);
    CHECK(documented(section).find(row) != std::string::npos);
  }
  for (const auto& [name, count] : keys) {
    const std::string text = documented(name);
    int rows = 0;
    for (std::size_t at = text.find("\n| `"); at != std::string::npos;
         at = text.find("\n| `", at + 1))
      ++rows;
    INFO("section " << name);
    CHECK(rows == count);
  }
}

TEST_CASE("What the README and the docs link to is there") {
  std::vector<fs::path> pages{source / "README.md"};
  for (const auto& entry : fs::directory_iterator(source / "docs"))
    if (entry.path().extension() == ".md") pages.push_back(entry.path());
  const std::regex link("\\]\\(([^)#]+)(#[^)]*)?\\)");
  for (const fs::path& page : pages) {
    const std::string text = contents(page);
    for (auto it = std::sregex_iterator(text.begin(), text.end(), link);
         it != std::sregex_iterator(); ++it) {
      const std::string target = (*it)[1];
      if (target.find("://") != std::string::npos) continue;
      INFO(page.string() << " links to " << target);
      CHECK(fs::exists(page.parent_path() / target));
    }
  }
}

TEST_CASE("Every example is a valid config, and every figure has its configs and its script") {
  for (const auto& group : fs::directory_iterator(source / "examples")) {
    // A program of its own, which the test install/own_model builds and runs.
    if (group.path().filename() == "own_model") continue;
    for (const auto& entry : fs::directory_iterator(group.path())) {
      const fs::path& file = entry.path();
      if (file.extension() != ".toml") continue;
      INFO(file.string());
      if (file.filename() != "figures.toml") {
        const Finished check = call({"check", file.string()}, group.path());
        INFO(check.err);
        const std::string name = group.path().filename();
        if (name == "mnist" || name == "digits") {  // whose data are not in the repository
          if (check.code == 0) continue;            // someone brought them
          CHECK(check.code == 2);
          CHECK(std::count(check.err.begin(), check.err.end(), '\n') <= 4);
          const std::string missing =
              name == "mnist" ? "train-images-idx3-ubyte.gz" : "train_inputs.npy";
          CHECK(check.err.find(missing + ": does not exist") != std::string::npos);
          continue;
        }
        CHECK(check.code == 0);
        continue;
      }
      const TomlValue figures = parse_toml(contents(file), file.string());
      for (const auto& [key, list] : *figures.table())
        for (const TomlValue& figure : *list.list())
          for (const auto& [field, value] : *figure.table()) {
            if (field == "script")
              CHECK(fs::exists(source / "plots" / std::get<std::string>(value.value)));
            if (field == "configs")
              for (const TomlValue& config : *value.list())
                CHECK(fs::exists(group.path() / std::get<std::string>(config.value)));
          }
    }
  }
}
