#include "cli/commands.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <string_view>

#include "cli/editor.hpp"
#include "experiment/measurement.hpp"
#include "flow/derivative_check.hpp"
#include "flow/registry.hpp"
#include "io/checksum.hpp"
#include "io/file_error.hpp"
#include "io/netcdf_file.hpp"
#include "io/utf8.hpp"
#include "study/assembler.hpp"
#include "study/build_info.hpp"
#include "study/config.hpp"
#include "study/status.hpp"

namespace gradflow {
namespace {

namespace fs = std::filesystem;

/// As comments, so that what `check` prints stays a config.
void print_sizes(const Config& config) {
  const Config::Largest largest = config.largest_point();
  auto runs = static_cast<double>(config.points());
  std::string axes;
  for (const StudyDimension& dimension : config.design().dimensions())
    axes += (axes.empty() ? " = " : " x ") + std::to_string(dimension.length) + " " + dimension.key;
  if (const Bisection* bisection = config.bisection()) {
    runs *= static_cast<double>(bisection->longest());
    axes += ", each of at most " + std::to_string(bisection->longest()) + " runs";
  }
  std::printf("# points      %zu%s\n", config.points(), one_line(axes).c_str());
  std::printf("# parameters  %.0f\n", largest.parameters);
  if (largest.residuals > 0) std::printf("# residuals   %.0f\n", largest.residuals);
  if (!config.solver_text().empty())
    std::printf("# solver      %s\n", one_line(config.solver_text()).c_str());
  std::printf("# a sample    %s; the result about %s\n", bytes_text(largest.sample_bytes).c_str(),
              bytes_text(largest.bytes * runs).c_str());
}

std::string parameter_default(const ParameterInfo& info) {
  const std::string text = toml_value(info.default_value);
  return text.empty() ? "-" : text;
}

}  // namespace

std::string one_line(const std::string& text) {
  const std::size_t most = 2000;
  return printable(shortened(text, most));
}

std::string bytes_text(double bytes) {
  const char* const units[] = {"bytes", "kB", "MB", "GB", "TB"};
  std::size_t unit = 0;
  for (; bytes >= 1000 && unit + 1 < std::size(units); ++unit) bytes /= 1000;
  char text[32];
  std::snprintf(text, sizeof text, "%.3g %s", bytes, units[unit]);
  return text;
}

void report(const std::string& message) {
  std::fprintf(stderr, "%s\n", one_line(message).c_str());
}

void print_path(const fs::path& path) {
  // A program is given the path as it is, a terminal what it can show.
  const bool shown = ::isatty(STDOUT_FILENO) != 0;
  std::printf("%s\n", (shown ? printable(path.string()) : valid_utf8(path.string())).c_str());
}

void tell_unused(const Config& config) {
  for (const std::string& line : config.unused()) report("warning: " + line);
  for (const std::string& line : config.notes()) report("note: " + line);
}

int command_check(const std::string& path, const std::vector<std::string>& overrides) {
  const Config config = Config::load(path, overrides);
  config.validate();
  tell_unused(config);
  print_sizes(config);
  std::fputs(config.resolved().c_str(), stdout);
  return exit_done;
}

int command_check_derivatives(const std::string& path, const std::vector<std::string>& overrides) {
  const Config config = Config::load(path, overrides);
  RunConfig run = config.run(0);
  const std::unique_ptr<Model> model = config.build(run);
  const std::vector<PointChecks> points = compare_derivatives(*model, run.flow(), run.seed());
  std::printf("%-36s", "");
  for (const PointChecks& point : points) std::printf(" %14s", point.point.c_str());
  std::printf(" %9s\n", "at most");
  bool all_hold = true;
  for (std::size_t k = 0; k < points.front().checks.size(); ++k) {
    const DerivativeCheck& first = points.front().checks[k];
    std::printf("%-36s", first.what.c_str());
    bool holds = true;
    for (const PointChecks& point : points) {
      std::printf(" %14.1e", point.checks[k].error);
      holds = holds && point.checks[k].holds();
    }
    std::printf(" %9.0e%s\n", first.tolerance, holds ? "" : "  off");
    all_hold = all_hold && holds;
  }
  if (all_hold) return exit_done;
  report(run.model->name + ": derivatives are off");
  return exit_numerical;
}

static const ModelInfo& named_model(const std::string& name) {
  if (const ModelInfo* info = find_model(name)) return *info;
  std::vector<std::string> names;
  for (const ModelInfo& other : models()) names.push_back(other.name);
  throw std::runtime_error("there is no model \"" + name + "\"" + suggestion(name, names) +
                           " (gradflow models explains them)");
}

int command_new(const std::string& model) {
  std::fputs(new_config(named_model(model).name).c_str(), stdout);
  return exit_done;
}

int command_models(const std::string& name) {
  if (name.empty()) {
    for (const ModelInfo& info : models())
      std::printf("%-26s %s\n", info.name.c_str(), info.summary.c_str());
    return exit_done;
  }
  const ModelInfo* const info = &named_model(name);
  std::printf("%s: %s\n\n", info->name.c_str(), info->summary.c_str());
  std::printf("equations   %s\n", info->equations.c_str());
  std::printf("paper       %s\n", info->paper.c_str());
  std::string flows;
  for (const std::string& flow : info->flows) flows += (flows.empty() ? "" : ", ") + flow;
  std::printf("flow.kind   %s\n\nparameters of [model]\n", flows.c_str());
  for (const ParameterInfo& parameter : info->parameters)
    std::printf("  %-22s %s\n  %-22s   %s; default %s\n", parameter.name.c_str(),
                parameter.meaning.c_str(), "", parameter.expectation().c_str(),
                parameter_default(parameter).c_str());
  // The observables of the model as its defaults build it.
  Parameters parameters(info->parameters);
  const std::unique_ptr<Model> model = info->make(parameters, 0);
  FlowSettings flow;
  flow.kind = info->flows.front();
  std::printf("\nobservables (* by default)\n");
  for (const Observable& observable : model->observables(flow)) {
    std::string axes = "time";
    for (const Axis& axis : observable.axes) axes += ", " + axis.name;
    for (const std::string& key : observable.keys) axes += "; measure." + key;
    std::printf("%s %-22s %s  (%s)\n", observable.by_default ? "*" : " ", observable.name.c_str(),
                observable.long_name.c_str(), axes.c_str());
  }
  if (!info->numbers.empty()) std::printf("\nnumbers of a run\n");
  for (const NumberInfo& number : info->numbers)
    std::printf("  %-22s %s\n", number.name.c_str(), number.long_name.c_str());
  const auto further = measurements_of(info->flows, model->observables(flow));
  if (!further.empty()) std::printf("\nmeasurements beside its own\n");
  for (const MeasurementInfo& measurement : further) {
    std::string keys;
    for (const std::string& key : measurement.keys) keys += (keys.empty() ? "" : ", ") + key;
    std::printf("  %-22s %s  (%s)\n", measurement.name.c_str(), measurement.summary.c_str(),
                keys.c_str());
    for (const NumberInfo& number : measurement.numbers)
      std::printf("    %-20s %s\n", number.name.c_str(), number.long_name.c_str());
  }
  return exit_done;
}

int command_version() {
  for (const auto& [name, text] : build_info()) {
    std::string label = name;
    for (char& c : label)
      if (c == '_') c = ' ';
    std::printf("%-18s %s\n", label.c_str(), text.c_str());
  }
  return exit_done;
}

namespace {

/// A pipe from a process that is to be started; its ends are closed at the latest with it.
class Pipe {
 public:
  Pipe() {
    if (::pipe2(ends_.data(), O_CLOEXEC) != 0)
      throw std::runtime_error(std::string("no pipe to be had: ") + std::strerror(errno));
  }
  ~Pipe() {
    close_writing();
    ::close(ends_[0]);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  int writing() const { return ends_[1]; }
  void close_writing() {
    if (ends_[1] >= 0) ::close(ends_[1]);
    ends_[1] = -1;
  }
  /// The next bytes; none at the end.
  std::string_view read() {
    ssize_t length = 0;
    do {
      length = ::read(ends_[0], buffer_.data(), buffer_.size());
    } while (length < 0 && errno == EINTR);
    return {buffer_.data(), static_cast<std::size_t>(std::max<ssize_t>(0, length))};
  }

 private:
  std::array<int, 2> ends_{-1, -1};
  std::array<char, 4096> buffer_{};
};

int wait_for(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

/// The answer of a question that may crash or take for ever: it is asked in a process of its own,
/// for ten seconds. \throws std::runtime_error where there is no answer.
std::string ask_apart(const std::function<std::string()>& question) {
  constexpr unsigned seconds = 10;
  Pipe pipe;
  const pid_t child = ::fork();
  if (child < 0)
    throw std::runtime_error(std::string("no process to be had: ") + std::strerror(errno));
  if (child == 0) {
    ::alarm(seconds);
    ::dup2(::open("/dev/null", O_WRONLY), STDERR_FILENO);  // last words of a library that crashes
    const std::string answer = question();
    const ssize_t written = ::write(pipe.writing(), answer.data(), answer.size());
    ::_exit(written == static_cast<ssize_t>(answer.size()) ? 0 : 1);
  }
  pipe.close_writing();
  std::string answer;
  for (std::string_view part = pipe.read(); !part.empty(); part = pipe.read()) answer += part;
  const int status = wait_for(child);
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
    throw std::runtime_error("cannot be read within " + std::to_string(seconds) + " seconds");
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    throw std::runtime_error("cannot be read: the NetCDF library crashes on it");
  return answer;
}

/// Refuses what a plot script must not be given: a file that is damaged, and another program's that
/// is no NetCDF or claims more than is drawn.
void check_drawable(const fs::path& result) {
  constexpr double most_bytes = 1 << 30;
  try {
    verify_checksum(result);
    return;
  } catch (const UncheckedFile&) {
  }
  std::string complaint;
  try {
    complaint = ask_apart([&]() -> std::string {
      try {
        const double bytes = declared_bytes(result);
        if (bytes <= most_bytes) return "";
        return "is another program's and holds more than the " +
               std::to_string(static_cast<long>(most_bytes)) + " bytes that are drawn of one";
      } catch (const FileError& error) {
        return error.reason();
      } catch (const std::exception& error) {
        return error.what();
      }
    });
  } catch (const std::runtime_error& error) {
    complaint = error.what();
  }
  if (!complaint.empty()) throw FileError(result, complaint);
}

/// A folder that goes with this object.
class TemporaryFolder {
 public:
  TemporaryFolder() = default;
  ~TemporaryFolder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  /// Made when it is first asked for. \throws std::runtime_error
  const fs::path& path() {
    if (!path_.empty()) return path_;
    std::string name = (fs::temp_directory_path() / "gradflow-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr)
      throw std::runtime_error(name + ": cannot be made: " + std::strerror(errno));
    return path_ = name;
  }

 private:
  fs::path path_;
};

/// Is it the folder of a study that has points, and no result of all of them: one that still runs,
/// or was killed?
bool holds_more_than_its_result(const fs::path& folder) {
  if (!fs::exists(folder / "points" / "study")) return false;
  const bool has_result = fs::exists(folder / "result.nc");
  try {
    const StudyStatus status = study_status(folder);
    return status.done + status.failed > 0 && (!has_result || status.result == "partial");
  } catch (const FileError&) {  // points of another version; a result of them can be drawn
    if (!has_result) throw;
    return false;
  }
}

Assembled write_result_so_far(const fs::path& folder, const fs::path& result) {
  const StudyHead head = read_study_head(folder);
  return write_result(head, PointFiles(folder, head.fingerprint), result);
}

/// The folder's name, as a title has it.
std::string plain_name(const fs::path& folder) {
  return fs::absolute(folder / "").lexically_normal().parent_path().filename().string();
}

bool is_given(const std::vector<std::string>& words, const std::string& option) {
  return std::any_of(words.begin(), words.end(),
                     [&](const std::string& word) { return word.starts_with(option + "="); });
}

}  // namespace

int run_script(const std::string& script, const std::vector<std::string>& arguments) {
  const fs::path path = fs::path(data_folder()) / "plots" / script;
  if (!fs::exists(path)) throw FileError(path, "there is no such plot script");
  // Debian's interpreter has the plotting packages; another python3 may come first on PATH.
  const std::string python = fs::exists("/usr/bin/python3") ? "/usr/bin/python3" : "python3";
  std::vector<std::string> words{python, "-B", path.string()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  std::fflush(stdout);
  Pipe messages;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, messages.writing(), STDERR_FILENO);
  pid_t child = 0;
  const int failure = posix_spawnp(&child, python.c_str(), &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  messages.close_writing();
  if (failure != 0)
    throw std::runtime_error("cannot start " + python + ": " + std::strerror(failure));

  // Messages pass; of a traceback its last line will do.
  std::string rest, last;
  bool traceback = false;
  for (std::string_view part = messages.read(); !part.empty(); part = messages.read()) {
    rest += part;
    for (std::size_t end = rest.find('\n'); end != std::string::npos; end = rest.find('\n')) {
      const std::string line = rest.substr(0, end);
      rest.erase(0, end + 1);
      traceback = traceback || line.starts_with("Traceback ");
      if (!line.empty()) last = line;
      if (!traceback) report(line);
    }
  }
  if (!rest.empty() && !traceback) report(rest);
  const int status = wait_for(child);
  if (interrupt_requested) return exit_interrupted;
  if (WIFSIGNALED(status))
    throw std::runtime_error(script + " ended by signal " + std::to_string(WTERMSIG(status)) +
                             " (" + strsignal(WTERMSIG(status)) + ")");
  if (traceback && WEXITSTATUS(status) != 0) throw std::runtime_error(script + ": " + last);
  return WEXITSTATUS(status);
}

int command_plot(const PlotArguments& arguments) {
  std::vector<std::string> words = arguments.options;
  std::vector<std::string> results;
  TemporaryFolder put_together;
  for (const std::string& named : arguments.results) {
    const fs::path path = named;
    if (holds_more_than_its_result(path)) {
      const fs::path now = put_together.path() / std::to_string(results.size()) / plain_name(path);
      fs::create_directories(now);
      const Assembled there = write_result_so_far(path, now / "result.nc");
      report(named + ": " + std::to_string(there.missing) + " of " + std::to_string(there.points) +
             " points are not there yet");
      // The picture belongs beside the study.
      if (results.empty() && !is_given(words, "--out"))
        words.push_back("--out=" + (path / "figure.png").string());
      results.push_back(now.string());
      continue;
    }
    // What is not there was meant to be a folder.
    const fs::path result = fs::is_regular_file(path) ? path : path / "result.nc";
    if (!fs::exists(result)) throw FileError(result, "there is no result to plot");
    check_drawable(result);
    results.push_back(named);
  }
  words.emplace_back("--");
  words.insert(words.end(), results.begin(), results.end());
  const int code = run_script("plot.py", words);
  if (code == exit_interrupted) return code;
  return code == 0 ? exit_done : exit_usage;
}

int command_report(const std::string& folder, const std::string& out) {
  const fs::path result = fs::path(folder) / "result.nc";
  if (!fs::exists(result))
    throw FileError(result, "there is no result to report on" +
                                std::string(fs::exists(fs::path(folder) / "points" / "study")
                                                ? "; gradflow collect makes one of the points "
                                                  "that are there"
                                                : ""));
  check_drawable(result);
  std::vector<std::string> words{folder};
  if (!out.empty()) words.push_back("--out=" + out);
  const int code = run_script("report.py", words);
  return code == 0 || code == exit_interrupted ? code : exit_usage;
}

}  // namespace gradflow
