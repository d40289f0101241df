#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "io/dataset.hpp"

namespace gradflow {

/// How far a run of an experiment has come.
struct RunPlace {
  const std::string& part;  ///< the run's name, as in the journal
  double t, end;            ///< in the flow's time; NaN where there is none to tell
  double share;             ///< of the way to its last sample; NaN where that is not known
  std::int64_t steps;
};

/// Where an experiment of several parts keeps those that are done, so that an interrupted one goes
/// on with the next. Names are made of letters, digits and `_`.
class Journal {
 public:
  virtual ~Journal() = default;
  virtual std::optional<Dataset> find(const std::string& part) = 0;
  /// On disk when it returns.
  virtual void put(const std::string& part, const Dataset& data) = 0;
  /// Does anyone want the states at the ends of runs?
  virtual bool keeps_ends() const { return false; }
  /// Of a run that has come to its end the state there, for who prolongs it: kept once its result
  /// is.
  virtual void put_end(const std::string& /*part*/, Dataset /*data*/) {}
  /// So many of so many parts are done.
  virtual void advance(std::size_t /*done*/, std::size_t /*of*/) {}
  /// Is it time to be told how far the run is? Asked at each step, and so to be cheap.
  virtual bool wants_place() { return false; }
  /// Told as a run begins, and when it is wanted.
  virtual void reach(const RunPlace& /*place*/) {}
  /// A line for the user.
  virtual void tell(const std::string& /*line*/) {}
};

}  // namespace gradflow
