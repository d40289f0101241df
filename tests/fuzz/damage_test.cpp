#include <algorithm>
#include <fstream>

#include "study/config.hpp"
#include "study/prolonged_run.hpp"
#include "study/runner.hpp"
#include "tests/catch.hpp"
#include "tests/cli/process.hpp"
#include "tests/fuzz/damage.hpp"
#include "tests/fuzz/readers.hpp"
#include "tests/sanitizer.hpp"

using namespace gradflow;
using namespace gradflow::testing;

namespace {

constexpr int inputs = repetitions(1000, 200);

const std::vector<std::string> good_configs = {
    R"(seed = 3
[model]
name = "diagonal_linear_network" # two factors
samples = 8
dimension = 30
test_samples = 5
teacher_values = [1.0, -0.5, 2e-1]
[flow]
weight_decay = 1e-3
[solver]
method = 'cvode'
rtol = 1e-8
[time]
end = 1e4
samples = 40
)",
    R"([model]
name = "linear_regression"
samples = 0x6
dimension = 1_0
[time]
end = 10
spacing = "linear"
samples = 5
[output]
parameters = true
observables = ["norm"]
[study]
"flow.weight_decay" = { log = [1e-4, 1e-2, 3] }
seed = [1, 2, 5]
model.noise = [0.0, 0.5]
)"};

void write(const fs::path& file, const std::string& bytes) {
  std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
}

void damage(const fs::path& file, RandomStream& draws) {
  write(file, damaged(contents(file), draws));
}

}  // namespace

TEST_CASE("A config takes or refuses each of the seeds of documents, with their options") {
  const Scratch scratch;
  const Reader reader = config_reader();
  for (const auto& entry : fs::directory_iterator(fs::path(GRADFLOW_SOURCE) / "tests" / "fuzz" /
                                                  "seeds" / reader.seeds)) {
    INFO(entry.path());
    CHECK_NOTHROW(reader.read(contents(entry.path()), scratch.path));
  }
}

TEST_CASE("Of a thousand damaged configs each is refused, or means what its text says") {
  const Scratch scratch;
  RandomStream draws(1, "damaged configs");
  int taken = 0;
  for (int k = 0; k < inputs; ++k) {
    const std::string text = damaged(good_configs[static_cast<std::size_t>(k) % 2], draws);
    scratch.write("c.toml", text);
    try {
      const Config config = Config::load(scratch / "c.toml", {});
      scratch.write(std::to_string(k) + ".resolved", config.resolved());
    } catch (const ConfigError& error) {
      CHECK(std::string(error.what()).find("c.toml") != std::string::npos);
      continue;
    }
    ++taken;
    scratch.write(std::to_string(k) + ".given", text);
  }
  CHECK(taken > repetitions(inputs / 50, 0));
  CHECK(taken < inputs);
  // By another parser: every value that is given is in the resolved config, as it is given.
  const Finished checked = python(R"(
import glob, pathlib, tomllib
for name in glob.glob('*.given'):
    given = tomllib.loads(pathlib.Path(name).read_bytes().decode())
    resolved = tomllib.loads(pathlib.Path(name.replace('given', 'resolved')).read_text())
    axes = given.pop('study', {})
    for key, value in list(axes.items()):
        if key == 'model': axes.update({'model.' + k: v for k, v in axes.pop('model').items()})
    for key, value in axes.items():
        if isinstance(value, dict):
            kind, of = next(iter(value.items()))
            got = resolved['study'][key]
            if kind == 'count': same = got == list(range(of))
            else: same = len(got) == of[2] and got[0] == of[0] and (of[2] == 1 or got[-1] == of[1])
        else:
            same = resolved['study'][key] == value
        if not same: print(name, key, value, resolved['study'][key])
    for section, keys in given.items():
        if not isinstance(keys, dict): keys, of = {section: keys}, resolved
        else: of = resolved.get(section, {})
        for key, value in keys.items():
            axis = key if section == 'seed' else section + '.' + key
            if axis not in axes and of.get(key) != value: print(name, axis, value, of.get(key))
)",
                                  scratch.path);
  CHECK(checked.err + checked.out == "");
}

TEST_CASE("A thousand damaged points are run again, and no wrong number gets into the result") {
  const Scratch scratch;
  scratch.write("study.toml", small_run + "[study]\nseed = { count = 20 }\n");
  const Config config = Config::load(scratch / "study.toml", {});
  RunOptions options;
  options.folder = scratch / "s";
  options.progress = ProgressMode::none;
  run_study(config, options);
  options.resume = true;
  const fs::path result = scratch / "s" / "result.nc", whole = scratch / "whole.nc";
  fs::copy_file(result, whole);
  RandomStream draws(4, "damaged points");
  int harmed = 0, hit = 0;
  for (int round = 0; round < inputs / 4; ++round) {
    // All files at a time: of records, of claims, and of what they are put together with.
    bool points_harmed = false;
    for (const auto& entry : fs::directory_iterator(scratch / "s" / "points")) {
      const std::string before = contents(entry.path());
      damage(entry.path(), draws);
      if (entry.path().extension() == ".points" && contents(entry.path()) != before)
        points_harmed = true;
    }
    harmed += points_harmed ? 1 : 0;
    if (run_study(config, options).ran > 0) ++hit;
    CHECK(differences(whole, result).empty());
  }
  // Of 50 kB the title, which is not needed, has 19 bytes.
  CAPTURE(harmed, hit);
  CHECK(harmed > inputs / 8);
  CHECK(hit <= harmed);
  CHECK(hit >= harmed - harmed / 50);
}

TEST_CASE("Damaged runs of a bisection are run again, and its crossings stay where they are") {
  const Scratch scratch;
  scratch.write("study.toml", small_run + R"([study]
seed = { count = 3 }
[study.bisect]
key = "flow.weight_decay"
between = [1e-3, 1e3]
measure = "final_norm"
level = 0.3
tolerance = 0.3
)");
  const Config config = Config::load(scratch / "study.toml", {});
  RunOptions options;
  options.folder = scratch / "s";
  options.progress = ProgressMode::none;
  const std::size_t runs = run_study(config, options).ran;
  REQUIRE(runs > 12);
  options.resume = true;
  const fs::path result = scratch / "s" / "result.nc", whole = scratch / "whole.nc";
  fs::copy_file(result, whole);
  RandomStream draws(6, "damaged chains");
  int again = 0;
  constexpr int rounds = inputs / 20;
  for (int round = 0; round < rounds; ++round) {
    for (const auto& entry : fs::directory_iterator(scratch / "s" / "points"))
      damage(entry.path(), draws);
    const std::size_t ran = run_study(config, options).ran;
    CHECK(ran <= runs);
    again += ran > 0 ? 1 : 0;
    CHECK(differences(whole, result).empty());
  }
  CHECK(again > rounds / 2);
}

TEST_CASE("From a damaged state no run goes on: it begins anew, to the same bits") {
  const Scratch scratch;
  scratch.write("run.toml", small_run);
  const fs::path config = scratch / "run.toml", before = scratch / "before", now = scratch / "now";
  RunOptions options;
  options.progress = ProgressMode::none;
  options.folder = before;
  run_study(Config::load(config, {}), options);
  options.folder = now;
  std::vector<std::string> told;
  options.tell = [&](const std::string& line) { told.push_back(line); };
  const auto prolong = [&] {
    fs::remove_all(now);
    fs::copy(before, now, fs::copy_options::recursive);
    const ProlongedRun prolonged = prolonged_run(config, {}, now, 20);
    options.prolongs = prolonged.prolongs;
    options.resume = true;
    told.clear();
    run_study(Config::load(config, prolonged.overrides), options);
    return std::any_of(told.begin(), told.end(), [](const std::string& line) {
      return line.find("goes on at t = ") != std::string::npos;
    });
  };
  REQUIRE(prolong());
  const fs::path whole = scratch / "whole.nc";
  fs::copy_file(now / "result.nc", whole);
  const fs::path state = before / "parts" / "000000" / "run.part";
  const std::string bytes = contents(state);
  RandomStream draws(7, "damaged states");
  for (int round = 0; round < inputs / 5; ++round) {
    const std::string bad = damaged(bytes, draws);
    write(state, bad);
    CHECK(prolong() == (bad == bytes));
    CHECK(differences(whole, now / "result.nc").empty());
  }
}

TEST_CASE("A thousand damaged results are made anew, refused, or as they were") {
  const Scratch scratch;
  scratch.write("run.toml", small_run);
  scratch.write("on.toml", "[model]\ninitial = \"r\"\n" + small_run.substr(8));
  const Config config = Config::load(scratch / "run.toml", {});
  RunOptions options;
  options.folder = scratch / "r";
  options.progress = ProgressMode::none;
  run_study(config, options);
  options.resume = true;
  const fs::path result = scratch / "r" / "result.nc", whole = scratch / "whole.nc";
  fs::copy_file(result, whole);
  const std::string bytes = contents(result), mark = contents(scratch / "r" / "resolved.toml");
  RandomStream draws(5, "damaged results");
  int harmed = 0, anew = 0, refused = 0;
  for (int k = 0; k < inputs; ++k) {
    const std::string bad = damaged(bytes, draws);
    write(result, bad);
    // A start from it is that state, or none.
    try {
      Config::load(scratch / "on.toml", {});
      CHECK(bad == bytes);
    } catch (const ConfigError&) {
      CHECK(bad != bytes);
    }
    if (k % 5 != 0) continue;
    // Zeroing what was zero, and moving a stretch to where it stood, does no harm.
    harmed += bad != bytes ? 1 : 0;
    // Resumed; with half of these the mark of the folder is damaged too.
    if (k % 10 == 0) damage(scratch / "r" / "resolved.toml", draws);
    try {
      anew += run_study(config, options).ran == 1 ? 1 : 0;
      CHECK(differences(whole, result).empty());
    } catch (const FolderRefused&) {
      ++refused;
      CHECK(contents(result) == bad);  // it may be another program's
    }
    write(scratch / "r" / "resolved.toml", mark);
  }
  CHECK(anew > inputs / 20);
  CHECK(refused > 0);
  CHECK(anew + refused == harmed);
  CHECK(harmed > inputs / 10);
}
