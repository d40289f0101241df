#include "study/worker.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <new>
#include <optional>
#include <stdexcept>

#include "io/system_call.hpp"
#include "study/point.hpp"
#include "study/point_journal.hpp"

namespace gradflow {
namespace {

/// A report and its message in one packet.
constexpr std::size_t longest_message = 4000;

struct Packet {
  std::int32_t kind, status, warnings, is_measured;
  std::uint64_t point;
  double seconds, measured;
};

/// A run to make.
struct Order {
  std::uint64_t chain, number, is_bisected;
  double bisected;
};

std::atomic<bool> told_to_end{false};

void on_end(int) {
  told_to_end = true;
}

bool send_all(int socket, const void* bytes, std::size_t count) {
  ssize_t sent = 0;
  do {
    sent = ::send(socket, bytes, count, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent == static_cast<ssize_t>(count);
}

/// The life of a worker, in its own process.
class Life {
 public:
  Life(const WorkerStudy& study, PointWriter& file, int socket)
      : study_(study), file_(file), socket_(socket) {}

  int run() {
    try {
      Order order{};
      while (next(order)) {
        StudyRun run{static_cast<std::size_t>(order.chain), static_cast<std::size_t>(order.number)};
        if (order.is_bisected != 0) run.bisected = order.bisected;
        run_and_tell(run);
        // Refused memory once, a process is not trusted with another run.
        if (out_of_memory_) return 0;
      }
      return 0;
    } catch (const std::exception& error) {
      tell({WorkerReport::Kind::failed, {0, Status::ok, 0, 0, {}, error.what()}});
      return 1;
    }
  }

 private:
  /// Waits for a run; false where there are no more.
  bool next(Order& order) const {
    while (!told_to_end) {
      const ssize_t got = ::recv(socket_, &order, sizeof order, 0);
      if (got == sizeof order) return true;
      if (got >= 0 || errno != EINTR) return false;
    }
    return false;
  }

  void tell(const WorkerReport& report) const {
    const PointEnd& end = report.end;
    const Packet head{static_cast<std::int32_t>(report.kind),
                      static_cast<std::int32_t>(end.status),
                      end.warnings,
                      end.measured ? 1 : 0,
                      end.point,
                      end.seconds,
                      end.measured.value_or(0)};
    std::string packet(reinterpret_cast<const char*>(&head), sizeof head);
    packet += end.message.substr(0, longest_message);
    send_all(socket_, packet.data(), packet.size());
  }

  void run_and_tell(const StudyRun& run) {
    const PointResult result = run_one(run);
    const std::size_t k = run.number;
    if (result.status == Status::interrupted) {
      tell({WorkerReport::Kind::given_up, {k, result.status, 0, 0, {}, ""}});
      return;
    }
    file_.put(k, study_.keys(run), result.data, result.status, result.wall_seconds);
    // What is cut short goes on from its parts.
    if (is_final(result.status)) study_.store.drop_parts(k);
    const Bisection* bisection = study_.config.bisection();
    tell({WorkerReport::Kind::written,
          {k, result.status, result.warnings, result.wall_seconds,
           bisection != nullptr ? measured_number(result.data, bisection->measure) : std::nullopt,
           result.message}});
  }

  PointResult run_one(const StudyRun& run) {
    try {
      const SolverSettings& solver = limits_of(run);
      tell({WorkerReport::Kind::begun,
            {run.number, Status::ok, 0, solver.max_wall_seconds, {}, ""}});
      limit_memory(solver);
      require_margin();
      try {
        PointJournal journal(study_.store, run.number);
        return run_point(
            study_.config, run, references_, [] { return told_to_end.load(); }, &journal);
      } catch (const ParameterError& problem) {  // no memory for the Newton matrix any more
        study_.config.complain("solver", problem);
      }
    } catch (const std::bad_alloc&) {
      out_of_memory_ = true;
      return failed_point(Status::memory_budget,
                          "needs more memory than there is for one of " +
                              std::to_string(study_.jobs) +
                              " jobs (solver.max_memory; fewer --jobs leave more for each)");
    } catch (const ConfigError& problem) {
      // One point of many whose values do not go together: marked, the others go on.
      return failed_point(Status::setup_failed, problem.what());
    }
  }

  /// The settings that hold a run's limits, made once where all runs have the same.
  const SolverSettings& limits_of(const StudyRun& run) {
    const auto of_solver = [](const auto& of) { return of.key.starts_with("solver."); };
    const std::vector<ConfigAxis>& axes = study_.config.axes();
    const std::vector<WorkedOutKey>& others = study_.config.worked_out();
    const Bisection* bisection = study_.config.bisection();
    if (!limits_ || (bisection != nullptr && of_solver(*bisection)) ||
        std::any_of(axes.begin(), axes.end(), of_solver) ||
        std::any_of(others.begin(), others.end(), of_solver))
      limits_ = study_.config.run(run.chain, run.bisected).solver();
    return *limits_;
  }

  /// Without it no point can be run, and none is to blame.
  void require_margin() const {
    try {
      require_run_memory();
    } catch (const std::bad_alloc&) {
      throw std::runtime_error(
          study_.store.folder().string() + ": out of memory for one of " +
          std::to_string(study_.jobs) +
          " jobs; the points that are done are kept, and --resume goes on with them where there is "
          "more");
    }
  }

  /// The system would rather kill a process than refuse it memory.
  void limit_memory(const SolverSettings& solver) const {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // shadow memory has no end
    const auto machine =
        static_cast<rlim_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<rlim_t>(sysconf(_SC_PAGESIZE));
    rlimit limit{};
    if (getrlimit(RLIMIT_AS, &limit) != 0) return;
    if (first_limit_ == 0) first_limit_ = limit.rlim_cur;
    const rlim_t share = solver.max_memory > 0
                             ? static_cast<rlim_t>(solver.max_memory)
                             : std::min(machine, first_limit_) / static_cast<rlim_t>(study_.jobs);
    const rlim_t most = std::min({first_limit_, share, limit.rlim_max});
    if (most == limit.rlim_cur) return;
    limit.rlim_cur = most;
    setrlimit(RLIMIT_AS, &limit);
#endif
  }

  const WorkerStudy& study_;
  PointWriter& file_;
  int socket_;
  PhaseReferences references_;
  std::optional<SolverSettings> limits_;
  bool out_of_memory_ = false;
  mutable rlim_t first_limit_ = 0;
};

/// The sockets of all workers of this process, which one that is forked later is to close: they
/// would keep the others from seeing their parent's end. (The lock on the folder it keeps: it is to
/// be held as long as anybody may write.)
std::vector<int>& open_sockets() {
  static std::vector<int> all;
  return all;
}

}  // namespace

Worker::Worker(const WorkerStudy& study)
    : file_(std::make_unique<PointWriter>(study.store.folder(), study.store.owner().fingerprint)) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
    throw std::runtime_error("no socket to be had for a worker: " + reason_of(errno));
  std::fflush(nullptr);
  const pid_t parent = ::getpid();
  process_ = ::fork();
  if (process_ == 0) {
    // However the parent ends, so does this; it may have ended before.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(0);
    struct sigaction action = {};
    action.sa_handler = on_end;  // without SA_RESTART: who waits for a point is to wake
    ::sigaction(SIGTERM, &action, nullptr);
    ::sigaction(SIGINT, &action, nullptr);
    ::close(ends[0]);
    for (const int other : open_sockets()) ::close(other);
    study.claims.close();
    ::_exit(Life(study, *file_, ends[1]).run());
  }
  const int error = errno;
  ::close(ends[1]);
  if (process_ < 0) {
    ::close(ends[0]);
    throw std::runtime_error("no process to be had for a worker: " + reason_of(error));
  }
  socket_ = ends[0];
  ::fcntl(socket_, F_SETFL, O_NONBLOCK);
  open_sockets().push_back(socket_);
}

Worker::~Worker() {
  if (!ended()) {
    kill();
    while (!ended()) ::usleep(100);
  }
  std::erase(open_sockets(), socket_);
  ::close(socket_);
}

void Worker::give(const StudyRun& run) {
  const Order order{run.chain, run.number, run.bisected ? 1U : 0U, run.bisected.value_or(0)};
  // Where it has just ended, it is found by those that wait for it.
  send_all(socket_, &order, sizeof order);
  in_hand_.push_back(run);
}

std::optional<WorkerReport> Worker::hear() {
  std::array<char, sizeof(Packet) + longest_message> bytes{};
  ssize_t got = 0;
  do {
    got = ::recv(socket_, bytes.data(), bytes.size(), 0);
  } while (got < 0 && errno == EINTR);
  if (got < static_cast<ssize_t>(sizeof(Packet))) return std::nullopt;
  Packet head{};
  std::memcpy(&head, bytes.data(), sizeof head);
  std::string message(bytes.data() + sizeof head, static_cast<std::size_t>(got) - sizeof head);
  return WorkerReport{
      static_cast<WorkerReport::Kind>(head.kind),
      {static_cast<std::size_t>(head.point), static_cast<Status>(head.status), head.warnings,
       head.seconds, head.is_measured != 0 ? std::optional<double>(head.measured) : std::nullopt,
       std::move(message)}};
}

void Worker::stop() const {
  if (!end_signal_) ::kill(process_, SIGTERM);
}

void Worker::kill() const {
  if (!end_signal_) ::kill(process_, SIGKILL);
}

std::optional<int> Worker::ended() {
  int status = 0;
  if (!end_signal_ && ::waitpid(process_, &status, WNOHANG) == process_)
    end_signal_ = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  return end_signal_;
}

}  // namespace gradflow
