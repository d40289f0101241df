#include <algorithm>
#include <fstream>

#include "study/config.hpp"
#include "tests/fuzz/readers.hpp"

namespace gradflow::testing {
namespace {

namespace fs = std::filesystem;

/// A config; lines that begin with "#--set " are options of that text.
bool read_config(const std::string& bytes, const fs::path& scratch) {
  constexpr std::string_view mark = "#--set ";
  std::vector<std::string> options;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t end = std::min(bytes.find('\n', at), bytes.size());
    const std::string_view line = std::string_view(bytes).substr(at, end - at);
    if (line.starts_with(mark)) options.emplace_back(line.substr(mark.size()));
    at = end + 1;
  }
  const fs::path file = scratch / "config.toml";
  std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
  try {
    const Config config = Config::load(file, options);
    config.run(config.points() - 1);
    return true;
  } catch (const ConfigError&) {
    return false;
  }
}

}  // namespace

Reader config_reader() {
  std::vector<std::string> words = toml_words();
  words.emplace_back("#--set ");
  return {"config", "toml", "configs with --set options", read_config, words};
}

}  // namespace gradflow::testing
