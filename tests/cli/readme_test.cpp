#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "tests/catch.hpp"

// What the README shows is run here as it stands there.
namespace {

namespace fs = std::filesystem;

std::string text_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

const fs::path source = GRADFLOW_SOURCE;

std::string readme() {
  return text_of(source / "README.md");
}

/// The first block of the README that is fenced as `language` and contains `phrase`.
std::string block(const std::string& language, const std::string& phrase = "") {
  const std::string text = readme(), fence = "```" + language + "\n";
  for (std::size_t from = text.find(fence); from != std::string::npos;
       from = text.find(fence, from + 1)) {
    const std::size_t begin = from + fence.size();
    const std::string found = text.substr(begin, text.find("```", begin) - begin);
    if (found.find(phrase) != std::string::npos) return found;
  }
  FAIL("the README has no block of " << language << " with " << phrase);
  return "";
}

/// An empty folder of this process, removed at the end.
struct Folder {
  fs::path path = fs::temp_directory_path() / ("gradflow-readme-test-" + std::to_string(getpid()));
  Folder() {
    fs::remove_all(path);
    fs::create_directories(path);
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path / name, std::ios::binary) << text;
  }
  /// Exit code of a shell command run in the folder, with its output in the files out and err.
  int run(const std::string& command) const {
    const std::string line =
        "cd '" + path.string() + "' && { " + command + "; } > out 2> err < /dev/null";
    const int status = std::system(line.c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
};

}  // namespace

TEST_CASE("The README's config runs, and the README's lines of Python plot its result") {
  const Folder folder;
  folder.write("first.toml", block("toml"));
  REQUIRE(folder.run("'" GRADFLOW_BINARY "' run first.toml") == 0);
  CHECK(text_of(folder.path / "out") == "results/first/result.nc\n");

  const std::string python = block("python");
  std::istringstream lines(python);
  int count = 0;
  for (std::string line; std::getline(lines, line);) count += line.empty() ? 0 : 1;
  CHECK(count <= 3);
  folder.write("lines.py", python);
  const int code = folder.run("MPLBACKEND=Agg /usr/bin/python3 -B lines.py");
  INFO(text_of(folder.path / "err"));
  REQUIRE(code == 0);
  std::smatch name;
  REQUIRE(std::regex_search(python, name, std::regex("savefig\\(\"([^\"]+)\"\\)")));
  CHECK(fs::file_size(folder.path / name[1].str()) > 5000);
}

TEST_CASE("The README's typing mistake gets the message that stands there") {
  const Folder folder;
  std::string config = block("toml");
  const std::size_t at = config.find("dimension");
  REQUIRE(at != std::string::npos);
  config.replace(at, 9, "dimesion");
  folder.write("first.toml", config);
  CHECK(folder.run("'" GRADFLOW_BINARY "' run first.toml") == 2);
  const std::string message = text_of(folder.path / "err");
  INFO(message);
  CHECK(block("text", "dimesion").find(message) != std::string::npos);
}

TEST_CASE("What the README and the docs link to is there") {
  std::vector<fs::path> pages{source / "README.md"};
  for (const auto& entry : fs::directory_iterator(source / "docs"))
    if (entry.path().extension() == ".md") pages.push_back(entry.path());
  const std::regex link("\\]\\(([^)#]+)(#[^)]*)?\\)");
  for (const fs::path& page : pages) {
    const std::string text = text_of(page);
    for (auto it = std::sregex_iterator(text.begin(), text.end(), link);
         it != std::sregex_iterator(); ++it) {
      const std::string target = (*it)[1];
      if (target.find("://") != std::string::npos) continue;
      INFO(page.string() << " links to " << target);
      CHECK(fs::exists(page.parent_path() / target));
    }
  }
}
