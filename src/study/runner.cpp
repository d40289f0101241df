#include "study/runner.hpp"

#include <unistd.h>

#include <algorithm>
#include <memory>
#include <new>
#include <optional>
#include <set>

#include "io/file_error.hpp"
#include "io/netcdf_file.hpp"
#include "numerics/short_number.hpp"
#include "study/assembler.hpp"
#include "study/chains.hpp"
#include "study/point_journal.hpp"
#include "study/point_order.hpp"
#include "study/single_run.hpp"
#include "study/status.hpp"
#include "study/supervisor.hpp"

namespace gradflow {
namespace {

namespace fs = std::filesystem;

/// The chains of a study on their way from what an earlier call left to the whole result.
class Study {
 public:
  Study(const Config& config, const RunOptions& options)
      : config_(config),
        options_(options),
        keys_(config),
        chains_(config.bisection()),
        store_(options.folder, config.head(),
               options.join     ? Access::together
               : options.resume ? Access::resume
                                : Access::fresh,
               options.tell),
        claims_(options.folder / "points" / "claims", config.points() + 1) {
    summary_.points = store_.owner().points();
    summary_.result = store_.result();
  }

  RunSummary run() {
    {
      // Before what is on disk is looked at: what is done by then is among it.
      const std::vector<std::uint8_t> claimed = claims_.values(config_.points());
      const PointFiles found(store_.folder(), fingerprint());
      find(found);
      if (options_.join) open_lost(claimed);
      // What is damaged is left behind, and told of once.
      if (!options_.join)
        put_together(store_.folder(), found, found.damaged() > 0 ? 0 : most_point_files);
    }
    reuse();
    if (to_run_.empty() && complete()) {
      summary_.already_complete = summary_.reused == 0;
      return summary_;
    }
    compute();
    finish();
    return summary_;
  }

 private:
  const std::string& fingerprint() const { return store_.owner().fingerprint; }
  std::string where(std::size_t run) const {
    const std::string place = store_.owner().where(run);
    const std::optional<double> value = chains_.bisected(run);
    return value ? place + ", " + config_.bisection()->name + " = " + short_number(*value) : place;
  }
  bool interrupted() const { return options_.interrupted(); }

  /// What an earlier call left, and what it is found to be.
  void find(const PointFiles& found) {
    std::vector<std::uint8_t> bytes(config_.points() + 1, claim_open);
    std::size_t others = 0;
    std::string other;  // build, of the first maker that has another than this
    for (std::size_t k = 0; k < config_.points(); ++k) {
      chains_.follow(k, found, Followed::final_ones,
                     [&](const PointPlace& place, const RunOutcome& outcome) {
                       ++done_;
                       if (const std::string build = other_build(found.makers()[place.maker].build);
                           !build.empty())
                         if (others++ == 0) other = build;
                       if (place.status != Status::ok) note_failure(found, place);
                       require_measured(outcome, place.number);
                     });
      if (chains_.is_over(k))
        end(k, bytes);
      else if (k % options_.shard.parts == options_.shard.part)
        to_run_.push_back(k);
    }
    if (found.damaged() > 0)
      options_.tell(std::to_string(found.damaged()) + " of the stored points' records " +
                    (found.damaged() == 1 ? "is" : "are") +
                    " damaged (by their checksums): what they held runs again");
    if (others > 0)
      options_.tell(std::to_string(others) + " of " + std::to_string(summary_.points) +
                    " points were computed by another build (" + other + ")");
    // Together, others may hold claims now; alone, the file says what is on disk.
    if (!options_.join) claims_.set_all(bytes);
    done_before_ = done_;
    summary_.failed = failed_;
    const bool informed = sort_long_first(config_, found, to_run_);
    if (options_.join && !informed && !to_run_.empty())
      // Each of many begins at a place of its own.
      std::rotate(to_run_.begin(),
                  to_run_.begin() + static_cast<std::ptrdiff_t>(own_place() % to_run_.size()),
                  to_run_.end());
  }

  void end(std::size_t chain, std::vector<std::uint8_t>& bytes) {
    bytes[chain] = claim_done;
    settle_rest(chain);
  }

  /// A chain that is over has no need of its other runs.
  void settle_rest(std::size_t chain) {
    done_ += chains_.unneeded(chain);
    summary_.unneeded += chains_.unneeded(chain);
  }

  /// The runs go on a number that each of them should have.
  void require_measured(const RunOutcome& outcome, std::size_t run) const {
    const Bisection* bisection = config_.bisection();
    if (bisection == nullptr || outcome.status != Status::ok || outcome.measured) return;
    config_.design().bisection()->complain(
        "measure", "is " + toml_text(bisection->measure) + ", and the run at " + where(run) +
                       " has no single number of that name; the runs are kept, and --reuse " +
                       store_.folder().string() + " takes them into a study by another");
  }

  /// Chains that were claimed to be done, or cut short, and are to run: claims are no more than
  /// hints.
  void open_lost(const std::vector<std::uint8_t>& claimed) {
    for (const std::size_t k : to_run_)
      if (claimed[k] != claim_open) claims_.set(k, claim_open);
  }

  static std::size_t own_place() {
    const PointMaker own = this_maker("");
    return std::hash<std::string>()(own.host + " " + std::to_string(own.process));
  }

  void note_failure(const PointFiles& found, const PointPlace& place) {
    constexpr std::size_t most_read = 100;  // more are not shown
    ++failed_;
    std::string message;
    if (failed_ <= most_read)
      message = stored<std::string>(found.read(place), "message").value_or("");
    summary_.notes.push_back({place.number, where(place.number), place.status, message});
  }

  /// Takes from other folders the points that this study shares with theirs.
  void reuse() {
    std::optional<PointWriter> writer;
    std::set<std::size_t> touched;
    for (const fs::path& folder : options_.reuse) {
      const PointFiles other(folder, "");
      std::vector<std::size_t> rest;
      for (const std::size_t k : to_run_) {
        while (const auto run = chains_.next(k)) {
          const std::string key = keys_(*run);
          const PointPlace* place = other.find_key(key);
          if (place == nullptr || !is_final(place->status)) break;
          if (touched.count(k) == 0 && !claims_.take(k)) break;
          touched.insert(k);
          if (!writer) writer.emplace(store_.folder(), fingerprint());
          writer->put(run->number, key, other.read(*place), place->status, place->seconds, true);
          const RunOutcome outcome = chains_.outcome(other, *place);
          chains_.take(k, outcome);
          require_measured(outcome, run->number);
          ++summary_.reused;
          if (place->status != Status::ok) note_failure(other, at(*place, run->number));
        }
        if (!chains_.is_over(k)) rest.push_back(k);
      }
      to_run_ = std::move(rest);
    }
    if (writer) writer->sync();
    for (const std::size_t k : touched) {
      if (chains_.is_over(k)) {
        claims_.set(k, claim_done);
        settle_rest(k);
      }
      claims_.drop(k);
    }
    done_ += summary_.reused;
    done_before_ = done_;
  }

  static PointPlace at(PointPlace place, std::size_t number) {
    place.number = number;
    return place;
  }

  /// A result may be there from an interrupted call, without the points that came later.
  bool complete() const {
    if (summary_.reused > 0) return false;
    try {
      return store_.holds_result(summary_.points);
    } catch (const FileError&) {
      options_.tell(store_.result().string() + " is damaged: it is put together again");
      return false;
    }
  }

  void compute() {
    Progress progress(summary_.points, options_.progress);
    const auto draw = [&] { progress.advance(done_, failed_, done_before_); };
    draw();
    const Supervision supervision{
        config_,
        store_,
        keys_,
        chains_,
        claims_,
        options_.jobs,
        options_.join,
        [this] { return interrupted(); },
        [&](const PointEnd& end) {
          ++done_;
          ++summary_.ran;
          if (end.status != Status::ok) ++failed_;
          if (end.status != Status::ok || !end.message.empty())
            summary_.notes.push_back(
                {end.point, where(end.point), end.status, end.message, end.warnings});
          settle(chains_.chain_of(end.point));
          draw();
        },
        [&](std::size_t chain) {
          if (settled_.insert(chain).second) done_ += chains_.length() - chains_.runs(chain);
          draw();
        },
        [&](std::size_t chain) { go_on_with(chain); },
        [&](std::size_t run) { require_measured({}, run); },
        draw};
    supervise(supervision, to_run_);
    run_lost(supervision);
    if (!claims_.work() && options_.join)
      options_.tell(
          store_.folder().string() +
          ": this file system has no locks: points may be run twice (to the same result)");
    summary_.interrupted = interrupted() && done_ < summary_.points;
    summary_.failed = failed_;
    std::sort(summary_.notes.begin(), summary_.notes.end(),
              [](const PointNote& a, const PointNote& b) { return a.point < b.point; });
  }

  /// Once all runs of a chain that is over are on disk, in whatever order they came there.
  void settle(std::size_t chain) {
    if (chains_.is_over(chain) && settled_.insert(chain).second) settle_rest(chain);
  }

  /// Of a bisection: with the runs of a chain that another process has made before it ended.
  void go_on_with(std::size_t chain) {
    if (!chains_.is_bisection()) return;
    const PointFiles points(store_.folder(), fingerprint());
    chains_.follow(chain, points, Followed::final_ones,
                   [&](const PointPlace& place, const RunOutcome&) {
                     ++done_;
                     if (place.status != Status::ok) note_failure(points, place);
                   });
  }

  /// Together: what another process claims to have done, and has not left on disk.
  void run_lost(const Supervision& supervision) {
    if (!options_.join || interrupted()) return;
    std::vector<std::size_t> lost;
    {
      const PointFiles points(store_.folder(), fingerprint());
      for (const std::size_t k : to_run_) {
        chains_.follow(k, points, Followed::all);
        if (!chains_.is_over(k)) lost.push_back(k);
      }
    }
    if (lost.empty()) return;
    for (const std::size_t k : lost) claims_.set(k, claim_open);
    supervise(supervision, lost);
  }

  /// Puts the result together, unless of several processes another has done it or will.
  void finish() {
    const std::size_t byte = config_.points();  // behind the chains': who writes the result
    if (options_.join && summary_.interrupted) {
      summary_.wrote_result = false;
      return;
    }
    constexpr unsigned moment = 20000;  // microseconds
    if (options_.join)
      claims_.take_when_free(byte, [&] {
        ::usleep(moment);
        return !interrupted();
      });
    const PointFiles points(store_.folder(), fingerprint());
    if (points.size() == 0) return;
    if (summary_.interrupted && is_long_to_write(points)) {
      summary_.wrote_result = false;
      return;
    }
    if (options_.join) {
      std::size_t there = 0;
      summary_.failed = 0;
      for (const auto& [number, place] : points.points()) {
        ++there;
        if (place.status != Status::ok) ++summary_.failed;
      }
      summary_.missing = summary_.points - there - unneeded(points);
      const bool last = summary_.missing == 0 ? !written_by_another() : store_.lock().take_alone();
      if (!last) {
        summary_.wrote_result = false;
        claims_.drop(byte);
        return;
      }
    }
    const Assembled whole = write_result(store_.owner(), points, store_.result());
    if (!summary_.interrupted) {
      summary_.warnings = whole.warnings;
      summary_.lines = whole.lines;
    }
    summary_.missing = whole.missing;
    summary_.unneeded = whole.unneeded;
    if (options_.join) summary_.failed = whole.failed;
    write_processes(store_.folder(), points);
    if (!summary_.interrupted) store_.drop_empty_parts();
    claims_.drop(byte);
  }

  /// Runs that chains which are over have no need of.
  std::size_t unneeded(const PointFiles& points) {
    std::size_t runs = 0;
    for (std::size_t k = 0; chains_.is_bisection() && k < config_.points(); ++k) {
      chains_.follow(k, points, Followed::all);
      runs += chains_.unneeded(k);
    }
    return runs;
  }

  /// Longer than one waits for a program that was told to end.
  static bool is_long_to_write(const PointFiles& points) {
    constexpr std::uint64_t most = 8 << 20;
    std::uint64_t bytes = 0;
    for (const auto& [number, place] : points.points()) bytes += place.length;
    return bytes > most;
  }

  bool written_by_another() const {
    try {
      return store_.holds_result(summary_.points);
    } catch (const FileError&) {
      return false;
    }
  }

  const Config& config_;
  const RunOptions& options_;
  PointKeys keys_;
  Chains chains_;
  Store store_;
  ByteLocks claims_;
  RunSummary summary_;
  std::vector<std::size_t> to_run_;  ///< chains
  std::set<std::size_t> settled_;    ///< chains that are done, in this call
  std::size_t done_ = 0, failed_ = 0, done_before_ = 0;
};

/// What can be refused before the folder is touched.
void check_reuse(const RunOptions& options) {
  for (const fs::path& folder : options.reuse) require_study_folder(folder, "--reuse");
}

}  // namespace

RunSummary run_study(const Config& config, const RunOptions& options) {
  check_reuse(options);
  if (!config.is_study()) return run_single(config, options);
  try {
    return Study(config, options).run();
  } catch (const std::bad_alloc&) {
    throw std::runtime_error(options.folder.string() +
                             ": out of memory; the points that are done are kept, and --resume "
                             "goes on with them where there is more");
  }
}

RunPlan plan_run(const Config& config, const RunOptions& options) {
  check_reuse(options);
  RunPlan plan;
  const StudyHead head = config.head();
  plan.points = head.points();
  Chains chains(config.bisection());
  const PointKeys keys(config);
  const PointFiles own(options.folder, head.fingerprint);
  std::vector<std::unique_ptr<PointFiles>> others;
  for (const fs::path& folder : options.reuse)
    others.push_back(std::make_unique<PointFiles>(folder, ""));
  double seconds = 0;
  for (const auto& [number, place] : own.points()) seconds += place.seconds;
  if (own.size() > 0) plan.mean_seconds = seconds / static_cast<double>(own.size());
  for (std::size_t k = 0; k < config.points(); ++k) {
    if (k % options.shard.parts != options.shard.part) continue;
    chains.follow(k, own, Followed::final_ones,
                  [&](const PointPlace&, const RunOutcome&) { ++plan.there; });
    for (const auto& files : others)
      while (const auto run = chains.next(k)) {
        const PointPlace* found = files->find_key(keys(*run));
        if (found == nullptr || !is_final(found->status)) break;
        chains.take(k, chains.outcome(*files, *found));
        ++plan.reusable;
      }
    if (!chains.is_over(k)) plan.to_run += chains.length() - chains.runs(k);
  }
  plan.largest = config.largest_point();
  return plan;
}

}  // namespace gradflow
