#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "io/file_error.hpp"

namespace gradflow {

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

  /// Appends to what `temporary()` holds. Errors: FileError.
  void append(std::string_view bytes);
  /// Appends the checksum (io/checksum.hpp) of what `temporary()` holds. Errors: FileError.
  void append_checksum();

  /// Puts the temporary file on disk (fsync), renames it over the target, and puts the rename on
  /// disk. Errors: FileError.
  void commit();
  /// The same where there is no target yet; false where another process has just made one, which
  /// stays as it is. Errors: FileError.
  bool commit_new();

 private:
  void sync() const;

  std::filesystem::path requested_;  // as the caller named it, for messages
  std::filesystem::path target_;
  std::filesystem::path temporary_;
  bool committed_ = false;
};

/// Replaces the contents of `path` by `text` atomically and durably. Errors: FileError.
void write_file_atomically(const std::filesystem::path& path, std::string_view text);

}  // namespace gradflow
