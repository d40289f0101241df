#pragma once

#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>

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

/// A new version of a file that takes the old one's place in one step, so that a reader, or a
/// process killed at any moment, sees the whole old file or the whole new one.
///
/// The constructor creates an empty `temporary()` beside the target; its owner fills it by
/// whatever means and calls `commit()`. Without `commit()` the destructor removes it and the
/// target is untouched. A target that is a symbolic link is replaced where the link points.
/// Errors: FileError (no such folder, no permission, the target is not a regular file, ...).
class FileReplacement {
 public:
  explicit FileReplacement(const std::filesystem::path& target);
  ~FileReplacement();
  FileReplacement(const FileReplacement&) = delete;
  FileReplacement& operator=(const FileReplacement&) = delete;

  const std::filesystem::path& temporary() const noexcept { return temporary_; }
  /// Has the path the form of a temporary file's? One that nobody holds is a killed process's.
  static bool is_temporary(const std::filesystem::path& path);

  /// Makes sure that so many bytes can be written, for writers that cannot report a full disk
  /// well; where the file system cannot tell, does nothing. Errors: FileError.
  void reserve(std::uint64_t bytes);

  /// Puts the temporary file on disk (fsync), renames it over the target, and puts the rename on
  /// disk. Errors: FileError.
  void commit();

 private:
  std::filesystem::path requested_;  // as the caller named it, for messages
  std::filesystem::path target_;
  std::filesystem::path temporary_;
  bool committed_ = false;
};

/// Replaces the contents of `path` by `text` atomically and durably. Errors: FileError.
void write_file_atomically(const std::filesystem::path& path, std::string_view text);

/// The bytes of a file. Errors: FileError (missing, a folder, no permission, ...).
std::string read_text_file(const std::filesystem::path& path);

}  // namespace gradflow
