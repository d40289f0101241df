#include "io/utf8.hpp"

#include <array>

namespace gradflow {

namespace {

/// `replace(code)`: whether the character is to become a blank.
template <class Replace>
std::string cleaned(const std::string& text, Replace replace) {
  std::string out;
  std::string_view rest = text;
  while (!rest.empty()) {
    const Utf8Character character = first_character(rest);
    if (character.bytes == 0) {
      out += "\xef\xbf\xbd";
      rest.remove_prefix(1);
      continue;
    }
    if (replace(character.code)) {
      out += ' ';
    } else {
      out += rest.substr(0, character.bytes);
    }
    rest.remove_prefix(character.bytes);
  }
  return out;
}

}  // namespace

Utf8Character first_character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const std::size_t length = (lead >> 5U) == 6    ? 2
                             : (lead >> 4U) == 14 ? 3
                             : (lead >> 3U) == 30 ? 4
                                                  : 0;
  if (length == 0 || text.size() < length) return {};
  char32_t code = lead & (0x7fU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) >> 6U) != 2) return {};
    code = (code << 6U) | (byte(i) & 0x3fU);
  }
  // Neither a longer form than needed, nor half of a UTF-16 pair, nor beyond Unicode.
  constexpr std::array<char32_t, 5> least{0, 0, 0x80, 0x800, 0x10000};
  if (code < least[length] || (code >= 0xd800 && code <= 0xdfff) || code > 0x10ffff) return {};
  return {code, length};
}

bool is_control(char32_t code) {
  return code < 0x20 || (code >= 0x7f && code <= 0x9f) || code == 0x061c || code == 0x200e ||
         code == 0x200f || (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

std::string valid_utf8(const std::string& text) {
  return cleaned(text, [](char32_t) { return false; });
}

std::string printable(const std::string& text) {
  return cleaned(text, is_control);
}

}  // namespace gradflow
