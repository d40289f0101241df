#include "study/runner.hpp"

#include <algorithm>
#include <memory>
#include <mutex>
#include <new>
#include <optional>

#include "io/atomic_file.hpp"
#include "numerics/memory.hpp"
#include "study/assembler.hpp"
#include "study/build_info.hpp"
#include "study/progress.hpp"
#include "study/scheduler.hpp"
#include "study/study_fits.hpp"

namespace gradflow {
namespace {

/// Memory that must be left for a run to be begun. Eigen does not bear to be refused some in the
/// middle (a matrix that is to grow frees its old entries first, and again when it is unwound).
constexpr double run_margin = 32 << 20;
/// For a point of a study more: what its threads take (stacks, and the heaps that malloc gives
/// them) is not to bring others into need.
constexpr double point_margin = 128 << 20;

/// The parts of one point in the store.
class PointJournal final : public Journal {
 public:
  PointJournal(const Store& store, std::size_t point, bool quiet)
      : store_(store), point_(point), quiet_(quiet) {}

  std::optional<Dataset> find(const std::string& part) override {
    return store_.find_part(point_, part);
  }
  void put(const std::string& part, const Dataset& data) override {
    store_.put_part(point_, part, data);
  }
  void advance(std::size_t done, std::size_t of) override {
    if (!progress_) progress_.emplace(of, quiet_);
    progress_->advance(done, 0, 0);
  }

 private:
  const Store& store_;
  std::size_t point_;
  bool quiet_;
  std::optional<Progress> progress_;
};

/// The points of a config on their way from what an earlier call left to the whole result.
class Study {
 public:
  Study(const Config& config, const RunOptions& options)
      : config_(config),
        options_(options),
        fingerprint_(config.fingerprint()),
        store_(options.folder, {fingerprint_, config.text(), config.resolved(), config.is_study()},
               options.resume, options.tell),
        results_(config.points()) {
    summary_.points = config.points();
    summary_.result = store_.result();
  }

  RunSummary run() {
    find();
    if (summary_.already_complete && complete()) return summary_;
    compute();
    finish();
    return summary_;
  }

 private:
  /// What an earlier call left, and what it is found to be.
  void find() {
    std::size_t damaged = 0, others = 0;
    std::string other;  // build, of the first point that has another than this
    for (std::size_t k = 0; k < summary_.points; ++k) {
      Found found = store_.find(k);
      results_[k] = std::move(found.finished);
      if (found.damaged) ++damaged;
      if (!results_[k]) {
        to_run_.push_back(k);
        continue;
      }
      ++done_;
      if (const std::string build = other_build(*results_[k]); !build.empty())
        if (others++ == 0) other = build;
      const std::int32_t status = *stored<std::int32_t>(*results_[k], "status");
      if (status != 0) {
        ++failed_;
        summary_.notes.push_back({k, where(config_, k), static_cast<Status>(status),
                                  stored<std::string>(*results_[k], "message").value_or("")});
      }
    }
    const bool study = config_.is_study();
    const std::string all = std::to_string(summary_.points);
    if (damaged > 0)
      options_.tell(study ? std::to_string(damaged) + " of " + all +
                                " points are damaged (by their checksums) and run again"
                          : store_.result().string() +
                                " is damaged (by its checksum): it runs again");
    if (others > 0)
      options_.tell(
          (study ? std::to_string(others) + " of " + all + " points were" : "the result was") +
          " computed by another build (" + other + ")");
    done_before_ = done_;
    summary_.failed = failed_;
    summary_.already_complete = to_run_.empty();
  }

  /// A result may be there from an interrupted call, without the points that came later.
  bool complete() const {
    try {
      return store_.holds_result(summary_.points);
    } catch (const FileError&) {
      options_.tell(store_.result().string() + " is damaged: it is put together again");
      return false;
    }
  }

  bool interrupted() const {
    return given_up_.load(std::memory_order_relaxed) ||
           (options_.interrupt != nullptr && options_.interrupt->load(std::memory_order_relaxed));
  }

  void compute() {
    Progress progress(summary_.points, options_.quiet || !config_.is_study());
    progress.advance(done_, failed_, done_before_);
    try {
      schedule(
          to_run_, options_.jobs, [this] { return interrupted(); },
          [&](std::size_t k) {
            const auto point = std::make_shared<PointResult>(run_one(k));
            std::optional<std::string> bytes;
            const bool stays = config_.is_study() && is_final(point->status);
            if (stays) bytes = store_.bytes_of(k, point->data);
            return [this, &progress, k, point, stays, bytes = std::move(bytes)] {
              try {
                if (stays) {
                  store_.put(k, point->data, bytes);
                  store_.drop_parts(k);
                }
                count(k, std::move(*point), progress);
              } catch (...) {
                given_up_ = true;  // runs that are on their way end too
                throw;
              }
            };
          });
    } catch (const ConfigError&) {
      // The config will be mended: the folder is to be free for it.
      if (!store_.resumed()) store_.clear();
      throw;
    }
    if (interrupted() && done_ < summary_.points) summary_.interrupted = true;
    summary_.failed = failed_;
    std::sort(summary_.notes.begin(), summary_.notes.end(),
              [](const PointNote& a, const PointNote& b) { return a.point < b.point; });
  }

  PointResult run_one(std::size_t k) try {
    const bool study = config_.is_study();
    require_memory(study ? point_margin : run_margin);
    PointResult point;
    try {
      try {
        PointJournal journal(store_, k, options_.quiet || study);
        point = run_point(
            config_, k, references_, [this] { return interrupted(); }, &journal);
      } catch (const ParameterError& problem) {  // no memory for the Newton matrix any more
        config_.complain("solver", problem);
      }
    } catch (const ConfigError& problem) {
      if (!study) throw;
      // One point of many whose values do not go together: marked, the others go on.
      point.status = Status::setup_failed;
      point.message = problem.what();
      point.data = failed_setup(point.message);
    }
    point.data.set_attribute({"fingerprint", fingerprint_});
    for (Attribute& attribute : provenance()) point.data.set_attribute(std::move(attribute));
    return point;
  } catch (...) {
    given_up_ = true;
    throw;
  }

  /// A point that is on disk, where it belongs there.
  void count(std::size_t k, PointResult point, Progress& progress) {
    const std::lock_guard guard(mutex_);
    const bool cut = point.status == Status::interrupted;
    if (cut) summary_.interrupted = true;
    if (!cut || !config_.is_study()) results_[k] = std::move(point.data);
    if (!cut) {
      ++done_;
      ++summary_.ran;
      if (point.status != Status::ok) ++failed_;
    }
    if (point.status != Status::ok || !point.message.empty())
      summary_.notes.push_back({k, where(config_, k), point.status, point.message, point.warnings});
    progress.advance(done_, failed_, done_before_);
  }

  void finish() {
    std::vector<const Dataset*> points;
    bool any = false;
    for (const std::optional<Dataset>& result : results_) {
      points.push_back(result ? &*result : nullptr);
      any = any || result.has_value();
    }
    if (!any) return;
    std::vector<std::string> warnings;
    const Dataset whole = assemble(config_, points, warnings);
    if (!summary_.interrupted) summary_.warnings = std::move(warnings);
    store_.put_result(whole);
    if (!config_.is_study() && !summary_.interrupted) store_.drop_parts(0);
  }

  const Config& config_;
  const RunOptions& options_;
  std::string fingerprint_;
  Store store_;
  RunSummary summary_;
  PhaseReferences references_;
  std::vector<std::optional<Dataset>> results_;
  std::vector<std::size_t> to_run_;
  std::size_t done_ = 0, failed_ = 0, done_before_ = 0;
  std::mutex mutex_;
  std::atomic<bool> given_up_{false};
};

}  // namespace

std::vector<Attribute> provenance() {
  std::vector<Attribute> out;
  for (const auto& [name, text] : build_info()) out.push_back({name, text});
  return out;
}

RunSummary run_config(const Config& config, const RunOptions& options) {
  try {
    return Study(config, options).run();
  } catch (const std::bad_alloc&) {
    if (!config.is_study()) throw;
    throw std::runtime_error(options.folder.string() +
                             ": out of memory; the points that are done are kept, and --resume "
                             "goes on with them where there is more");
  }
}

}  // namespace gradflow
