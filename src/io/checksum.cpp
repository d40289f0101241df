#include "io/checksum.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>

#include "io/input_file.hpp"

namespace gradflow {

namespace {

constexpr std::string_view trailer_mark = "gradflow";
constexpr std::size_t trailer_size = trailer_mark.size() + sizeof(std::uint64_t) + 16;

std::string little_endian(std::uint64_t value) {
  std::string bytes;
  for (std::size_t i = 0; i < sizeof value; ++i) {
    bytes += static_cast<char>(value & 0xffU);
    value >>= 8U;
  }
  return bytes;
}

bool is_trailer(std::string_view bytes) {
  return bytes.size() == trailer_size && bytes.starts_with(trailer_mark);
}

/// The end of a file, which is looked at first: what is not gradflow's may be of any size.
std::string read_trailer(const InputFile& file) {
  std::string trailer = file.end(trailer_size);
  if (!is_trailer(trailer)) {
    throw UncheckedFile(file.path(),
                        "has no checksum of gradflow's: it is damaged or another program's");
  }
  return trailer;
}

void compare(const Checksum& checksum, const std::string& trailer,
             const std::filesystem::path& path) {
  if (checksum.trailer() != trailer) {
    throw DamagedFile(path, "is damaged: its checksum does not fit its contents");
  }
}

}  // namespace

struct Checksum::State {
  XXH3_state_t xxh3;
};

Checksum::Checksum() : state_(std::make_unique<State>()) {
  XXH3_128bits_reset(&state_->xxh3);
}

Checksum::~Checksum() = default;

void Checksum::add(std::string_view bytes) {
  XXH3_128bits_update(&state_->xxh3, bytes.data(), bytes.size());
  length_ += bytes.size();
}

std::string Checksum::digest() const {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(&state_->xxh3));
  return {reinterpret_cast<const char*>(canonical.digest), sizeof canonical.digest};
}

std::string Checksum::trailer() const {
  return std::string(trailer_mark) + little_endian(length_) + digest();
}

std::string checksum_of(std::initializer_list<std::string_view> pieces) {
  Checksum checksum;
  for (const std::string_view piece : pieces) checksum.add(piece);
  return checksum.digest();
}

std::string hexadecimal(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    constexpr char digits[] = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(c);
    out += {digits[byte >> 4U], digits[byte & 15U]};
  }
  return out;
}

std::string hex_checksum(std::string_view text) {
  Checksum checksum;
  checksum.add(text);
  return hexadecimal(checksum.digest());
}

bool has_checksum(const std::filesystem::path& path) {
  return is_trailer(InputFile(path).end(trailer_size));
}

void verify_checksum(const std::filesystem::path& path) {
  InputFile file(path);
  const std::string trailer = read_trailer(file);
  Checksum checksum;
  std::string block(1 << 20, '\0');
  for (std::uint64_t left = file.size() - trailer_size; left > 0;) {
    const std::size_t length = file.read(
        block.data(), static_cast<std::size_t>(std::min<std::uint64_t>(block.size(), left)));
    if (length == 0) break;
    checksum.add({block.data(), length});
    left -= length;
  }
  compare(checksum, trailer, path);
}

std::string read_checked_file(const std::filesystem::path& path) {
  InputFile file(path);
  const std::string trailer = read_trailer(file);
  std::string bytes(static_cast<std::size_t>(file.size()) - trailer_size, '\0');
  bytes.resize(file.read(bytes.data(), bytes.size()));
  Checksum checksum;
  checksum.add(bytes);
  compare(checksum, trailer, path);
  return bytes;
}

}  // namespace gradflow
