#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "flow/parameters.hpp"

namespace gradflow {

/// The `[sweep]` section: a chain of values of one key, each settled from where the last one ended.
struct SweepSettings {
  std::string key = "flow.weight_decay";
  std::vector<double> values;  ///< increasing
  std::string direction = "up_down";
  double perturbation = 1e-6;
  double down_perturbation = 0.01;
  std::string down_perturbation_law = "gaussian";
  double tolerance = 1e-8;
  double refine = 0;

  static std::vector<ParameterInfo> declaration();
  /// \throws ParameterError for values that do not make a sweep
  static SweepSettings from(const Parameters& parameters);
  /// "up", "down", in the order in which they are run.
  std::vector<std::string> ways() const;
};

/// The `[continuation]` section: branches of stationary points in the weight decay.
struct ContinuationSettings {
  std::vector<double> range;
  double start = 0;  ///< 0: not given, the low end of the range
  std::vector<std::string> starts{"flow"};
  double step = 0.02;
  double min_step = 1e-7;
  double max_step = 0.25;
  std::int64_t max_points = 1000;
  double tolerance = 1e-11;
  double flat_tolerance = 1e-6;
  bool after_folds = true;
  bool switch_branches = true;
  std::int64_t switch_directions = 12;
  std::int64_t max_branches = 20;

  static std::vector<ParameterInfo> declaration();
  /// \throws ParameterError for a range or steps that do not go together
  static ContinuationSettings from(const Parameters& parameters);
};

}  // namespace gradflow
