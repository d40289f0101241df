#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "io/utf8.hpp"
#include "tests/cli/process.hpp"

/// Configs and calls that end with exit code 2 and a line for each thing that is wrong.
namespace gradflow::testing {

struct Case {
  std::string what;                         ///< what is wrong with it
  std::string config;                       ///< the file; none where empty
  std::string position;                     ///< "line:column", where the message points
  std::vector<std::string> words;           ///< must all be in the message
  std::vector<std::string> arguments = {};  ///< beyond the config and --out
};

const std::string linear_model = "[model]\nname = \"linear_regression\"\n";    // lines 1, 2
const std::string diagonal = "[model]\nname = \"diagonal_linear_network\"\n";  // lines 1, 2
const std::string completion = "[model]\nname = \"matrix_completion\"\n";      // lines 1, 2
const std::string two_layer = "[model]\nname = \"two_layer_network\"\n";       // lines 1, 2
const std::string perceptron = "[model]\nname = \"multilayer_perceptron\"\n";  // lines 1, 2
const std::string time_section = "[time]\nend = 10\nsamples = 5\n";
const std::string good = linear_model + time_section;  // 5 lines

/// Everything below a folder, with sizes.
inline std::map<std::string, std::uintmax_t> listing(const fs::path& folder) {
  std::map<std::string, std::uintmax_t> all;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    all[entry.path().string()] = entry.is_regular_file() ? entry.file_size() : 0;
  return all;
}

inline bool is_utf8(const std::string& text) {
  std::size_t follow = 0;
  for (const char byte : text) {
    const auto c = static_cast<unsigned char>(byte);
    if (follow > 0) {
      if (c >> 6U != 2) return false;
      --follow;
    } else if (c >= 0x80) {
      follow = c >> 5U == 6 ? 1 : c >> 4U == 14 ? 2 : c >> 3U == 30 ? 3 : 0;
      if (follow == 0) return false;
    }
  }
  return follow == 0;
}

inline void check_refused(const Finished& result, std::ptrdiff_t expected = 1) {
  INFO("exit code " << result.code << "\nstderr: " << result.err << "stdout: " << result.out);
  CHECK(result.code == 2);
  const auto lines = std::count(result.err.begin(), result.err.end(), '\n');
  CHECK(lines == expected);
  CHECK((!result.err.empty() && result.err.back() == '\n'));
  CHECK(result.err.size() < 500 * static_cast<std::size_t>(lines));
  CHECK(is_utf8(result.err));
  CHECK(std::none_of(result.err.begin(), result.err.end(),
                     [](char c) { return c != '\n' && static_cast<unsigned char>(c) < 0x20; }));
  CHECK(result.out.empty());
}

/// Each case is refused by `run` and, in the same words, by `check`, and nothing is written.
inline void check_cases(const std::vector<Case>& all, const Scratch& scratch) {
  for (const Case& bad : all) {
    INFO(bad.what);
    scratch.write("bad.toml", bad.config);
    const auto before = listing(scratch.path);
    std::vector<std::string> arguments{"run", "bad.toml", "--out", "result"};
    arguments.insert(arguments.end(), bad.arguments.begin(), bad.arguments.end());
    const Finished result = call(arguments, scratch.path);
    check_refused(result);
    INFO(result.err);
    // The first line is of what the case is about.
    const std::string first = result.err.substr(0, result.err.find('\n'));
    if (!bad.position.empty()) CHECK(first.find("bad.toml:" + bad.position) != std::string::npos);
    for (const std::string& word : bad.words) {
      INFO("expected: " << word);
      CHECK(first.find(word) != std::string::npos);
    }
    CHECK(listing(scratch.path) == before);  // nothing was written

    // `check` says the same.
    if (bad.arguments.empty() || bad.arguments.front() == "--set") {
      std::vector<std::string> same{"check", "bad.toml"};
      same.insert(same.end(), bad.arguments.begin(), bad.arguments.end());
      CHECK(call(same, scratch.path).err == result.err);
    }
  }
}

}  // namespace gradflow::testing
