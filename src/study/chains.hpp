#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <unordered_map>
#include <vector>

#include "study/bisection.hpp"
#include "study/point_files.hpp"

namespace gradflow {

/// A run of a study: one of a chain at a point of its design, and of a bisection the key's value
/// there.
struct StudyRun {
  std::size_t chain = 0;   ///< the design's point
  std::size_t number = 0;  ///< of the run in the study: chain by chain, in order
  std::optional<double> bisected = {};
};

/// What runs there are on disk that a chain may be followed by.
enum class Followed {
  final_ones,  ///< what is cut short is to run again
  all
};

/// The chains of a study, as far as they have come. Without a bisection a chain is a single run.
class Chains {
 public:
  /// `bisection` (null: none) must outlive it.
  explicit Chains(const Bisection* bisection);

  std::size_t length() const { return length_; }  ///< runs of a chain at most
  std::size_t chain_of(std::size_t number) const { return number / length_; }
  bool is_bisection() const { return bisection_ != nullptr; }

  /// The run that comes next; nothing where the chain has come to its end.
  std::optional<StudyRun> next(std::size_t chain) const;
  void take(std::size_t chain, const RunOutcome& outcome);
  /// Runs that there are so far.
  std::size_t runs(std::size_t chain) const;
  bool is_over(std::size_t chain) const { return !next(chain); }
  /// Runs that a chain which is over has no need of.
  std::size_t unneeded(std::size_t chain) const;
  /// The key's value at a run that there is.
  std::optional<double> bisected(std::size_t number) const;

  /// Goes on with what is on disk; `found` hears of each run.
  void follow(std::size_t chain, const PointFiles& files, Followed which,
              const std::function<void(const PointPlace&, const RunOutcome&)>& found = {});
  /// What a stored run came to, as far as a chain is concerned.
  RunOutcome outcome(const PointFiles& files, const PointPlace& place) const;

 private:
  const Bisection* bisection_;
  std::size_t length_;
  std::unordered_map<std::size_t, Chain> chains_;  ///< of a bisection, those that have begun
  std::vector<bool> done_;                         ///< without one
};

}  // namespace gradflow
