#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>

#include "io/file_error.hpp"

/// Reading of files as bytes.
namespace gradflow {

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
/// What stdin holds up to its end. Errors: FileError (under the name given; more than `most`
/// bytes).
std::string read_standard_input(const std::filesystem::path& name, std::uint64_t most);

}  // namespace gradflow
