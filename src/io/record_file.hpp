#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "io/file_error.hpp"

/// Append-only files of records, each with checksums of its own: what a killed process had begun to
/// write, or what a disk has damaged, is not there; all the rest is.
///
/// A file begins with a line that says what it is. A record is a head of 72 bytes (little endian:
/// 8 bytes of magic; kind and mark, 32 bits each; number, 64 bits; key, 16 bytes; seconds, a
/// double; length of the body, 64 bits; 64 reserved bits; 64 bits of the XXH3 of what stands
/// before), the body, and the 128-bit XXH3 of head and body.
namespace gradflow {

struct RecordHead {
  std::uint32_t kind = 0;
  std::int32_t mark = 0;     ///< the writer's
  std::uint64_t number = 0;  ///< likewise
  std::string key = std::string(16, '\0');
  double seconds = 0;
  std::uint64_t length = 0;  ///< of the body
};

/// A file of records that this process made and it alone writes.
class RecordWriter {
 public:
  /// Makes a new file and puts its name on disk. Errors: FileError (one of that name is there,
  /// ...).
  explicit RecordWriter(std::filesystem::path path);
  ~RecordWriter();
  RecordWriter(const RecordWriter&) = delete;
  RecordWriter& operator=(const RecordWriter&) = delete;

  const std::filesystem::path& path() const { return path_; }
  int descriptor() const { return fd_; }
  /// A record, all of it or nothing: what a full disk took of it is cut off again. It is not on
  /// disk before `sync`. `length` of the head is set here. Errors: FileError.
  void append(RecordHead head, std::string_view body);
  /// Errors: FileError.
  void sync();

 private:
  std::filesystem::path path_;
  int fd_ = -1;
  std::uint64_t size_ = 0;
};

/// What a look through a file of records found.
struct RecordScan {
  std::size_t damaged = 0;  ///< stretches that were records, or may have been
  bool torn = false;        ///< it ends in the middle of a record, as a killed writer leaves it
};

/// A file of records open for reading. Errors: FileError where it cannot be read, or is none.
class RecordReader {
 public:
  explicit RecordReader(const std::filesystem::path& path);
  ~RecordReader();
  RecordReader(const RecordReader&) = delete;
  RecordReader& operator=(const RecordReader&) = delete;

  /// Each intact record in turn: its head, where its body begins in the file, and the body.
  RecordScan scan(const std::function<void(const RecordHead&, std::uint64_t offset,
                                           std::string_view body)>& see) const;
  /// Bytes that a scan has found to be a body. Errors: FileError.
  std::string body(std::uint64_t offset, std::uint64_t length) const;
  int descriptor() const { return fd_; }

 private:
  std::filesystem::path path_;
  int fd_ = -1;
};

}  // namespace gradflow
