#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "flow/parameters.hpp"
#include "io/dataset.hpp"
#include "solve/outcome.hpp"

/// [study.bisect]: where a number of the run crosses a level. At each combination of the study's
/// axes a chain of runs brackets the crossing: the ends of an interval first, then middles. What a
/// chain does next follows from what its runs came to, and from nothing else.
namespace gradflow {

/// The dimension that the runs of a chain are along.
constexpr const char* bisection_dimension = "bisection";

/// What a config says.
struct Bisection {
  std::string key;      ///< "flow.weight_decay"
  std::string name;     ///< in the result: "weight_decay", or the key where an axis is called so
  bool whole = false;   ///< the key takes integers
  std::string measure;  ///< a number of a run, or final_NAME
  std::vector<double> between;  ///< low, high
  double level = 0;
  std::string scale = "log";
  double tolerance = 1e-3;
  std::int64_t most = 40;

  static std::vector<ParameterInfo> declaration();
  /// Without the name, and what kind of key it is. \throws ParameterError
  static Bisection from(const Parameters& parameters);

  double low() const { return between.front(); }
  double high() const { return between.back(); }
  bool geometric() const { return scale == "log"; }
  /// The value that halves a bracket; of integers one of them.
  double middle(double low, double high) const;
  /// Runs after which a chain's bracket is within the tolerance, whichever way it goes.
  std::size_t runs_to_tolerance() const;
  /// Runs of a chain at most.
  std::size_t longest() const;
  /// The key's value as the key takes it.
  ParameterValue value(double x) const;
  /// The keys of [study.bisect], a line each.
  std::string toml() const;
};

/// A number of a run by its name, or, as final_NAME, the last value of observable NAME. Nothing
/// where the run has none of that name, or more than one number.
std::optional<double> measured_number(const Dataset& run, const std::string& name);

/// What a run came to, as far as a chain is concerned.
struct RunOutcome {
  Status status = Status::ok;
  std::optional<double> measured = {};  ///< measured_number
};

/// How a chain stands.
enum class ChainState : std::int32_t {
  bracketed = 0,     ///< within the tolerance, or as near as there are numbers
  one_side = 1,      ///< both ends are on one side of the level
  run_failed = 2,    ///< a run failed
  not_a_number = 3,  ///< a run measured NaN, or nothing
  most_runs = 4,     ///< bracketed, by as many runs as there may be, not within the tolerance
  unfinished = 5     ///< there are runs to come
};
const std::vector<StatusName>& chain_state_names();

/// A chain on its way. `bisection` must outlive it.
class Chain {
 public:
  explicit Chain(const Bisection& bisection) : bisection_(&bisection) {}

  /// The key's value at the next run; nothing where there are no more.
  std::optional<double> next() const;
  /// What the next run came to.
  void take(const RunOutcome& outcome);

  ChainState state() const { return state_; }
  bool is_over() const { return state_ != ChainState::unfinished; }
  /// The key's values at the runs so far.
  const std::vector<double>& values() const { return values_; }
  std::size_t runs() const { return values_.size(); }
  /// The bracket so far; none before both ends were measured on different sides.
  bool has_bracket() const { return has_bracket_; }
  double low() const { return low_; }
  double high() const { return high_; }
  /// Of a chain whose ends are on one side: are they at or above the level?
  bool is_above() const { return low_is_above_; }

 private:
  void halve(double value, bool above);
  /// Is it between the ends, which may be neighbouring numbers?
  bool separates(double middle) const { return low_ < middle && middle < high_; }

  const Bisection* bisection_;
  ChainState state_ = ChainState::unfinished;
  std::vector<double> values_;
  double low_ = 0, high_ = 0;
  bool low_is_above_ = false, has_bracket_ = false;
};

}  // namespace gradflow
