#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "experiment/journal.hpp"
#include "study/progress.hpp"
#include "study/store.hpp"

namespace gradflow {

/// The parts of one point, or of a single run, in the store. Of a single run the user is told.
class PointJournal final : public Journal {
 public:
  using Tell = std::function<void(const std::string&)>;

  PointJournal(const Store& store, std::size_t point) : store_(store), point_(point) {}
  /// Of a single run.
  PointJournal(const Store& store, ProgressMode mode, Tell tell)
      : store_(store), point_(0), is_single_(true), mode_(mode), tell_(std::move(tell)) {}

  std::optional<Dataset> find(const std::string& part) override {
    std::optional<Dataset> found = store_.find_part(point_, part);
    if (found) holds_any_ = true;
    return found;
  }
  void put(const std::string& part, const Dataset& data) override {
    store_.put_part(point_, part, data);
    holds_any_ = true;
  }
  /// Is there a part that another call could go on from?
  bool holds_any() const { return holds_any_; }
  bool keeps_ends() const override { return is_single_; }
  void put_end(const std::string& part, Dataset data) override {
    ends_.emplace_back(part, std::move(data));
  }
  /// To be called once the result is on disk.
  void keep_ends() {
    for (auto& [part, data] : ends_) store_.put_part(point_, part, std::move(data));
    ends_.clear();
  }
  void advance(std::size_t done, std::size_t of) override {
    if (!progress_) progress_.emplace(of, mode_, "values");
    progress_->advance(done, 0, 0);
  }
  bool wants_place() override { return run_progress_.due(); }
  void reach(const RunPlace& place) override { run_progress_.reach(place); }
  void tell(const std::string& line) override {
    run_progress_.clear();
    if (tell_) tell_(line);
  }

 private:
  const Store& store_;
  std::size_t point_;
  bool is_single_ = false, holds_any_ = false;
  std::vector<std::pair<std::string, Dataset>> ends_;
  ProgressMode mode_ = ProgressMode::none;
  Tell tell_;
  std::optional<Progress> progress_;  ///< of an experiment in several parts
  RunProgress run_progress_{mode_};   ///< of one that follows a flow
};

}  // namespace gradflow
