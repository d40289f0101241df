#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "study/chains.hpp"
#include "study/config.hpp"

namespace gradflow {

/// The keys of a study's runs: 128-bit hashes of result_version, of the values that the point is
/// made from (with defaults, and what the model makes of them where that is the same at all its
/// points) and of the contents of the files that they name. Points of an equal key are equal, in
/// whatever study, over whatever axes. What cannot change a number (`changes_numbers`) is no part
/// of it.
///
/// A point's hash is made from the sum of those of its "key = value", so that it costs a sum over
/// the axes.
class PointKeys {
 public:
  explicit PointKeys(const Config& config);
  /// 16 bytes.
  std::string operator()(const StudyRun& run) const;

 private:
  struct Sum {
    std::uint64_t low = 0, high = 0;
    Sum& operator+=(const Sum& other);
  };
  static Sum of(const std::string& text);

  const Config& config_;
  /// Of the points of one model.
  struct OfModel {
    Sum common;
    std::vector<std::vector<Sum>> values;  ///< of each axis
  };
  std::vector<OfModel> models_;
  std::vector<std::vector<Sum>> worked_out_;  ///< of each key that an expression gives
  std::optional<ParameterInfo> bisected_;     ///< the declaration of the key that is bisected
};

}  // namespace gradflow
