#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace gradflow {

/// A character and the bytes that it takes; no bytes where `text` does not begin with valid UTF-8.
struct Utf8Character {
  char32_t code = 0;
  std::size_t bytes = 0;
};

/// The first character of a text that is not empty.
Utf8Character first_character(std::string_view text);

/// Characters that a terminal obeys instead of showing: control characters (C0, DEL, C1), line and
/// paragraph separators, and marks, embeddings, overrides and isolates of writing direction, by
/// which a text can look like another.
bool is_control(char32_t code);

/// The text with each byte that is no UTF-8 replaced by U+FFFD.
std::string valid_utf8(const std::string& text);

/// Valid UTF-8 in which each control character is a blank: safe on a terminal, and one line.
std::string printable(const std::string& text);

}  // namespace gradflow
