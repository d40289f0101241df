#include "study/runner.hpp"

#include <algorithm>
#include <cstdio>
#include <deque>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>

#include "study/atomic_file.hpp"
#include "study/build_info.hpp"
#include "study/folder_lock.hpp"
#include "study/netcdf_file.hpp"
#include "study/progress.hpp"
#include "study/study_fits.hpp"

namespace gradflow {
namespace {

namespace fs = std::filesystem;

/// Of each job: computed, and on their way to the disk.
constexpr std::size_t points_on_the_way = 8;

std::string point_name(std::size_t point) {
  char text[32];
  std::snprintf(text, sizeof text, "%06zu.nc", point);
  return text;
}

std::string short_value(const ParameterValue& value) {
  if (const auto* d = std::get_if<double>(&value)) {
    char text[32];
    std::snprintf(text, sizeof text, "%.6g", *d);
    return text;
  }
  if (const auto* i = std::get_if<std::int64_t>(&value)) return std::to_string(*i);
  if (const auto* b = std::get_if<bool>(&value)) return *b ? "true" : "false";
  if (const auto* s = std::get_if<std::string>(&value)) return *s;
  if (const auto* list = std::get_if<std::vector<std::string>>(&value))
    return list->empty() ? "" : list->front();
  return "?";
}

std::string where(const Config& config, std::size_t point) {
  std::string text;
  const std::vector<std::size_t> index = config.coordinates(point);
  for (std::size_t a = 0; a < config.axes().size(); ++a) {
    const ConfigAxis& axis = config.axes()[a];
    text += (text.empty() ? "" : ", ") + axis.name + " = " + short_value(axis.values[index[a]]);
  }
  return text;
}

/// The axes of a study, named after the key's last part, or by the whole key where the points have
/// something of that name themselves (model.target and the target).
std::vector<StudyAxis> study_axes(const Config& config, const std::vector<const Dataset*>& points) {
  std::vector<StudyAxis> axes;
  for (const ConfigAxis& axis : config.axes()) {
    StudyAxis out;
    out.name = axis.name;
    for (const Dataset* point : points)
      if (point != nullptr &&
          (point->find(axis.name) != nullptr || point->find_dimension(axis.name) != nullptr))
        out.name = axis.key;
    out.attributes = {{"long_name", axis.key}, {"units", std::string("1")}};
    if (std::holds_alternative<double>(axis.values.front())) {
      std::vector<double> values;
      for (const ParameterValue& value : axis.values) values.push_back(std::get<double>(value));
      out.values = std::move(values);
    } else if (std::holds_alternative<std::int64_t>(axis.values.front())) {
      std::vector<std::int64_t> values;
      for (const ParameterValue& value : axis.values)
        values.push_back(std::get<std::int64_t>(value));
      out.values = std::move(values);
    } else {
      std::vector<std::string> values;
      for (const ParameterValue& value : axis.values) values.push_back(short_value(value));
      out.values = std::move(values);
    }
    axes.push_back(std::move(out));
  }
  return axes;
}

std::int32_t stored_status(const Dataset& data) {
  const Variable* status = data.find("status");
  const auto* values =
      status != nullptr ? std::get_if<std::vector<std::int32_t>>(&status->values) : nullptr;
  return values != nullptr && values->size() == 1 ? values->front()
                                                  : static_cast<std::int32_t>(Status::not_run);
}

/// Results that a repetition would give again; a run cut short by the clock or by Ctrl-C is not
/// one.
bool is_final(std::int32_t status) {
  return status != static_cast<std::int32_t>(Status::interrupted) &&
         status != static_cast<std::int32_t>(Status::wall_budget) &&
         status != static_cast<std::int32_t>(Status::not_run);
}

/// The finished point of an earlier call, if there is one.
std::optional<Dataset> finished_point(const fs::path& file, const std::string& fingerprint) {
  if (!fs::exists(file)) return std::nullopt;
  try {
    Dataset data = read_netcdf(file);
    const Attribute* mark = find_attribute(data.attributes(), "fingerprint");
    if (mark == nullptr || !(mark->value == decltype(mark->value)(fingerprint)))
      return std::nullopt;
    if (!is_final(stored_status(data))) return std::nullopt;
    return data;
  } catch (const std::exception&) {
    return std::nullopt;  // damaged: it is run again
  }
}

/// Is there a result with all points, none of them absent or cut short?
bool holds_all(const fs::path& file, const std::string& fingerprint, std::size_t points) {
  if (!fs::exists(file)) return false;
  try {
    const Dataset data = read_netcdf(file);
    const Attribute* mark = find_attribute(data.attributes(), "fingerprint");
    const auto& status = data.values<std::int32_t>("status");
    return mark != nullptr && mark->value == decltype(mark->value)(fingerprint) &&
           status.size() == points && std::all_of(status.begin(), status.end(), is_final);
  } catch (const std::exception&) {
    return false;  // damaged: it is put together again
  }
}

void prepare_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw FileError(folder, "cannot be made: " + error.message());
  if (!fs::is_directory(folder)) throw FileError(folder, "is not a folder");
}

/// What a killed process was writing when it was killed. To be called under the folder's lock.
void remove_temporaries(const fs::path& folder) {
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored))
    if (FileReplacement::is_temporary(entry.path())) fs::remove(entry.path(), ignored);
}

void remove_results(const fs::path& folder) {
  std::error_code ignored;
  fs::remove_all(folder / "points", ignored);
  for (const char* name : {"result.nc", "config.toml", "resolved.toml"})
    fs::remove(folder / name, ignored);
}

/// Refuses a folder that holds anything else than results of this very config.
bool holds_results(const fs::path& folder, const std::string& resolved, bool resume) {
  bool empty = true;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name != FolderLock::file_name && !FileReplacement::is_temporary(entry.path()))
      empty = false;
  }
  if (empty) return false;
  const fs::path mark = folder / "resolved.toml";
  if (!fs::exists(mark))
    throw FolderRefused(folder.string() +
                        " is not empty and holds no results of gradflow; give "
                        "another folder with --out");
  if (read_text_file(mark) != resolved)
    throw FolderRefused(folder.string() +
                        " holds results of another config; give another folder with --out");
  if (!resume)
    throw FolderRefused(folder.string() +
                        " holds results of this config already; go on with "
                        "--resume, or give another folder with --out");
  return true;
}

}  // namespace

std::vector<Attribute> provenance() {
  std::vector<Attribute> out;
  for (const auto& [name, text] : build_info()) out.push_back({name, text});
  return out;
}

RunSummary run_config(const Config& config, const RunOptions& options) {
  RunSummary summary;
  summary.points = config.points();
  summary.result = options.folder / "result.nc";
  const std::string fingerprint = config.fingerprint();
  const std::string resolved = "# fingerprint " + fingerprint + "\n" + config.resolved();

  prepare_folder(options.folder);
  const FolderLock lock(options.folder);
  const bool again = holds_results(options.folder, resolved, options.resume);
  const fs::path points_folder = options.folder / "points";
  remove_temporaries(options.folder);
  remove_temporaries(points_folder);
  // What tells whose folder it is comes first, so that one killed at any later moment is known.
  if (!again) write_file_atomically(options.folder / "resolved.toml", resolved);
  if (!fs::exists(options.folder / "config.toml"))
    write_file_atomically(options.folder / "config.toml", config.text());
  const bool study = config.is_study();
  if (study) prepare_folder(points_folder);

  std::vector<std::optional<Dataset>> results(summary.points);
  std::vector<std::size_t> to_run;
  std::size_t done = 0, failed = 0;
  for (std::size_t k = 0; k < summary.points; ++k) {
    results[k] =
        again ? finished_point(study ? points_folder / point_name(k) : summary.result, fingerprint)
              : std::nullopt;
    if (!results[k]) {
      to_run.push_back(k);
      continue;
    }
    ++done;
    const std::int32_t status = stored_status(*results[k]);
    if (status != 0) {
      ++failed;
      const auto& message = results[k]->values<std::string>("message");
      summary.notes.push_back({k, where(config, k), static_cast<Status>(status), message.front()});
    }
  }
  const std::size_t done_before = done;
  summary.already_complete = to_run.empty();
  // A result may be there from an interrupted call, without the points that came later.
  if (summary.already_complete && holds_all(summary.result, fingerprint, summary.points)) {
    summary.failed = failed;
    return summary;
  }

  Progress progress(summary.points, options.quiet || !study);
  std::mutex mutex;
  std::atomic<std::size_t> next{0};
  std::exception_ptr error;
  std::atomic<bool> given_up{false};  // after an error, no other point is worth its time
  const auto interrupted = [&] {
    return given_up.load(std::memory_order_relaxed) ||
           (options.interrupt != nullptr && options.interrupt->load(std::memory_order_relaxed));
  };
  std::atomic<bool> exponents_known{false};
  /// To be called where an exception is caught.
  const auto give_up = [&] {
    const std::lock_guard guard(mutex);
    if (!error) error = std::current_exception();
    given_up = true;
  };
  /// Puts a point on disk and counts it. False after an error.
  const auto keep = [&](std::size_t k, PointResult point) {
    try {
      point.data.set_attribute({"fingerprint", fingerprint});
      const bool final_result = is_final(static_cast<std::int32_t>(point.status));
      if (study && final_result) write_small_netcdf(point.data, points_folder / point_name(k));
      const std::lock_guard guard(mutex);
      if (point.status == Status::interrupted) summary.interrupted = true;
      if (point.status != Status::interrupted || !study) results[k] = std::move(point.data);
      if (point.status != Status::interrupted) {
        ++done;
        ++summary.ran;
        if (point.status != Status::ok) ++failed;
      }
      if (point.status != Status::ok || !point.message.empty())
        summary.notes.push_back({k, where(config, k), point.status, point.message, point.warnings});
      progress.advance(done, failed, done_before);
      return true;
    } catch (...) {
      give_up();
      return false;
    }
  };
  const auto work = [&] {
    // While the disk takes points (each is waited for until its bytes are safe), the next ones are
    // computed; disks make several safe at a time. Left unasked, a future waits all the same.
    std::deque<std::future<bool>> kept;
    while (!interrupted()) {
      const std::size_t turn = next.fetch_add(1);
      if (turn >= to_run.size()) return;
      const std::size_t k = to_run[turn];
      PointResult point;
      try {
        try {
          point = run_point(config, k, interrupted);
        } catch (const ConfigError& problem) {
          if (!study) throw;
          // One point of many whose values do not go together: marked, the others go on.
          point.status = Status::setup_failed;
          point.message = problem.what();
          point.data = failed_setup(point.message);
        }
        // Which measurements there are is known only now: better after one point than after all.
        if (point.status == Status::ok && !exponents_known)
          exponents_known = check_exponents(config, k, point.data);
        bool good = true;
        if (kept.size() == points_on_the_way) {
          good = kept.front().get();
          kept.pop_front();
        }
        const auto result = std::make_shared<PointResult>(std::move(point));
        const auto put = [&keep, k, result] { return keep(k, std::move(*result)); };
        try {
          kept.push_back(std::async(std::launch::async, put));
        } catch (const std::system_error&) {  // no thread to be had: nothing computed is lost
          good = put() && good;
        }
        if (!good) return;
      } catch (...) {
        give_up();
        return;
      }
    }
  };
  progress.advance(done, failed, done_before);
  const std::size_t jobs =
      std::min<std::size_t>(static_cast<std::size_t>(std::max(1, options.jobs)), to_run.size());
  std::vector<std::thread> threads;
  for (std::size_t j = 1; j < jobs; ++j) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
  if (error) {
    try {
      std::rethrow_exception(error);
    } catch (const ConfigError&) {
      // The config will be mended: the folder is to be free for it.
      if (!again) remove_results(options.folder);
      throw;
    }
  }
  if (interrupted() && done < summary.points) summary.interrupted = true;
  summary.failed = failed;
  std::sort(summary.notes.begin(), summary.notes.end(),
            [](const PointNote& a, const PointNote& b) { return a.point < b.point; });

  std::vector<const Dataset*> points;
  bool any = false;
  for (const std::optional<Dataset>& result : results) {
    points.push_back(result ? &*result : nullptr);
    any = any || result.has_value();
  }
  if (any) {
    Dataset whole = stack(study_axes(config, points), points, absent_point());
    std::vector<std::string> warnings = add_study_fits(config, whole);
    if (!summary.interrupted) summary.warnings = std::move(warnings);
    for (Attribute& attribute : provenance()) whole.set_attribute(std::move(attribute));
    whole.set_attribute({"model", config.run(0).model->name});
    whole.set_attribute({"paper", config.run(0).model->paper});
    whole.set_attribute({"config", config.text()});
    whole.set_attribute({"config_resolved", config.resolved()});
    whole.set_attribute({"fingerprint", fingerprint});
    write_netcdf(whole, summary.result);
  }
  return summary;
}

}  // namespace gradflow
