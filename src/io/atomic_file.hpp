#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
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

/// A regular file opened for reading. Nothing else is ever opened: a FIFO would wait for its
/// writer, a device may have no end. Errors: FileError (missing, a folder, no regular file, no
/// permission, ...).
class InputFile {
 public:
  explicit InputFile(const std::filesystem::path& path);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  const std::filesystem::path& path() const noexcept { return path_; }
  /// Bytes that it held when it was opened; no more are read of one that grows.
  std::uint64_t size() const noexcept { return size_; }
  std::uint64_t left() const noexcept { return size_ - at_; }  ///< not yet read
  /// The next `count` bytes; fewer only where the file ends before. Errors: FileError.
  std::size_t read(char* target, std::size_t count);
  /// The last `count` bytes, all where there are no more. Moves nothing. Errors: FileError.
  std::string end(std::size_t count) const;

 private:
  std::size_t read_at(std::uint64_t offset, char* target, std::size_t count) const;

  std::filesystem::path path_;
  std::uint64_t size_ = 0;
  std::uint64_t at_ = 0;
  int fd_ = -1;
};

/// The bytes of a file. Errors: FileError (InputFile's; more than `most` bytes).
std::string read_text_file(const std::filesystem::path& path,
                           std::uint64_t most = std::numeric_limits<std::uint64_t>::max());
/// What stdin holds up to its end. Errors: FileError (under the name given; more than `most` bytes).
std::string read_standard_input(const std::filesystem::path& name, std::uint64_t most);

}  // namespace gradflow
