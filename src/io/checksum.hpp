#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "io/file_error.hpp"

/// The checksum of its own that each file of results carries, so that damage on a disk or on the
/// way is seen before anything in the file is believed.
///
/// Behind the file's own bytes stand 32 more, which NetCDF and HDF5 (whose files say themselves how
/// long they are) do not look at: "gradflow", the number of bytes before them (64 bits, little
/// endian), and the 128-bit XXH3 of these in its canonical form. A program that changes the file
/// drops or outdates them.
namespace gradflow {

/// A file whose checksum does not fit its bytes.
class DamagedFile : public FileError {
 public:
  using FileError::FileError;
};

/// A file without a checksum of gradflow's: another program's, or cut off.
class UncheckedFile : public FileError {
 public:
  using FileError::FileError;
};

/// XXH3 of 128 bits, of bytes that come in pieces.
class Checksum {
 public:
  Checksum();
  ~Checksum();
  Checksum(const Checksum&) = delete;
  Checksum& operator=(const Checksum&) = delete;

  void add(std::string_view bytes);
  /// Of all bytes so far: 16 bytes.
  std::string digest() const;
  /// The 32 bytes that a file ends with.
  std::string trailer() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
  std::uint64_t length_ = 0;
};

/// The 16 bytes of the XXH3 of pieces one behind the other.
std::string checksum_of(std::initializer_list<std::string_view> pieces);

/// Bytes in hexadecimal digits.
std::string hexadecimal(std::string_view bytes);

/// The checksum of a text in hexadecimal digits.
std::string hex_checksum(std::string_view text);

/// Does the file end as one with a checksum does? Errors: FileError where it cannot be read.
bool has_checksum(const std::filesystem::path& path);

/// Reads a file through and compares. Errors: DamagedFile, UncheckedFile; FileError where it cannot
/// be read.
void verify_checksum(const std::filesystem::path& path);

/// What a file holds before its checksum, which has been found to fit.
/// Errors: as `verify_checksum`.
std::string read_checked_file(const std::filesystem::path& path);

}  // namespace gradflow
