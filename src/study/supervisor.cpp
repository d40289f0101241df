#include "study/supervisor.hpp"

#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <unordered_map>

#include "study/point.hpp"

namespace gradflow {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

/// The longest that a record waits to be put on disk; the promise is 0.2 s.
constexpr Seconds longest_wait{0.15};
/// How often points that others have are looked at again.
constexpr Seconds look_again{0.1};
/// How long running points may take to be given up.
constexpr Seconds farewell{0.3};
/// Runs that a worker has in hand besides the running one where they take no time.
constexpr std::size_t ahead = 3;
constexpr double short_point = 0.02;  ///< seconds
constexpr double overstay = 3;        ///< of a point's solver.max_wall_seconds
/// Tries of a run whose worker died.
constexpr int most_deaths = 2;

/// A worker, and what its parent knows of it.
struct Hand {
  explicit Hand(const WorkerStudy& study) : worker(std::make_unique<Worker>(study)) {}

  std::unique_ptr<Worker> worker;
  bool running = false;  ///< the first of its runs has begun
  Clock::time_point began = {};
  double limit = 0;  ///< solver.max_wall_seconds of what is running
  bool ended_for_its_limit = false;
  bool told_to_end = false;
  std::vector<PointEnd> written = {};  ///< not yet on disk
  Clock::time_point waiting_since = {};
};

/// A chain that is ours now.
struct Claimed {
  int deaths = 0;          ///< of workers that had its next run
  std::size_t on_way = 0;  ///< its runs that are written, and not yet on disk
};

class Supervisor {
 public:
  Supervisor(const Supervision& what, const std::vector<std::size_t>& chains)
      : what_(what),
        study_{what.config, what.store, what.keys, what.jobs, what.claims},
        queue_(chains.begin(), chains.end()) {}

  void run() {
    try {
      while (!what_.interrupted()) {
        fill();
        if (hands_.empty() && queue_.empty() && elsewhere_.empty()) break;
        wait();
        listen();
        end_overstayers();
        put_on_disk(not_measured_.has_value());
        if (not_measured_) what_.not_measured(*not_measured_);
        what_.idle();
      }
    } catch (...) {
      say_farewell();
      throw;
    }
    say_farewell();
  }

 private:
  /// The next run that is ours to make; nothing where there is none now.
  std::optional<StudyRun> next_run() {
    if (queue_.empty() && !elsewhere_.empty() && Clock::now() - looked_ > look_again) {
      queue_.swap(elsewhere_);
      looked_ = Clock::now();
    }
    while (!queue_.empty()) {
      const std::size_t k = queue_.front();
      queue_.pop_front();
      // One that is claimed goes on, or is begun again after its worker's death.
      if (claimed_.count(k) != 0 || claim(k)) return what_.chains.next(k);
    }
    return std::nullopt;
  }

  /// Is the chain ours from now on?
  bool claim(std::size_t k) {
    if (is_done_elsewhere(k)) return false;
    if (!what_.claims.take(k)) {
      elsewhere_.push_back(k);
      had_by_another_.insert(k);
      return false;
    }
    // Between the look and the lock another may have come to its end.
    if (is_done_elsewhere(k)) {
      what_.claims.drop(k);
      return false;
    }
    if (had_by_another_.erase(k) > 0) what_.left_by_another(k);
    if (what_.chains.is_over(k)) {  // it had come so far
      what_.done_elsewhere(k);
      what_.claims.set(k, claim_done);
      what_.claims.drop(k);
      return false;
    }
    claimed_[k] = {};
    return true;
  }

  bool is_done_elsewhere(std::size_t k) {
    if (!what_.together || what_.claims.value(k) == claim_open) return false;
    what_.done_elsewhere(k);
    return true;
  }

  std::size_t most_in_hand() const {
    return ended_ > 0 && seconds_ / static_cast<double>(ended_) < short_point ? 1 + ahead : 1;
  }

  void fill() {
    // Those that have least come first, and new workers when all have something to do.
    for (std::size_t depth = 1; depth <= most_in_hand(); ++depth) {
      for (Hand& hand : hands_)
        while (!hand.told_to_end && hand.worker->in_hand().size() < depth) {
          const auto run = next_run();
          if (!run) return;
          hand.worker->give(*run);
        }
      while (depth == 1 && hands_.size() < static_cast<std::size_t>(what_.jobs)) {
        const auto run = next_run();
        if (!run) return;
        if (!hire(*run)) return;
      }
    }
  }

  /// A worker for a run. False where no more are to be had than there are.
  bool hire(const StudyRun& run) {
    try {
      hands_.emplace_back(study_);
    } catch (const FileError&) {
      throw;
    } catch (const std::runtime_error&) {
      if (hands_.empty()) throw;
      queue_.push_front(run.chain);
      return false;
    }
    hands_.back().worker->give(run);
    return true;
  }

  void wait() {
    std::vector<pollfd> sockets;
    for (const Hand& hand : hands_) sockets.push_back({hand.worker->descriptor(), POLLIN, 0});
    constexpr int milliseconds = 50;
    ::poll(sockets.data(), sockets.size(), milliseconds);
  }

  void listen() {
    for (std::size_t h = 0; h < hands_.size();) {
      Hand& hand = hands_[h];
      // In this order: what it said last is heard before it is missed.
      const std::optional<int> signal = hand.worker->ended();
      while (const auto report = hand.worker->hear()) take(hand, *report);
      if (!signal) {
        ++h;
        continue;
      }
      bury(hand, *signal);
      hands_.erase(hands_.begin() + static_cast<std::ptrdiff_t>(h));
    }
  }

  void take(Hand& hand, const WorkerReport& report) {
    switch (report.kind) {
      case WorkerReport::Kind::begun:
        hand.running = true;
        hand.began = Clock::now();
        hand.limit = report.end.seconds;
        deaths_without_a_run_ = 0;
        return;
      case WorkerReport::Kind::written:
        take_written(hand, report.end);
        return;
      case WorkerReport::Kind::given_up:
        hand.running = false;
        return;
      case WorkerReport::Kind::failed:
        throw std::runtime_error(report.end.message);
    }
  }

  void take_written(Hand& hand, const PointEnd& end) {
    hand.running = false;
    if (hand.written.empty()) hand.waiting_since = Clock::now();
    hand.written.push_back(end);
    std::erase_if(hand.worker->in_hand(),
                  [&](const StudyRun& run) { return run.number == end.point; });
    if (what_.chains.is_bisection() && end.status == Status::ok && !end.measured)
      not_measured_ = end.point;
    const std::size_t chain = what_.chains.chain_of(end.point);
    come_to(chain, {end.status, end.measured});
    if (!what_.chains.is_over(chain)) queue_.push_front(chain);
  }

  /// A chain has another run, which is on its way to disk.
  void come_to(std::size_t chain, const RunOutcome& outcome) {
    claimed_[chain].deaths = 0;
    ++claimed_[chain].on_way;
    what_.chains.take(chain, outcome);
  }

  /// A worker has ended: its runs go to others.
  void bury(Hand& hand, int signal) {
    std::deque<StudyRun>& in_hand = hand.worker->in_hand();
    put_on_disk(hand);
    if (hand.running && !in_hand.empty()) {
      const StudyRun run = in_hand.front();
      in_hand.pop_front();
      if (hand.ended_for_its_limit)
        mark(run, Status::wall_budget,
             "took more than three times solver.max_wall_seconds without looking at the clock, and "
             "was ended; raise it");
      else if (++claimed_[run.chain].deaths < most_deaths)
        queue_.push_front(run.chain);
      else
        mark_dead(run, signal);
    } else if (signal != 0 && ++deaths_without_a_run_ > 2 * what_.jobs) {
      throw std::runtime_error(std::string("workers die before they begin with a run (signal ") +
                               std::to_string(signal) + ", " + strsignal(signal) + ")");
    }
    for (std::size_t i = in_hand.size(); i-- > 0;) queue_.push_front(in_hand[i].chain);
  }

  void mark_dead(const StudyRun& run, int signal) {
    const std::string twice = "the process that ran it died twice, of signal " +
                              std::to_string(signal) + " (" + strsignal(signal) + ")";
    // So the system ends a process that takes more memory than there is.
    if (signal == SIGKILL)
      mark(run, Status::memory_budget,
           twice + ", as where there is no memory left; fewer --jobs or solver.max_memory help");
    else
      mark(run, Status::crashed, twice);
  }

  /// A run that has come to nothing.
  void mark(const StudyRun& run, Status status, const std::string& message) {
    if (!own_) own_.emplace(what_.store.folder(), what_.store.owner().fingerprint);
    const PointResult result = failed_point(status, message);
    own_->put(run.number, what_.keys(run), result.data, status, 0);
    own_->sync();
    come_to(run.chain, {status});
    finish({run.number, status, 0, 0, {}, message});
  }

  void end_overstayers() {
    for (Hand& hand : hands_) {
      if (!hand.running || hand.limit <= 0 || hand.ended_for_its_limit) continue;
      if (Clock::now() - hand.began > Seconds(overstay * hand.limit + 1)) {
        hand.ended_for_its_limit = true;
        hand.worker->kill();
      }
    }
  }

  void put_on_disk(Hand& hand) {
    if (hand.written.empty()) return;
    hand.worker->file().sync();
    for (const PointEnd& end : hand.written) finish(end);
    hand.written.clear();
  }

  void put_on_disk(bool now) {
    const bool none_left = queue_.empty() && elsewhere_.empty();
    for (Hand& hand : hands_) {
      const bool idle = none_left && hand.worker->in_hand().empty();
      if (now || idle || Clock::now() - hand.waiting_since > longest_wait) put_on_disk(hand);
      if (!idle || !hand.written.empty()) continue;
      hand.worker->stop();  // nothing is left for it to do
      hand.told_to_end = true;
    }
  }

  /// A run that is on disk.
  void finish(const PointEnd& end) {
    const std::size_t chain = what_.chains.chain_of(end.point);
    if (--claimed_[chain].on_way == 0 && what_.chains.is_over(chain)) {
      what_.claims.set(chain, is_final(end.status) ? claim_done : claim_cut);
      what_.claims.drop(chain);
      claimed_.erase(chain);
    }
    seconds_ += end.seconds;
    ++ended_;
    what_.done(end);
  }

  /// What runs is given up; what is written goes to disk.
  void say_farewell() {
    for (Hand& hand : hands_) hand.worker->stop();
    const Clock::time_point until =
        Clock::now() + std::chrono::duration_cast<Clock::duration>(farewell);
    const auto any_left = [&] {
      return std::any_of(hands_.begin(), hands_.end(),
                         [](Hand& hand) { return !hand.worker->ended(); });
    };
    while (any_left() && Clock::now() < until) {
      std::vector<pollfd> sockets;
      for (const Hand& hand : hands_)
        if (!hand.worker->ended()) sockets.push_back({hand.worker->descriptor(), POLLIN, 0});
      ::poll(sockets.data(), sockets.size(), 5);
      for (Hand& hand : hands_) hear_last(hand);
    }
    for (Hand& hand : hands_) {
      hand.worker->kill();
      hear_last(hand);
      put_on_disk(hand);
    }
    hands_.clear();
    for (const auto& [chain, claimed] : claimed_) what_.claims.drop(chain);
    claimed_.clear();
  }

  void hear_last(Hand& hand) {
    while (const auto report = hand.worker->hear())
      if (report->kind == WorkerReport::Kind::written) take(hand, *report);
  }

  const Supervision& what_;
  WorkerStudy study_;
  std::deque<std::size_t> queue_, elsewhere_;  ///< chains
  std::set<std::size_t> had_by_another_;
  Clock::time_point looked_ = Clock::now();
  std::vector<Hand> hands_;
  std::unordered_map<std::size_t, Claimed> claimed_;
  std::optional<std::size_t> not_measured_;  ///< a run that has not the number it was made for
  int deaths_without_a_run_ = 0;
  double seconds_ = 0;  ///< of all runs that have come to an end
  std::int64_t ended_ = 0;
  std::optional<PointWriter> own_;
};

}  // namespace

void supervise(const Supervision& supervision, const std::vector<std::size_t>& chains) {
  Supervisor(supervision, chains).run();
}

}  // namespace gradflow
