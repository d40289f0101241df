#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "continuation/branches.hpp"
#include "continuation/hessian_modes.hpp"
#include "continuation/settle.hpp"
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
  double tolerance = SettleSettings{}.tolerance;
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
  double step = BranchSettings{}.step;
  double min_step = BranchSettings{}.min_step;
  double max_step = BranchSettings{}.max_step;
  std::int64_t max_points = BranchSettings{}.max_points;
  double tolerance = BranchSettings{}.tolerance;
  double flat_tolerance = flat_share;
  bool after_folds = BranchSearchSettings{}.after_folds;
  bool switch_branches = BranchSearchSettings{}.switch_branches;
  std::int64_t switch_directions = BranchSearchSettings{}.switch_directions;
  std::int64_t max_branches = BranchSearchSettings{}.max_branches;

  static std::vector<ParameterInfo> declaration();
  /// \throws ParameterError for a range or steps that do not go together
  static ContinuationSettings from(const Parameters& parameters);
};

}  // namespace gradflow
