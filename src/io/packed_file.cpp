#include "io/packed_file.hpp"

#include <string>
#include <string_view>

#include "io/atomic_file.hpp"
#include "io/checksum.hpp"
#include "io/input_file.hpp"
#include "io/layout.hpp"
#include "io/packing.hpp"

namespace gradflow {
namespace {

/// First line; a checksum of the rest in hexadecimal digits is the second.
constexpr std::string_view packed_title = "gradflow dataset 1\n";

}  // namespace

void write_packed(const Dataset& data, const std::filesystem::path& path) {
  const std::string body = packed(encoded(layout_of(data)), encoded_contents(data));
  write_file_atomically(path, std::string(packed_title) + hex_checksum(body) + "\n" + body);
}

Dataset read_packed(const std::filesystem::path& path) {
  const std::string text = read_text_file(path);
  const std::size_t end = text.find('\n', packed_title.size());
  if (!text.starts_with(packed_title) || end == std::string::npos ||
      text.substr(packed_title.size(), end - packed_title.size()) !=
          hex_checksum(std::string_view(text).substr(end + 1)))
    throw FileError(path, "is damaged (by its checksum), or not gradflow's");
  const auto [layout, contents] =
      unpacked<std::pair<std::string, std::string>>(std::string_view(text).substr(end + 1));
  return joined(decoded_layout(layout), decoded_contents(contents));
}

}  // namespace gradflow
