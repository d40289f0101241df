#pragma once

#include <filesystem>
#include <stdexcept>
#include <string>

/// What goes wrong with files, whoever reads or writes them.
namespace gradflow {

/// A file or folder that cannot be read, written or understood. `what()` is "path: reason".
/// The path's bytes are kept as they are; whoever prints the message sees to valid UTF-8.
class FileError : public std::runtime_error {
 public:
  FileError(const std::filesystem::path& path, const std::string& reason)
      : FileError(path, ": ", reason) {}

  const std::filesystem::path& path() const noexcept { return path_; }
  const std::string& reason() const noexcept { return reason_; }

 protected:
  /// For errors that point inside the file: `what()` is path, location (":3:2: "), reason.
  FileError(const std::filesystem::path& path, const std::string& location,
            const std::string& reason)
      : std::runtime_error(path.string() + location + reason), path_(path), reason_(reason) {}

 private:
  std::filesystem::path path_;
  std::string reason_;
};

}  // namespace gradflow
