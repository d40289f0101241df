#include "io/csv_file.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "io/data_file_error.hpp"
#include "io/input_file.hpp"

namespace gradflow {

namespace {

namespace fs = std::filesystem;

/// A text says nowhere how long it is to be; larger tables have a better form.
constexpr std::uint64_t largest_csv = std::uint64_t{1} << 30;

std::string_view trimmed(std::string_view text) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = text.find(separator);
    parts.push_back(trimmed(text.substr(0, end)));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

/// What stands between the fields, by the last line of numbers: a comma, else a semicolon, a tab,
/// or blanks.
char separator_of(std::string_view text) {
  text = text.substr(0, text.find_last_not_of(" \t\r\n") + 1);
  const std::string_view line = text.substr(text.rfind('\n') + 1);
  for (const char separator : {',', ';', '\t', ' '})
    if (line.find(separator) != std::string_view::npos) return separator;
  return ',';
}

/// The fields of a line; of blanks any number separates.
std::vector<std::string_view> fields_of(std::string_view line, char separator) {
  std::vector<std::string_view> fields = split(line, separator);
  if (separator == ' ') std::erase_if(fields, [](std::string_view field) { return field.empty(); });
  return fields;
}

/// What a field is. Not locale-dependent, and of the full precision of a double.
struct Field {
  enum Kind { number, out_of_range, text } kind = text;
  double value = 0;
};

Field parse_field(std::string_view field) {
  // std::from_chars does not know a leading plus.
  if (field.size() > 1 && field[0] == '+' && field[1] != '-' && field[1] != '+') {
    field.remove_prefix(1);
  }
  Field result;
  const char* const end = field.data() + field.size();
  const auto [stop, error] = std::from_chars(field.data(), end, result.value);
  if (error == std::errc::invalid_argument || stop != end) return result;
  result.kind = error == std::errc::result_out_of_range ? Field::out_of_range : Field::number;
  return result;
}

/// Could the field be a column's name, rather than a number with a slip ("2.x", "-")?
bool is_name(std::string_view field) {
  constexpr std::string_view numeric = "0123456789+-.";
  return !field.empty() && numeric.find(field.front()) == std::string_view::npos &&
         parse_field(field).kind == Field::text;
}

bool is_header(const fs::path& path, const std::vector<std::string_view>& fields) {
  std::size_t names = 0;
  std::size_t others = 0;
  std::size_t first_name = 0;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (is_name(fields[i])) {
      if (names++ == 0) first_name = i;
    } else if (!fields[i].empty()) {  // a table's corner may be blank
      ++others;
    }
  }
  if (names > 0 && others > 0) {
    throw DataFileError(path, 1, first_name + 1,
                        "not a number: " + shown(fields[first_name]) +
                            " (and the line is no header, since it holds numbers too)");
  }
  return names > 0;
}

}  // namespace

Matrix read_csv(const fs::path& path) {
  const std::string whole = read_text_file(path, largest_csv);
  std::string_view text = whole;
  constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
  if (text.substr(0, byte_order_mark.size()) == byte_order_mark) {
    text.remove_prefix(byte_order_mark.size());
  }
  const char separator = separator_of(text);
  std::vector<double> entries;
  std::size_t columns = 0;
  std::size_t header_columns = 0;
  std::size_t first_blank = 0;
  for (std::size_t line = 1; !text.empty(); ++line) {
    const std::size_t end = text.find('\n');
    std::string_view row = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (!row.empty() && row.back() == '\r') row.remove_suffix(1);
    row = trimmed(row);
    if (row.empty()) {
      if (first_blank == 0) first_blank = line;
      continue;
    }
    if (first_blank != 0) throw DataFileError(path, first_blank, 1, "blank line");

    const std::vector<std::string_view> fields = fields_of(row, separator);
    if (line == 1 && is_header(path, fields)) {
      // numpy.savetxt writes any text as a header, after a '#'.
      if (fields.front().substr(0, 1) != "#") header_columns = fields.size();
      continue;
    }
    if (columns == 0) columns = header_columns == 0 ? fields.size() : header_columns;
    if (fields.size() != columns) {
      throw DataFileError(path, line, std::min(fields.size(), columns) + 1,
                          "has " + std::to_string(fields.size()) + " fields where the lines " +
                              "before have " + std::to_string(columns));
    }
    for (std::size_t i = 0; i < fields.size(); ++i) {
      const Field field = parse_field(fields[i]);
      std::string reason;
      if (fields[i].empty()) {
        reason = "empty field";
      } else if (field.kind == Field::text) {
        reason = "not a number: " + shown(fields[i]) +
                 (separator == ';' && fields[i].find(',') != std::string_view::npos
                      ? " (numbers need a decimal point)"
                      : "");
      } else if (field.kind == Field::out_of_range) {
        reason = "outside the range of a double: " + shown(fields[i]);
      } else if (!std::isfinite(field.value)) {
        reason = "not a finite number: " + shown(fields[i]);
      }
      if (!reason.empty()) throw DataFileError(path, line, i + 1, reason);
      entries.push_back(field.value);
    }
  }
  if (entries.empty()) throw DataFileError(path, "holds no numbers");
  return Eigen::Map<const RowMatrix>(entries.data(), static_cast<Index>(entries.size() / columns),
                                     static_cast<Index>(columns));
}

}  // namespace gradflow
