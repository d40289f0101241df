#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace gradflow {

/// Where something stands: a file with line and column, or the `--set` option it came from.
struct SourcePosition {
  std::string origin;
  int line = 0;
  int column = 0;
  std::string text() const;  ///< "file:line:column", or "--set KEY"
};

/// A config that cannot be used; `what()` is one line: position, key, what is wrong, what was
/// expected, and the nearest valid name where there is one.
class ConfigError : public std::runtime_error {
 public:
  ConfigError(const SourcePosition& position, const std::string& message)
      : std::runtime_error(position.text() + ": " + message) {}
  explicit ConfigError(const std::string& message) : std::runtime_error(message) {}
};

struct TomlEntry;

/// A value of a TOML document with its position. Tables keep the order of the file.
struct TomlValue {
  using List = std::vector<TomlValue>;
  using Table = std::vector<TomlEntry>;
  /// monostate: a date or a time, which nothing here takes.
  std::variant<bool, std::int64_t, double, std::string, List, Table, std::monostate> value;
  SourcePosition position;

  const Table* table() const { return std::get_if<Table>(&value); }
  const List* list() const { return std::get_if<List>(&value); }
  /// "a table", "an integer", "the text "x"", ...
  std::string description() const;
};

/// An entry of a table. No std::pair: clang would ask for the whole of it, and so of the value,
/// where that is still being declared.
struct TomlEntry {
  std::string key;
  TomlValue value;
};

/// Parses TOML 1.0. \throws ConfigError with the position of the first error.
TomlValue parse_toml(std::string_view text, const std::string& origin);

/// TOML syntax of basic values: texts quoted and escaped, floats that read back to the same bits.
std::string toml_text(const std::string& text);
std::string toml_number(double value);

/// Text for a one-line message: no longer than `longest` bytes, cut between characters.
std::string shortened(const std::string& text, std::size_t longest = 60);

/// The candidate nearest to `name` by edit distance without regard to capitals, if any is near;
/// else the shortest that it abbreviates ("mlp"), if any; empty otherwise.
std::string nearest_name(const std::string& name, const std::vector<std::string>& candidates);

/// What to put behind a complaint on `name`: "; did you mean "X"?", or all candidates where none is
/// near.
std::string suggestion(const std::string& name, const std::vector<std::string>& candidates);

}  // namespace gradflow
