#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "flow/parameters.hpp"
#include "io/toml_document.hpp"

namespace gradflow {

/// Values of an axis, and points of a study, at most: all points are kept in memory until the
/// result is written.
constexpr std::int64_t most_points = 1'000'000;

/// The values of a range, integers or numbers.
struct Range {
  std::vector<ParameterValue> values;
  bool rounded = false;  ///< whole numbers were asked for, which those of the range were not
};

/// Reads { log = [first, last, count] }, { linear = [first, last, count] }, both ends exact, or
/// { count = n }, which is 0 to n - 1. With `whole` the values are rounded to integers.
/// `key` is what messages call it. \throws ConfigError
Range read_range(const std::string& key, const TomlValue& table, bool whole);

/// \throws ConfigError where `key` has more values than a study may have points.
void check_count(const std::string& key, const TomlValue& at, std::uint64_t count);

}  // namespace gradflow
