#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <stdexcept>

#include "cli/commands.hpp"
#include "io/folder_lock.hpp"
#include "study/assembler.hpp"
#include "study/build_info.hpp"
#include "study/config.hpp"
#include "study/prolonged_run.hpp"
#include "study/runner.hpp"
#include "study/status.hpp"
#include "study/store.hpp"

/// The commands that run a config, and those that look at what runs have left.
namespace gradflow {
namespace {

namespace fs = std::filesystem;

void print_summary(const RunSummary& summary, bool quiet) {
  const std::size_t most = 20;
  std::size_t shown = 0;
  if (!quiet) {
    for (const PointNote& note : summary.notes) {
      if (note.status == Status::interrupted) continue;  // told once for all
      // Of a large study only what needs attention; the rest is in the result.
      if (note.status == Status::ok && note.warnings == 0 && summary.points > 10) continue;
      if (++shown > most) {
        report("  ... and " + std::to_string(summary.notes.size() - most) +
               " more (variable `message` of the result)");
        break;
      }
      const std::string at = note.where.empty() ? "" : note.where + ": ";
      const char* kind = note.status != Status::ok ? "failed: "
                         : note.warnings != 0      ? "warning: "
                                                   : "note: ";
      report(kind + at + note.message);
    }
    for (const std::string& warning : summary.warnings) report("warning: " + warning);
  }
  if (summary.failed > 0)
    report(std::to_string(summary.failed) + " of " + std::to_string(summary.points) +
           (summary.points == 1 ? " run failed" : " points failed") +
           " (variable `status` of the result)");
}

/// "K/N" as a part of a study. \throws std::runtime_error
Shard read_shard(const std::string& text) {
  if (text.empty()) return {};
  Shard shard;
  const char* const end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, shard.part);
  if (first.ec == std::errc() && first.ptr != end && *first.ptr == '/') {
    const auto second = std::from_chars(first.ptr + 1, end, shard.parts);
    if (second.ec == std::errc() && second.ptr == end && shard.part < shard.parts) return shard;
  }
  throw std::runtime_error("--shard is " + toml_text(shortened(text)) +
                           ", expected K/N with integers 0 <= K < N");
}

/// Did a launcher (mpirun, srun) start several of this program? Then they work together.
bool is_launched_together() {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"}) {
    const char* const text = std::getenv(name);
    if (text != nullptr && std::atoi(text) > 1) return true;
  }
  return false;
}

ProgressMode progress_mode(const RunArguments& arguments) {
  if (arguments.quiet || arguments.progress == "none") return ProgressMode::none;
  return arguments.progress == "lines" ? ProgressMode::lines : ProgressMode::automatic;
}

/// A study's points in a few lines, as far as this call knows of them.
std::vector<SummaryLine> lines_of_study(const RunSummary& summary, double seconds) {
  const std::size_t done = summary.points - summary.missing - summary.failed - summary.unneeded;
  std::vector<SummaryLine> lines{
      {"points", std::to_string(summary.points) + ": " + std::to_string(done) + " done, " +
                     std::to_string(summary.failed) + " failed" +
                     (summary.missing > 0 ? ", " + std::to_string(summary.missing) + " missing"
                                          : std::string()) +
                     (summary.unneeded > 0 ? ", " + std::to_string(summary.unneeded) + " not needed"
                                           : std::string())},
      {"this call", std::to_string(summary.ran) + " points in " + duration_text(seconds)}};
  lines.insert(lines.end(), summary.lines.begin(), summary.lines.end());
  std::map<std::string, std::size_t> warned;
  for (const PointNote& note : summary.notes)
    if (note.warnings != 0) ++warned[warning_text(note.warnings)];
  for (const auto& [text, count] : warned)
    lines.push_back({"warnings", text + ": " + std::to_string(count) + " points"});
  return lines;
}

/// What a run ends with on stdout, before the path of its result.
void print_lines(std::vector<SummaryLine> lines, const fs::path& folder) {
  lines.push_back({"plot", "gradflow plot " + shell_word(folder.string())});
  std::size_t width = 0;
  for (const SummaryLine& line : lines) width = std::max(width, line.name.size());
  for (const SummaryLine& line : lines)
    std::printf("%-*s  %s\n", static_cast<int>(width), line.name.c_str(),
                one_line(line.text).c_str());
}

int print_plan(const Config& config, const RunOptions& options) {
  const RunPlan plan = plan_run(config, options);
  std::printf("points      %zu\n", plan.points);
  for (const StudyDimension& dimension : config.design().dimensions())
    std::printf("  %-20s %zu values\n", dimension.key.c_str(), dimension.length);
  if (const Bisection* bisection = config.bisection())
    std::printf("  %-20s %zu runs at most\n", bisection_dimension, bisection->longest());
  std::printf("there       %zu\n", plan.there);
  std::printf("reusable    %zu\n", plan.reusable);
  std::printf("to run      %s%zu\n", config.bisection() != nullptr ? "at most " : "", plan.to_run);
  std::printf("result      about %s\n",
              bytes_text(plan.largest.bytes * static_cast<double>(plan.points)).c_str());
  std::printf("largest     %.0f parameters, %s a state", plan.largest.parameters,
              bytes_text(8 * plan.largest.parameters).c_str());
  std::printf(", %s for its Newton matrix\n", bytes_text(plan.largest.matrix).c_str());
  if (plan.mean_seconds > 0)
    std::printf(
        "time        about %s with %d jobs\n",
        duration_text(plan.mean_seconds * static_cast<double>(plan.to_run) / options.jobs).c_str(),
        options.jobs);
  return exit_done;
}

}  // namespace

int command_run(const RunArguments& arguments) {
  const auto began = std::chrono::steady_clock::now();
  if (arguments.config == standard_input && arguments.out.empty() && !arguments.dry_run)
    throw std::runtime_error("--out: missing; a config from stdin has no name of its own");
  RunOptions options;
  options.folder = arguments.out.empty() ? fs::path("results") / fs::path(arguments.config).stem()
                                         : fs::path(arguments.out);
  std::vector<std::string> overrides = arguments.overrides;
  if (arguments.extend) {
    ProlongedRun prolonged =
        prolonged_run(arguments.config, overrides, options.folder, *arguments.extend);
    options.prolongs = std::move(prolonged.prolongs);
    overrides.insert(overrides.end(), prolonged.overrides.begin(), prolonged.overrides.end());
  }
  const Config config = Config::load(arguments.config, overrides);
  config.validate();
  options.jobs = arguments.jobs;
  options.resume = arguments.resume || arguments.extend;
  options.shard = read_shard(arguments.shard);
  options.join =
      arguments.join || !arguments.shard.empty() || (config.is_study() && is_launched_together());
  options.reuse.assign(arguments.reuse.begin(), arguments.reuse.end());
  options.progress = progress_mode(arguments);
  options.interrupt = &interrupt_requested;
  if (!arguments.quiet) {
    options.tell = report;
    tell_unused(config);
  }
  if (arguments.overwrite && (options.resume || options.join || arguments.dry_run))
    throw std::runtime_error(
        "--overwrite does not go with --resume, --extend, --join, --shard or --dry-run");
  if (arguments.dry_run) return print_plan(config, options);
  if (arguments.overwrite) remove_results(options.folder);
  const RunSummary summary = run_study(config, options);
  print_summary(summary, arguments.quiet);
  if (summary.reused > 0 && !arguments.quiet)
    report(std::to_string(summary.reused) + " of " + std::to_string(summary.points) +
           " points were taken from " +
           (arguments.reuse.size() == 1 ? arguments.reuse.front() : "other folders"));
  if (summary.interrupted) {
    report("interrupted: what is done is in " + options.folder.string() +
           (summary.begins_anew ? " (--resume begins anew: no place to go on from was reached"
            : options.join      ? " (--join goes on with it"
                                : " (--resume goes on with it") +
           (summary.wrote_result ? ")" : "; gradflow collect makes a result of what is there)"));
    return exit_interrupted;
  }
  if (summary.already_complete && !arguments.quiet) report("nothing left to do");
  if (summary.wrote_result) {
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - began;
    if (!arguments.quiet)
      print_lines(config.is_study() ? lines_of_study(summary, seconds.count()) : summary.lines,
                  options.folder);
    print_path(summary.result);
  }
  return summary.failed > 0 ? exit_numerical : exit_done;
}

int command_status(const std::string& folder, bool json) {
  const StudyStatus status = study_status(folder);
  if (json) {
    std::fputs(as_json(status).c_str(), stdout);
    return exit_done;
  }
  std::printf("points    %zu: %zu done, %zu failed, %zu running, %zu missing", status.points,
              status.done, status.failed, status.running, status.missing);
  if (status.unneeded > 0) std::printf(", %zu not needed", status.unneeded);
  std::printf("\n");
  for (const auto& [name, count] : status.failures)
    std::printf("          %zu %s\n", count, name.c_str());
  if (status.reused > 0) std::printf("reused    %zu\n", status.reused);
  if (status.damaged > 0) std::printf("damaged   %zu records\n", status.damaged);
  std::size_t alive = 0;
  for (const StudyStatus::Process& process : status.processes) alive += process.alive ? 1 : 0;
  std::printf("processes %zu, of which %zu at work\n", status.processes.size(), alive);
  for (const StudyStatus::Process& process : status.processes)
    if (process.alive)
      std::printf("          %s %lld: %zu points\n", one_line(process.host).c_str(),
                  static_cast<long long>(process.id), process.done);
  for (const std::string& where : status.running_points)
    std::printf("running   %s\n", one_line(where).c_str());
  if (status.seconds_left)
    std::printf("left      about %s\n", duration_text(*status.seconds_left).c_str());
  std::printf("result    %s\n", status.result.c_str());
  return exit_done;
}

int command_collect(const std::string& folder, const std::vector<std::string>& from) {
  // Shards may be put together in a new folder.
  const bool fresh =
      !from.empty() && (!fs::exists(folder) || (fs::is_directory(folder) && fs::is_empty(folder)));
  const std::string& first = fresh ? from.front() : folder;
  require_study_folder(first, "collect");
  const StudyHead head = read_study_head(first);
  for (const std::string& other : from) {
    require_study_folder(other, "collect");
    if (read_study_head(other).fingerprint != head.fingerprint)
      throw FileError(other, "holds points of another study than " + first);
  }
  if (fresh) Store(folder, head, Access::fresh, report);
  for (const std::string& other : from) {
    const PointFiles here(folder, head.fingerprint), there(other, head.fingerprint);
    const std::size_t copied = copy_points(there, here, folder);
    report(std::to_string(copied) + " points copied from " + other);
  }
  const PointFiles points(folder, head.fingerprint);
  if (points.damaged() > 0)
    report(std::to_string(points.damaged()) + " records are damaged (by their checksums)");
  const Assembled whole = write_result(head, points, fs::path(folder) / "result.nc");
  write_processes(folder, points);
  for (const std::string& warning : whole.warnings) report("warning: " + warning);
  if (whole.missing > 0)
    report(std::to_string(whole.missing) + " of " + std::to_string(whole.points) +
           " points are not there (status not_run)");
  if (whole.failed > 0)
    report(std::to_string(whole.failed) + " of " + std::to_string(whole.points) +
           " points failed (variable `status` of the result)");
  try {
    // Alone, the many small files of points may become one.
    FolderLock lock(folder);
    put_together(folder, points, most_point_files);
  } catch (const FolderBusy&) {  // others work
  }
  print_path(fs::path(folder) / "result.nc");
  return whole.missing + whole.failed > 0 ? exit_numerical : exit_done;
}

}  // namespace gradflow
