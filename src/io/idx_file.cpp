#include "io/idx_file.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "io/data_file_error.hpp"
#include "io/input_file.hpp"

namespace gradflow {
namespace {

namespace fs = std::filesystem;

std::string lower_case(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

bool is_gzipped(const fs::path& path) {
  return lower_case(path.extension().string()) == ".gz";
}

/// The bytes of a file, or of what is gzipped in it.
class ByteSource {
 public:
  explicit ByteSource(const fs::path& path) : file_(path), gzipped_(is_gzipped(path)) {
    // 15: the largest window of the format; 16 more: a gzip header, and its checksum at the end.
    if (gzipped_ && inflateInit2(&stream_, 15 + 16) != Z_OK) throw std::bad_alloc();
  }
  ~ByteSource() {
    if (gzipped_) inflateEnd(&stream_);
  }
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;

  const fs::path& path() const { return file_.path(); }
  /// More than this there is not: deflate packs 1032 bytes into one at the most.
  std::uint64_t at_most() const { return gzipped_ ? 1032 * file_.size() : file_.size(); }
  /// The next `count` bytes; fewer only at the end.
  std::size_t read(unsigned char* target, std::size_t count) {
    if (!gzipped_) return file_.read(reinterpret_cast<char*>(target), count);
    stream_.next_out = target;
    stream_.avail_out = static_cast<unsigned>(count);
    while (stream_.avail_out > 0 && !ended_) {
      if (stream_.avail_in == 0) {
        stream_.next_in = packed_.data();
        stream_.avail_in = static_cast<unsigned>(
            file_.read(reinterpret_cast<char*>(packed_.data()), packed_.size()));
        if (stream_.avail_in == 0) throw DataFileError(path(), "the gzipped file is cut off");
      }
      const int code = inflate(&stream_, Z_NO_FLUSH);
      if (code == Z_MEM_ERROR) throw std::bad_alloc();
      if (code != Z_OK && code != Z_STREAM_END)
        throw DataFileError(
            path(), stream_.total_out == 0 ? "is not a gzip file" : "the gzipped file is damaged");
      ended_ = code == Z_STREAM_END;
    }
    return count - stream_.avail_out;
  }

 private:
  InputFile file_;
  bool gzipped_, ended_ = false;
  z_stream stream_{};
  std::array<unsigned char, 65536> packed_;
};

/// The lengths of the array, from the header: two zero bytes, the type of the entries, the number
/// of dimensions, and each length as a big-endian number of 32 bits.
std::vector<std::uint64_t> lengths(ByteSource& source) {
  const fs::path& path = source.path();
  std::array<unsigned char, 4> bytes{};
  if (source.read(bytes.data(), 4) < 4 || bytes[0] != 0 || bytes[1] != 0)
    throw DataFileError(path, "is not an IDX file");
  constexpr unsigned char unsigned_bytes = 8;
  if (bytes[2] != unsigned_bytes)
    throw DataFileError(path, "has entries of the IDX type " + std::to_string(bytes[2]) +
                                  " where unsigned bytes (8) are needed");
  const int dimensions = bytes[3];
  if (dimensions == 0) throw DataFileError(path, "is an IDX file without dimensions");
  std::vector<std::uint64_t> all;
  for (int k = 0; k < dimensions; ++k) {
    if (source.read(bytes.data(), 4) < 4)
      throw DataFileError(path, "the file is cut off in its header");
    std::uint64_t length = 0;
    for (const unsigned char byte : bytes) length = (length << 8) | byte;
    all.push_back(length);
  }
  return all;
}

}  // namespace

bool is_idx_name(const fs::path& path) {
  std::string name = lower_case(path.filename().string());
  constexpr std::string_view packed = ".gz";
  if (name.ends_with(packed)) name.resize(name.size() - packed.size());
  return name.ends_with(".idx") || name.ends_with("-ubyte");
}

Matrix read_idx(const fs::path& path) {
  ByteSource source(path);
  const std::vector<std::uint64_t> all = lengths(source);
  std::string shape;
  for (const std::uint64_t length : all)
    shape += (shape.empty() ? "(" : ", ") + std::to_string(length);
  shape += ")";
  if (std::find(all.begin(), all.end(), 0) != all.end())
    throw DataFileError(path, "holds no numbers: its shape is " + shape);
  const auto cut_off = [&] {
    throw DataFileError(path, "the file is cut off: it has not the bytes of its shape " + shape);
  };
  // By division: no product of hostile lengths overflows, and nothing is allocated for one.
  std::uint64_t entries = 1;
  for (const std::uint64_t length : all) {
    if (entries > source.at_most() / length) cut_off();
    entries *= length;
  }

  const auto rows = static_cast<Index>(all.front());
  const auto columns = static_cast<Index>(entries / all.front());
  const double unit = all.size() == 1 ? 1 : 255;
  Matrix result(rows, columns);
  std::vector<unsigned char> row(static_cast<std::size_t>(columns));
  for (Index i = 0; i < rows; ++i) {
    if (source.read(row.data(), row.size()) < row.size()) cut_off();
    for (Index j = 0; j < columns; ++j) result(i, j) = row[static_cast<std::size_t>(j)] / unit;
  }
  // Asking for more also has the checksum of a gzipped file looked at.
  if (source.read(row.data(), 1) != 0)
    throw DataFileError(path, "has more bytes than its shape " + shape + " says");
  return result;
}

}  // namespace gradflow
