#pragma once

#include <atomic>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

/// The commands, one function each. They return the exit code and throw what they cannot handle;
/// `run_cli` turns that into one line.
namespace gradflow {

enum ExitCode { exit_done = 0, exit_numerical = 1, exit_usage = 2, exit_interrupted = 130 };

/// Set by Ctrl-C and SIGTERM.
extern std::atomic<bool> interrupt_requested;

struct RunArguments {
  std::string config;
  std::string out;
  std::vector<std::string> overrides;
  int jobs = 1;
  bool resume = false;
  std::optional<double> extend;  ///< the time.end to prolong the run in the folder to
  bool overwrite = false;
  bool quiet = false;
  bool join = false;
  std::string shard;  ///< "K/N"; empty: all
  std::vector<std::string> reuse;
  bool dry_run = false;
  std::string progress = "auto";  ///< auto, lines, none
};

struct PlotArguments {
  std::vector<std::string> results;  ///< folders, or result files
  std::vector<std::string> options;  ///< words that the script takes as they are
};

int command_run(const RunArguments& arguments);
/// What there is of a study, in words or as JSON.
int command_status(const std::string& folder, bool json);
/// Puts the result of a study together from the points that are there; those of `from` are copied
/// into the folder before.
int command_collect(const std::string& folder, const std::vector<std::string>& from);
int command_check(const std::string& config, const std::vector<std::string>& overrides);
/// A table of the model's derivatives, of the config's first point, compared with differences.
int command_check_derivatives(const std::string& config, const std::vector<std::string>& overrides);
int command_models(const std::string& name);
/// A config of the model, with all that could be set in comments.
int command_new(const std::string& model);
int command_plot(const PlotArguments& arguments);
/// A result as one page, DIR/report.html unless `out` is given.
int command_report(const std::string& folder, const std::string& out);
int command_figures(const std::vector<std::string>& names, bool list, int jobs, bool quiet,
                    const std::string& out);
int command_version();

/// Runs a plot script with Debian's Python and returns its exit code. Its stdout and its messages
/// are ours. \throws std::runtime_error, in one line, where a signal or an exception ended it
int run_script(const std::string& script, const std::vector<std::string>& arguments);

class Config;
/// A line for each setting of a config that has no effect, and for each file that was converted.
void tell_unused(const Config& config);

/// A path on stdout, on a line of its own.
void print_path(const std::filesystem::path& path);

/// A message on stderr: one line of valid UTF-8 without control characters, whatever it quotes.
void report(const std::string& message);
std::string one_line(const std::string& text);
/// "3.41 MB"
std::string bytes_text(double bytes);

}  // namespace gradflow
