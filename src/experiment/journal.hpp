#pragma once

#include <optional>
#include <string>

#include "io/dataset.hpp"

namespace gradflow {

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
  /// A line for the user.
  virtual void tell(const std::string& /*line*/) {}
};

}  // namespace gradflow
