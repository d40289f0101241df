#include "study/single_run.hpp"

#include "io/netcdf_file.hpp"
#include "study/assembler.hpp"
#include "study/point.hpp"
#include "study/point_journal.hpp"
#include "study/supervisor.hpp"

namespace gradflow {

RunSummary run_single(const Config& config, const RunOptions& options) {
  if (options.join)
    throw FolderRefused("a single run has nothing to join (--join and --shard are for a [study])");
  StudyHead head = config.head();
  head.prolongs = options.prolongs;
  Store store(options.folder, std::move(head), options.resume ? Access::resume : Access::fresh,
              options.tell);
  RunSummary summary;
  summary.points = 1;
  summary.result = store.result();
  const bool asked = config.run(0).solver().method != "auto";
  Found found = store.find();
  if (found.damaged)
    options.tell(store.result().string() + " is damaged (by its checksum): it runs again");
  if (found.finished) {
    std::vector<std::pair<std::string, std::string>> build;
    for (const Attribute& attribute : found.finished->attributes())
      if (const auto* text = std::get_if<std::string>(&attribute.value))
        build.emplace_back(attribute.name, *text);
    if (const std::string other = other_build(build); !other.empty())
      options.tell("the result was computed by another build (" + other + ")");
    const auto status = static_cast<Status>(*stored<std::int32_t>(*found.finished, "status"));
    summary.already_complete = true;
    summary.lines = summary_of_run(*found.finished, asked);
    if (status != Status::ok) {
      ++summary.failed;
      summary.notes.push_back(
          {0, "", status, stored<std::string>(*found.finished, "message").value_or("")});
    }
    return summary;
  }
  PointResult point;
  PointJournal journal(store, options.progress, options.tell);
  try {
    require_run_memory();
    PhaseReferences references;
    try {
      point = run_point(
          config, StudyRun{}, references, [&] { return options.interrupted(); }, &journal);
    } catch (const ParameterError& problem) {  // no memory for the Newton matrix any more
      config.complain("solver", problem);
    }
  } catch (const ConfigError&) {
    // The config will be mended: the folder is to be free for it.
    if (!store.resumed()) store.clear();
    throw;
  }
  summary.interrupted = point.status == Status::interrupted;
  summary.ran = summary.interrupted ? 0 : 1;
  if (!summary.interrupted && point.status != Status::ok) ++summary.failed;
  if (point.status != Status::ok || !point.message.empty())
    summary.notes.push_back({0, "", point.status, point.message, point.warnings});
  if (!summary.interrupted) summary.lines = summary_of_run(point.data, asked);
  summary.begins_anew = !is_final(point.status) && !journal.holds_any();
  // A run that began anew and was cut earlier than the last time leaves what came further.
  const double reached = stored<double>(point.data, "end_time").value_or(0);
  if (is_final(point.status) || reached >= found.reached)
    write_netcdf(result_of_run(store.owner(), std::move(point.data)), store.result());
  // What is cut short goes on from its parts.
  if (is_final(point.status)) store.drop_parts(0);
  if (point.status == Status::ok) journal.keep_ends();
  return summary;
}

}  // namespace gradflow
