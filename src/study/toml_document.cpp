#include "study/toml_document.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdio>

#define TOML_EXCEPTIONS 1
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include "study/utf8.hpp"

namespace gradflow {
namespace {

SourcePosition position_of(const toml::source_region& region, const std::string& origin) {
  return {origin, static_cast<int>(region.begin.line), static_cast<int>(region.begin.column)};
}

TomlValue convert(const toml::node& node, const std::string& origin, SourcePosition position) {
  TomlValue out;
  out.position = std::move(position);
  if (const auto* table = node.as_table()) {
    TomlValue::Table entries;
    for (const auto& [key, value] : *table)
      entries.emplace_back(std::string(key.str()),
                           convert(value, origin, position_of(key.source(), origin)));
    // toml++ sorts by key; the order of the file is the order of the axes of a study.
    std::stable_sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
      return std::pair(a.second.position.line, a.second.position.column) <
             std::pair(b.second.position.line, b.second.position.column);
    });
    out.value = std::move(entries);
  } else if (const auto* array = node.as_array()) {
    TomlValue::List entries;
    for (const toml::node& entry : *array)
      entries.push_back(convert(entry, origin, position_of(entry.source(), origin)));
    out.value = std::move(entries);
  } else if (const auto* text = node.as_string()) {
    out.value = text->get();
  } else if (const auto* integer = node.as_integer()) {
    out.value = integer->get();
  } else if (const auto* real = node.as_floating_point()) {
    out.value = real->get();
  } else if (const auto* boolean = node.as_boolean()) {
    out.value = boolean->get();
  } else {
    out.value = std::monostate{};
  }
  return out;
}

/// Looks a document over before the parser does, which follows nesting by recursion, takes dotted
/// keys to any depth, and does not bear all characters in keys. Anything else that is wrong is left
/// to the parser. \throws ConfigError
class TomlGuard {
 public:
  TomlGuard(std::string_view text, const std::string& origin) : rest_(text), origin_(origin) {}

  void check() {
    if (rest_.starts_with(byte_order_mark)) rest_.remove_prefix(byte_order_mark.size());
    while (!rest_.empty()) {
      const char c = rest_.front();
      const bool begins_line = std::exchange(line_begins_, false);
      if (c == '#') {
        skip_to_line_end();
      } else if (c == '"' || c == '\'') {
        skip_text();
      } else if (static_cast<unsigned char>(c) >= 0x80) {
        const Utf8Character character = next();
        fail("the character " + toml_text(std::string(at_, character.bytes)) +
             " stands outside of quotes and comments");
      } else {
        if (c == ' ' || c == '\t') line_begins_ = begins_line;
        if (begins_line && c == '[' && depth_ == 0) {
          in_header_ = true;
        } else {
          follow(c);
        }
        next();
      }
    }
  }

 private:
  /// What the parser recurses on.
  void follow(char c) {
    if (c == '\n' || c == '=' || c == ',') parts_ = 1;
    if (c == '\n') {
      line_begins_ = true;
      in_header_ = false;
    }
    if (c == '.' && ++parts_ > deepest)
      fail("a key of more than " + std::to_string(deepest) + " parts");
    if (in_header_) return;
    if ((c == '[' || c == '{') && ++depth_ > deepest)
      fail("lists and tables within one another to more than " + std::to_string(deepest) +
           " levels");
    if ((c == ']' || c == '}') && depth_ > 0) --depth_;
  }

  void skip_to_line_end() {
    while (!rest_.empty() && rest_.front() != '\n') next();
  }

  void skip_text() {
    const char quote = rest_.front();
    const std::string three(3, quote);
    const bool long_form = rest_.starts_with(three);
    const std::string_view end = long_form ? std::string_view(three) : rest_.substr(0, 1);
    for (std::size_t k = 0; k < end.size(); ++k) next();
    while (!rest_.empty() && !rest_.starts_with(end)) {
      if (!long_form && rest_.front() == '\n') return;  // it has no end
      if (rest_.front() == '\\' && quote == '"') next();
      if (!rest_.empty()) next();
    }
    for (std::size_t k = 0; k < end.size() && !rest_.empty(); ++k) next();
  }

  /// Goes one character on.
  Utf8Character next() {
    const Utf8Character character = first_character(rest_);
    if (character.bytes == 0) fail("bytes that are not UTF-8");
    at_ = rest_.data();
    rest_.remove_prefix(character.bytes);
    ++column_;
    if (character.code == '\n') {
      ++line_;
      column_ = 1;
    }
    return character;
  }

  [[noreturn]] void fail(const std::string& reason) const {
    throw ConfigError({origin_, line_, column_}, "not valid TOML: " + reason);
  }

  static constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
  /// Of nesting and of the parts of a key: more than any config needs, and safe for the stack.
  static constexpr int deepest = 16;

  std::string_view rest_;
  const std::string& origin_;
  const char* at_ = nullptr;
  int line_ = 1, column_ = 1;
  int depth_ = 0, parts_ = 1;
  bool line_begins_ = true, in_header_ = false;
};

std::size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1), previous(b.size() + 1), before(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) previous[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min(
          {previous[j] + 1, row[j - 1] + 1, previous[j - 1] + (a[i - 1] == b[j - 1] ? 0U : 1U)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before = previous;
    previous = row;
  }
  return previous[b.size()];
}

}  // namespace

std::string SourcePosition::text() const {
  if (line == 0) return origin;
  return origin + ":" + std::to_string(line) + ":" + std::to_string(column);
}

std::string TomlValue::description() const {
  struct Describe {
    std::string operator()(bool b) const { return b ? "true" : "false"; }
    std::string operator()(std::int64_t i) const { return "the integer " + std::to_string(i); }
    std::string operator()(double d) const { return "the number " + toml_number(d); }
    std::string operator()(const std::string& s) const {
      return "the text " + toml_text(shortened(s));
    }
    std::string operator()(const List&) const { return "a list"; }
    std::string operator()(const Table&) const { return "a table"; }
    std::string operator()(std::monostate) const { return "a date or time"; }
  };
  return std::visit(Describe{}, value);
}

TomlValue parse_toml(std::string_view text, const std::string& origin) {
  TomlGuard(text, origin).check();
  try {
    const toml::table table = toml::parse(text, origin);
    return convert(table, origin, {origin, 1, 1});
  } catch (const toml::parse_error& error) {
    std::string message(error.description());
    std::replace(message.begin(), message.end(), '\n', ' ');
    throw ConfigError(position_of(error.source(), origin), "not valid TOML: " + message);
  }
}

std::string toml_text(const std::string& text) {
  std::string out = "\"";
  for (std::string_view rest = text; !rest.empty();) {
    const Utf8Character character = first_character(rest);
    const std::size_t bytes = std::max<std::size_t>(1, character.bytes);
    if (rest.front() == '"' || rest.front() == '\\') {
      out += {'\\', rest.front()};
    } else if (rest.front() == '\n') {
      out += "\\n";
    } else if (rest.front() == '\t') {
      out += "\\t";
    } else if (character.bytes > 0 && is_control(character.code)) {
      std::array<char, 8> escape{};
      std::snprintf(escape.data(), escape.size(), "\\u%04X", static_cast<unsigned>(character.code));
      out += escape.data();
    } else {
      out += rest.substr(0, bytes);
    }
    rest.remove_prefix(bytes);
  }
  return out + '"';
}

std::string toml_number(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  std::array<char, 40> buffer{};
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  std::string text(buffer.data(), result.ptr);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

std::string shortened(const std::string& text, std::size_t longest) {
  if (text.size() <= longest) return text;
  std::size_t end = longest;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80) --end;
  return text.substr(0, end) + "...";
}

std::string nearest_name(const std::string& name, const std::vector<std::string>& candidates) {
  std::string best;
  std::size_t least = std::max<std::size_t>(2, name.size() / 2) + 1;
  for (const std::string& candidate : candidates) {
    // The distance is at least the difference of the lengths: no long work on a long name.
    if (std::max(name.size(), candidate.size()) - std::min(name.size(), candidate.size()) >= least)
      continue;
    const std::size_t distance = edit_distance(name, candidate);
    if (distance < least) {
      least = distance;
      best = candidate;
    }
  }
  return best;
}

std::string suggestion(const std::string& name, const std::vector<std::string>& candidates) {
  const std::string nearest = nearest_name(name, candidates);
  if (!nearest.empty()) return "; did you mean \"" + nearest + "\"?";
  std::string all;
  for (const std::string& candidate : candidates) all += (all.empty() ? "" : ", ") + candidate;
  return all.empty() ? "" : "; expected one of " + all;
}

}  // namespace gradflow
