#include <sstream>

#include "tests/catch.hpp"
#include "tests/cli/process.hpp"

using namespace gradflow;
using namespace gradflow::testing;

/// docs/gallery.md: a block of a file stands below its name, `name.csv`; the lines of a block of sh
/// are calls.
TEST_CASE("The tasks of the gallery run as they stand there, each to its picture") {
  const Scratch scratch;
  std::istringstream page(contents(fs::path(GRADFLOW_SOURCE) / "docs/gallery.md"));
  std::string file, kind, block;
  int pictures = 0;
  bool inside = false;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("```")) {
      if (inside && kind != "sh") scratch.write(file, block);
      inside = !inside;
      kind = line.substr(3);
      if (!inside) kind.clear();
      block.clear();
      continue;
    }
    if (!inside) {
      if (line.starts_with("`")) file = line.substr(1, line.find('`', 1) - 1);
      continue;
    }
    block += line + "\n";
    if (kind != "sh") continue;
    std::vector<std::string> words;
    std::istringstream call_words(line);
    for (std::string word; call_words >> word;) words.push_back(word);
    INFO(line);
    REQUIRE(words.front() == "gradflow");
    const Finished done = call_ok({words.begin() + 1, words.end()}, scratch.path);
    if (words[1] != "plot") continue;
    const std::string picture = last_line(done.out);
    CHECK(fs::file_size(scratch / picture) > 5000);
    ++pictures;
  }
  CHECK(pictures == 14);
}
