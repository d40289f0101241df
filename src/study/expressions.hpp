#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "study/complaints.hpp"
#include "study/design.hpp"
#include "study/run_config.hpp"

namespace gradflow {

/// An expression as it stands in a config, "= 10 / flow.weight_decay", in place of a number.
struct WrittenExpression {
  std::string text;
  SourcePosition position;
};
/// By the keys that are worked out.
using WrittenExpressions = std::map<std::string, WrittenExpression>;

/// A key that an expression gives, and its values over the dimensions of the study on which they
/// depend.
struct WorkedOutKey {
  std::string key;
  std::string name;    ///< in the result: the last part, or the key where two would collide
  bool whole = false;  ///< its values are integers
  std::set<std::string> sources;        ///< keys that it follows from, by way of others or not
  std::vector<std::size_t> dimensions;  ///< numbers of those of the design, ascending
  /// Row-major over `dimensions`; NaN where the key has a value of its own, or a model lacks it.
  std::vector<double> values;

  /// Of `values`, at these places along all dimensions of the design.
  std::size_t index(const Design& design, const std::vector<std::size_t>& places) const;
  /// None where it is NaN.
  std::optional<ParameterValue> at(std::size_t index) const;
};

/// What expressions are worked out from.
struct ExpressionScope {
  const Design& design;
  const Schema& schema;
  const WrittenExpressions& written;
  /// The values of all other keys without those of the design, of each of the schema's models.
  const std::vector<RunConfig>& base;
  /// Of the key that is bisected; at its low end without it.
  std::optional<double> bisected = {};
  /// Places along all dimensions of the design, for the values at one point; null: at all.
  const std::vector<std::size_t>* places = nullptr;
};

/// All expressions of a config at all its points, or at one. What cannot be read, a name that is no
/// number's, a circle, and a value that its key does not take are complained of; values are worked
/// out where there is nothing to complain of, here or before.
std::vector<WorkedOutKey> work_out(const ExpressionScope& scope, Complaints& complaints);

}  // namespace gradflow
