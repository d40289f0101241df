#pragma once

#include <filesystem>
#include <string>
#include <vector>

/// The readers of what gradflow did not write itself, or cannot know to be as it was written, each
/// as a function of bytes. A reader takes an input or refuses it with an exception that becomes one
/// line; anything else (a crash, a sanitizer's finding, a hang, another exception) is a finding.
namespace gradflow::testing {

struct Reader {
  std::string name;
  std::string seeds;  ///< folder of its seeds
  std::string what;
  /// True where the input was taken. `scratch` is a folder for files.
  bool (*read)(const std::string& bytes, const std::filesystem::path& scratch);
  std::vector<std::string> words;  ///< what inputs are made of
};

/// Those that need no more of gradflow than what reads and writes files.
const std::vector<Reader>& file_readers();
Reader config_reader();

/// What TOML is made of.
std::vector<std::string> toml_words();

}  // namespace gradflow::testing
