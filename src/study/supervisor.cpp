#include "study/supervisor.hpp"

#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <optional>
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
/// Points that a worker has in hand besides the running one where they take no time.
constexpr std::size_t ahead = 3;
constexpr double short_point = 0.02;  ///< seconds
constexpr double overstay = 3;        ///< of a point's solver.max_wall_seconds
/// Runs of a point whose worker died.
constexpr int most_deaths = 2;

/// A worker, and what its parent knows of it.
struct Hand {
  explicit Hand(const WorkerStudy& study) : worker(std::make_unique<Worker>(study)) {}

  std::unique_ptr<Worker> worker;
  bool running = false;  ///< the first of its points has begun
  Clock::time_point began = {};
  double limit = 0;  ///< solver.max_wall_seconds of the running point
  bool ended_for_its_limit = false;
  std::vector<PointEnd> written = {};  ///< not yet on disk
  Clock::time_point waiting_since = {};
};

class Supervisor {
 public:
  Supervisor(const Supervision& what, const std::vector<std::size_t>& points)
      : what_(what),
        study_{what.config, what.store, what.keys, what.jobs, what.claims},
        queue_(points.begin(), points.end()) {}

  void run() {
    try {
      while (!what_.interrupted()) {
        fill();
        if (hands_.empty() && queue_.empty() && elsewhere_.empty()) break;
        wait();
        listen();
        end_overstayers();
        put_on_disk(false);
        what_.idle();
      }
    } catch (...) {
      say_farewell();
      throw;
    }
    say_farewell();
  }

 private:
  /// The next point that is ours to run; nothing where there is none now.
  std::optional<std::size_t> next_point() {
    if (queue_.empty() && !elsewhere_.empty() && Clock::now() - looked_ > look_again) {
      queue_.swap(elsewhere_);
      looked_ = Clock::now();
    }
    while (!queue_.empty()) {
      const std::size_t k = queue_.front();
      queue_.pop_front();
      if (claimed_.count(k) != 0) return k;  // after its worker's death
      if (is_done_elsewhere(k)) continue;
      if (!what_.claims.take(k)) {
        elsewhere_.push_back(k);
        continue;
      }
      // Between the look and the lock another may have come to its end.
      if (is_done_elsewhere(k)) {
        what_.claims.drop(k);
        continue;
      }
      claimed_[k] = 0;
      return k;
    }
    return std::nullopt;
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
        while (hand.worker->in_hand().size() < depth) {
          const auto point = next_point();
          if (!point) return;
          hand.worker->give(*point);
        }
      while (depth == 1 && hands_.size() < static_cast<std::size_t>(what_.jobs)) {
        const auto point = next_point();
        if (!point) return;
        if (!hire(*point)) return;
      }
    }
  }

  /// A worker for a point. False where no more are to be had than there are.
  bool hire(std::size_t point) {
    try {
      hands_.emplace_back(study_);
    } catch (const FileError&) {
      throw;
    } catch (const std::runtime_error&) {
      if (hands_.empty()) throw;
      queue_.push_front(point);
      return false;
    }
    hands_.back().worker->give(point);
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
    std::deque<std::size_t>& in_hand = hand.worker->in_hand();
    switch (report.kind) {
      case WorkerReport::Kind::begun:
        hand.running = true;
        hand.began = Clock::now();
        hand.limit = report.end.seconds;
        deaths_without_a_point_ = 0;
        return;
      case WorkerReport::Kind::written:
        hand.running = false;
        if (hand.written.empty()) hand.waiting_since = Clock::now();
        hand.written.push_back(report.end);
        std::erase(in_hand, report.end.point);
        return;
      case WorkerReport::Kind::given_up:
        hand.running = false;
        return;
      case WorkerReport::Kind::failed:
        throw std::runtime_error(report.end.message);
    }
  }

  /// A worker has ended: its points go to others.
  void bury(Hand& hand, int signal) {
    std::deque<std::size_t>& in_hand = hand.worker->in_hand();
    put_on_disk(hand);
    if (hand.running && !in_hand.empty()) {
      const std::size_t point = in_hand.front();
      in_hand.pop_front();
      if (hand.ended_for_its_limit)
        mark(point, Status::wall_budget,
             "took more than three times solver.max_wall_seconds without looking at the clock, and "
             "was ended; raise it");
      else if (++claimed_[point] < most_deaths)
        queue_.push_front(point);
      else
        mark_dead(point, signal);
    } else if (signal != 0 && ++deaths_without_a_point_ > 2 * what_.jobs) {
      throw std::runtime_error(std::string("workers die before they begin with a point (signal ") +
                               std::to_string(signal) + ", " + strsignal(signal) + ")");
    }
    for (std::size_t i = in_hand.size(); i-- > 0;) queue_.push_front(in_hand[i]);
  }

  void mark_dead(std::size_t point, int signal) {
    const std::string twice = "the process that ran it died twice, of signal " +
                              std::to_string(signal) + " (" + strsignal(signal) + ")";
    // So the system ends a process that takes more memory than there is.
    if (signal == SIGKILL)
      mark(point, Status::memory_budget,
           twice + ", as where there is no memory left; fewer --jobs or solver.max_memory help");
    else
      mark(point, Status::crashed, twice);
  }

  /// A point that has come to nothing.
  void mark(std::size_t point, Status status, const std::string& message) {
    if (!own_) own_.emplace(what_.store.folder(), what_.store.owner().fingerprint);
    const PointResult result = failed_point(status, message);
    own_->put(point, what_.keys(point), result.data, status, 0);
    own_->sync();
    finish({point, status, 0, 0, message});
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
      // Nothing is left for it to do.
      if (idle && hand.written.empty()) hand.worker->stop();
    }
  }

  /// A point that is on disk.
  void finish(const PointEnd& end) {
    what_.claims.set(end.point, is_final(end.status) ? claim_done : claim_cut);
    what_.claims.drop(end.point);
    claimed_.erase(end.point);
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
    for (const auto& [point, deaths] : claimed_) what_.claims.drop(point);
    claimed_.clear();
  }

  void hear_last(Hand& hand) {
    while (const auto report = hand.worker->hear())
      if (report->kind == WorkerReport::Kind::written) take(hand, *report);
  }

  const Supervision& what_;
  WorkerStudy study_;
  std::deque<std::size_t> queue_, elsewhere_;
  Clock::time_point looked_ = Clock::now();
  std::vector<Hand> hands_;
  std::unordered_map<std::size_t, int> claimed_;  ///< points that are ours now: deaths so far
  int deaths_without_a_point_ = 0;
  double seconds_ = 0;  ///< of all points that have come to an end
  std::int64_t ended_ = 0;
  std::optional<PointWriter> own_;
};

}  // namespace

void supervise(const Supervision& supervision, const std::vector<std::size_t>& points) {
  Supervisor(supervision, points).run();
}

}  // namespace gradflow
