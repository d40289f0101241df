#include "study/range.hpp"

#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>

namespace gradflow {
namespace {

[[noreturn]] void bad(const std::string& key, const TomlValue& at, const std::string& what) {
  throw ConfigError(at.position, key + ": " + what);
}

struct CountedEnds {
  double first = 0, last = 0;
  std::int64_t count = 0;
};

/// The numbers of [first, last, count]; false where they are something else.
bool read_counted_ends(const TomlValue& value, CountedEnds& bounds) {
  const TomlValue::List* list = value.list();
  if (list == nullptr || list->size() != 3) return false;
  const auto number = [&](std::size_t k, double& out) {
    if (const auto* real = std::get_if<double>(&(*list)[k].value))
      out = *real;
    else if (const auto* integer = std::get_if<std::int64_t>(&(*list)[k].value))
      out = static_cast<double>(*integer);
    else
      return false;
    return true;
  };
  const auto* count = std::get_if<std::int64_t>(&(*list)[2].value);
  if (!number(0, bounds.first) || !number(1, bounds.last) || count == nullptr) return false;
  bounds.count = *count;
  return bounds.count >= 1;
}

Range count_from_zero(const std::string& key, const TomlValue& value) {
  const auto* count = std::get_if<std::int64_t>(&value.value);
  if (count == nullptr || *count < 1)
    bad(key, value, "count is " + value.description() + ", expected an integer >= 1");
  check_count(key, value, static_cast<std::uint64_t>(*count));
  Range range;
  for (std::int64_t k = 0; k < *count; ++k) range.values.emplace_back(k);
  return range;
}

/// A value of a range that is a rounding away from a number of few digits is that number, to the
/// bit of the literal: { log = [1e-6, 1e-2, 5] } holds 1e-05, which can then be selected by its
/// value.
double rounded_to_literal(double x) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.5e", x);
  const double literal = std::strtod(text.data(), nullptr);
  constexpr double roundings = 16 * std::numeric_limits<double>::epsilon();
  return std::abs(literal - x) <= roundings * std::abs(x) ? literal : x;
}

Range between(const std::string& key, const TomlValue& value, const std::string& kind, bool whole) {
  CountedEnds bounds;
  if (!read_counted_ends(value, bounds))
    bad(key, value, kind + " expects [first, last, count] with count an integer >= 1");
  const auto [first, last, count] = bounds;
  check_count(key, value, static_cast<std::uint64_t>(count));
  if (!std::isfinite(first) || !std::isfinite(last))
    bad(key, value, kind + " expects finite numbers");
  const bool geometric = kind == "log";
  if (geometric && (first <= 0 || last <= 0)) bad(key, value, "log expects first and last > 0");
  Range range;
  for (std::int64_t k = 0; k < count; ++k) {
    const double s = count > 1 ? static_cast<double>(k) / static_cast<double>(count - 1) : 0;
    double x = geometric ? first * std::pow(last / first, s) : first + (last - first) * s;
    if (k > 0) x = k == count - 1 ? last : rounded_to_literal(x);
    if (!whole) {
      range.values.emplace_back(x);
      continue;
    }
    const std::int64_t nearest = std::llround(x);
    range.rounded =
        range.rounded || std::abs(x - static_cast<double>(nearest)) > 1e-9 * std::abs(x);
    range.values.emplace_back(nearest);
  }
  return range;
}

}  // namespace

void check_count(const std::string& key, const TomlValue& at, std::uint64_t count) {
  if (count > static_cast<std::uint64_t>(most_points))
    bad(key, at,
        "has " + std::to_string(count) + " values, expected at most " +
            std::to_string(most_points));
}

Range read_range(const std::string& key, const TomlValue& value, bool whole) {
  const TomlValue::Table& table = *value.table();
  if (table.size() != 1)
    bad(key, value,
        "expected a list, or one of { log = [first, last, count] }, { linear = [first, last, "
        "count] }, { count = n }");
  const auto& [kind, range] = table.front();
  if (kind == "count") return count_from_zero(key, range);
  if (kind == "log" || kind == "linear") return between(key, range, kind, whole);
  bad(key, range,
      "unknown range " + toml_text(kind) + suggestion(kind, {"log", "linear", "count"}));
}

}  // namespace gradflow
