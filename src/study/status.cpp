#include "study/status.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "io/atomic_file.hpp"
#include "io/byte_locks.hpp"
#include "io/netcdf_file.hpp"
#include "study/chains.hpp"
#include "study/result_version.hpp"
#include "study/study_head.hpp"

namespace gradflow {
namespace {

namespace fs = std::filesystem;

/// Texts of any bytes: what is no UTF-8 is replaced.
std::string json_text(const nlohmann::ordered_json& json) {
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::string result_state(const fs::path& result, const StudyHead& head) {
  if (!fs::exists(result)) return "none";
  try {
    const Dataset data = read_netcdf(result, {"status"});
    const Variable* status = data.find("status");
    const auto* codes =
        status != nullptr ? std::get_if<std::vector<std::int32_t>>(&status->values) : nullptr;
    if (codes == nullptr || text_attribute(data, "fingerprint") != head.fingerprint) return "none";
    const bool complete = std::none_of(codes->begin(), codes->end(), [](std::int32_t code) {
      return code == static_cast<std::int32_t>(Status::not_run);
    });
    return complete ? "complete" : "partial";
  } catch (const FileError&) {  // damaged
    return "none";
  }
}

}  // namespace

void require_study_folder(const fs::path& folder, const std::string& option) {
  const auto refuse = [&](const std::string& why) {
    throw FileError(folder, why + " (" + option + ")");
  };
  std::error_code ignored;
  if (!fs::exists(folder)) refuse("there is no such folder");
  if (!fs::is_directory(folder)) refuse("is a file, expected the folder of a study");
  for (const fs::directory_entry& entry : fs::directory_iterator(folder / "points", ignored))
    if (entry.path().extension() == ".nc")
      refuse("holds a study of gradflow 0.2 (points/*.nc), which this version does not read");
  if (!fs::exists(folder / "points" / "study")) refuse("holds no study of gradflow");
  const StudyHead head = read_study_head(folder);
  if (head.version != result_version)
    refuse("holds points of result version " + std::to_string(head.version) +
           ", and this gradflow makes version " + std::to_string(result_version));
}

StudyStatus study_status(const fs::path& folder) {
  require_study_folder(folder, "status");
  const StudyHead head = read_study_head(folder);
  const PointFiles points(folder, head.fingerprint);
  StudyStatus status;
  status.points = head.points();
  status.damaged = points.damaged();
  double seconds = 0;
  for (const auto& [number, place] : points.points()) {
    if (place.reused) ++status.reused;
    seconds += place.seconds;
    if (place.status == Status::ok) {
      ++status.done;
    } else {
      ++status.failed;
      ++status.failures[status_name(place.status)];
    }
  }
  Chains chains(head.bisection ? &*head.bisection : nullptr);
  const std::size_t count = status.points / chains.length();
  const std::vector<bool> locked = locked_bytes(folder / "points" / "claims", count);
  constexpr std::size_t most_named = 20;
  for (std::size_t k = 0; k < count; ++k) {
    const bool is_locked = k < locked.size() && locked[k];
    if (!is_locked && !chains.is_bisection()) continue;
    chains.follow(k, points, Followed::final_ones);
    status.unneeded += chains.unneeded(k);
    // What is written and not yet claimed as done is done.
    const auto run = chains.next(k);
    if (!is_locked || !run) continue;
    ++status.running;
    if (status.running_points.size() < most_named)
      status.running_points.push_back(head.where(run->number));
  }
  const std::size_t known = status.done + status.failed + status.running + status.unneeded;
  status.missing = status.points - std::min(status.points, known);
  std::vector<std::size_t> of_maker(points.makers().size(), 0);
  for (const auto& [number, place] : points.points()) ++of_maker[place.maker];
  std::size_t alive = 0;
  for (std::size_t m = 0; m < points.makers().size(); ++m) {
    const bool lives = points.files()[points.maker_files()[m]].alive;
    alive += lives ? 1 : 0;
    status.processes.push_back(
        {points.makers()[m].host, points.makers()[m].process, of_maker[m], lives});
  }
  if (points.size() > status.reused && alive > 0)
    status.seconds_left = seconds / static_cast<double>(points.size()) *
                          static_cast<double>(status.missing + status.running) /
                          static_cast<double>(alive);
  status.result = result_state(folder / "result.nc", head);
  return status;
}

std::string as_json(const StudyStatus& status) {
  nlohmann::ordered_json json{{"points", status.points},   {"done", status.done},
                              {"failed", status.failed},   {"running", status.running},
                              {"missing", status.missing}, {"reused", status.reused},
                              {"damaged", status.damaged}};
  if (status.unneeded > 0) json["not_needed"] = status.unneeded;
  json["processes"] = nlohmann::ordered_json::array();
  for (const StudyStatus::Process& process : status.processes)
    json["processes"].push_back({{"host", process.host},
                                 {"pid", process.id},
                                 {"done", process.done},
                                 {"alive", process.alive}});
  json["failures"] = nlohmann::ordered_json::object();
  for (const auto& [name, count] : status.failures) json["failures"][name] = count;
  json["running_points"] = status.running_points;
  json["seconds_left"] = nullptr;
  if (status.seconds_left) json["seconds_left"] = *status.seconds_left;
  json["result"] = status.result;
  return json_text(json);
}

void write_processes(const fs::path& folder, const PointFiles& points) {
  std::vector<std::size_t> of_maker(points.makers().size(), 0);
  std::vector<double> seconds(points.makers().size(), 0);
  for (const auto& [number, place] : points.points()) {
    ++of_maker[place.maker];
    seconds[place.maker] += place.seconds;
  }
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (std::size_t m = 0; m < points.makers().size(); ++m) {
    const PointMaker& maker = points.makers()[m];
    nlohmann::ordered_json entry{{"host", maker.host},           {"pid", maker.process},
                                 {"processor", maker.processor}, {"started", maker.started},
                                 {"points", of_maker[m]},        {"point_seconds", seconds[m]}};
    for (const auto& [name, text] : maker.build) entry[name] = text;
    json.push_back(std::move(entry));
  }
  write_file_atomically(folder / "processes.json", json_text(json));
}

}  // namespace gradflow
