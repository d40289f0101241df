#pragma once

#include <string>

#include "experiment/journal.hpp"
#include "solve/checkpoint.hpp"

namespace gradflow {

/// The states of one run of an experiment as a part of its journal. What cannot be kept is said and
/// does not end the run.
class JournalCheckpoints final : public Checkpoints {
 public:
  /// `part`: the run's name in the journal; `seconds` > 0.
  JournalCheckpoints(Journal& journal, std::string part, double seconds)
      : journal_(journal), part_(std::move(part)), seconds_(seconds) {}

  std::optional<Archive::Entries> find() override;
  void keep(Archive::Entries state) override;
  double seconds() const override { return seconds_; }
  bool wants_end() const override { return journal_.keeps_ends(); }
  void keep_end(Archive::Entries state) override;
  /// Says where the run goes on.
  void tell_place(double t, std::int64_t steps);
  /// What was found is not of this run: it is found no more.
  void give_up(const std::string& reason);

 private:
  Journal& journal_;
  std::string part_;
  double seconds_;
  bool found_ = false, usable_ = true;
};

}  // namespace gradflow
