#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace gradflow::testing {

/// A folder of its own that is gone after the test.
struct Scratch {
  std::filesystem::path path;
  Scratch() {
    static int count = 0;
    path = std::filesystem::temp_directory_path() /
           ("gradflow-test-" + std::to_string(::getpid()) + "-" + std::to_string(count++));
    std::filesystem::remove_all(path);
    std::filesystem::create_directories(path);
  }
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  std::filesystem::path operator/(const std::string& name) const { return path / name; }
  std::filesystem::path write(const std::string& name, const std::string& text) const {
    std::ofstream(path / name, std::ios::binary) << text;
    return path / name;
  }
};

}  // namespace gradflow::testing
