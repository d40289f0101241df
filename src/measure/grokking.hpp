#pragma once

#include <string>
#include <vector>

/// Grokking, read off the errors of a run.
namespace gradflow {

/// Times of grokking read off a run: the train error falls, the test error stays, then falls.
struct GrokkingTimes {
  double fit = 0;                      ///< train error first below `threshold` times its start
  double plateau = 0;                  ///< where, after `fit`, test error moves least in log t
  double plateau_error = 0;            ///< test error there
  double grok = 0;                     ///< test error halfway between plateau and end
  bool falls_without_plateau = false;  ///< there is a fall after the fit, but from no plateau
  std::string missing;                 ///< why there is no `grok`; empty where there is
};

/// NaN for a time that does not exist, and `missing` says why: no fit, no plateau, no fall from it.
/// The plateau is where |d test / d log t|, over a third of a decade, is least between `fit` and
/// `latest` (a tenth of the slow phase's time 1/lambda); the halfway time is interpolated in log t.
/// It is one only if the test error stays within a fifth of itself for half a decade from there (a
/// turning point, or a fall by degrees, is none), if the training error is still fitted there, and
/// if the test error is not: above `threshold` times its own start. A fall before a tenth of
/// `latest` is one that weight decay has no part in.
///
/// The level of the plateau depends on lambda a little, since it is left sooner the larger lambda
/// is: by O(lambda log 1/lambda), and lambda t_grok with it. The time at which the test error
/// passes a level that is the same for all lambda is constant to O(lambda).
GrokkingTimes grokking_times(const std::vector<double>& times,
                             const std::vector<double>& train_error,
                             const std::vector<double>& test_error, double threshold,
                             double latest);

}  // namespace gradflow
