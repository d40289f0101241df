#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "io/dataset.hpp"
#include "study/bisection.hpp"
#include "study/study_head.hpp"

namespace gradflow {

/// The status in a result of a run that its chain ended without.
constexpr std::int32_t not_needed = -1;

/// What the runs of a bisection come to.
class Transitions {
 public:
  /// `outcomes` by the runs' numbers: nothing for those that are not there. `head` must outlive it.
  Transitions(const StudyHead& head, const std::vector<std::optional<RunOutcome>>& outcomes);

  /// Runs that the chains ended without.
  std::size_t unneeded() const;
  /// Adds the key's value at each run as `name`, over the axes and the runs, and over the axes:
  /// `name`_transition (middle of the last bracket; NaN where there is none, or a run failed or
  /// measured NaN), _error (half its width), _low and _high (the bracket, also where a chain ended
  /// early) and _status (ChainState). Runs that were not needed get their status. Returns a
  /// sentence for each kind of chain without a transition; they are in the variable's `comment`
  /// too.
  std::vector<std::string> add(const std::string& name, Dataset& study) const;

 private:
  /// Are no more of its runs to come, not even with --resume?
  bool is_done(std::size_t chain) const;
  std::vector<std::string> sentences(const std::string& name) const;
  void mark_unneeded(Dataset& study) const;

  const StudyHead& head_;
  std::vector<Chain> chains_;
  std::vector<bool> may_go_on_;  ///< ends with a run that --resume makes again
};

}  // namespace gradflow
