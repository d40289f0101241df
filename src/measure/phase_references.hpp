#pragma once

#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "measure/two_phases.hpp"
#include "solve/outcome.hpp"

namespace gradflow {

/// The references that runs of a study share (those that differ in lambda alone), each made once:
/// by the run that asks first, for which others wait. Those made last are kept, to a bound on their
/// memory. May be asked from several threads.
class PhaseReferences {
 public:
  /// The reference called `key`, made by `make` where it is not there. An empty key is no other's.
  /// \throws SolverError, which `make` threw for this run or an earlier one
  std::shared_ptr<const PhaseReference> get(const std::string& key,
                                            const std::function<PhaseReference()>& make);

 private:
  struct Entry {
    std::string key;
    std::mutex mutex;
    std::shared_ptr<const PhaseReference> reference;
    std::optional<SolverError> failure;
    double bytes = 0;
  };
  std::shared_ptr<Entry> entry(const std::string& key);
  void made(Entry& entry, double bytes);

  std::mutex mutex_;
  std::list<std::shared_ptr<Entry>> entries_;  ///< in the order of their first use
  double bytes_ = 0;
};

}  // namespace gradflow
