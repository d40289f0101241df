#pragma once

#include <zlib.h>

#include <string>
#include <vector>

#include "tests/catch.hpp"

/// Files in the format of the MNIST data, as bytes.
namespace gradflow::testing {

/// A file in the IDX format: bytes in an array of these lengths.
inline std::string idx(const std::vector<unsigned>& lengths, const std::string& data,
                       char type = 8) {
  std::string file{'\0', '\0', type, static_cast<char>(lengths.size())};
  for (const unsigned length : lengths)
    for (int shift = 24; shift >= 0; shift -= 8) file += static_cast<char>(length >> shift & 255);
  return file + data;
}

inline std::string gzipped(const std::string& bytes) {
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string packed(deflateBound(&stream, bytes.size()), '\0');
  std::string in = bytes;
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

}  // namespace gradflow::testing
