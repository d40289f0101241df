#include "study/runner.hpp"

#include <algorithm>
#include <cstdio>
#include <deque>
#include <future>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <set>
#include <system_error>
#include <thread>

#include "io/atomic_file.hpp"
#include "io/checksum.hpp"
#include "io/folder_lock.hpp"
#include "io/netcdf_file.hpp"
#include "numerics/memory.hpp"
#include "study/build_info.hpp"
#include "study/progress.hpp"
#include "study/study_fits.hpp"

namespace gradflow {
namespace {

namespace fs = std::filesystem;

/// Of each job: computed, and on their way to the disk.
constexpr std::size_t points_on_the_way = 8;

/// Memory that must be left for a run to be begun. Eigen does not bear to be refused some in the
/// middle (a matrix that is to grow frees its old entries first, and again when it is unwound).
constexpr double run_margin = 32 << 20;
/// For a point of a study more: what its threads take (stacks, and the heaps that malloc gives
/// them) is not to bring others into need.
constexpr double point_margin = 128 << 20;

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

/// The single entry of a variable; nothing where there is no such variable, of this type and size.
template <class T>
std::optional<T> stored(const Dataset& data, std::string_view name) {
  const Variable* variable = data.find(name);
  const auto* values =
      variable != nullptr ? std::get_if<std::vector<T>>(&variable->values) : nullptr;
  return values != nullptr && values->size() == 1 ? std::optional<T>(values->front())
                                                  : std::nullopt;
}

/// Results that a repetition would give again; a run cut short by the clock or by Ctrl-C is not
/// one.
bool is_final(std::int32_t status) {
  return status != static_cast<std::int32_t>(Status::interrupted) &&
         status != static_cast<std::int32_t>(Status::wall_budget) &&
         status != static_cast<std::int32_t>(Status::not_run);
}

/// Empty where there is no such text.
std::string text_attribute(const Dataset& data, std::string_view name) {
  const Attribute* attribute = find_attribute(data.attributes(), name);
  const auto* text = attribute != nullptr ? std::get_if<std::string>(&attribute->value) : nullptr;
  return text != nullptr ? *text : "";
}

bool is_of(const Dataset& data, const std::string& fingerprint) {
  return text_attribute(data, "fingerprint") == fingerprint;
}

/// What an earlier call left of a point.
struct Found {
  std::optional<Dataset> finished;
  bool damaged = false;  ///< its checksum is missing or does not fit
};

/// Renaming over what is no file would fail, after all the work.
void require_file(const fs::path& path) {
  std::error_code ignored;
  const fs::file_status status = fs::status(path, ignored);
  if (fs::exists(status) && !fs::is_regular_file(status))
    throw FileError(path, fs::is_directory(status) ? "is a folder" : "is not a regular file");
}

Found find_point(const fs::path& file, const std::string& fingerprint) {
  require_file(file);
  if (!fs::exists(file)) return {};
  try {
    Dataset data = read_netcdf(file);
    const auto status = stored<std::int32_t>(data, "status");
    if (!is_of(data, fingerprint) || !status || !is_final(*status)) return {};
    return {std::move(data)};
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception&) {
    return {std::nullopt, true};
  }
}

/// Is there a result with all points, none of them absent or cut short?
bool holds_all(const Dataset& result, const std::string& fingerprint, std::size_t points) {
  const Variable* variable = result.find("status");
  const auto* status =
      variable != nullptr ? std::get_if<std::vector<std::int32_t>>(&variable->values) : nullptr;
  return is_of(result, fingerprint) && status != nullptr && status->size() == points &&
         std::all_of(status->begin(), status->end(), is_final);
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

/// The text of DIR/resolved.toml: what tells whose folder it is, with a checksum of its own.
std::string folder_mark(const Config& config, const std::string& fingerprint) {
  const std::string text = "# fingerprint " + fingerprint + "\n" + config.resolved();
  return "# checksum " + hex_checksum(text) + "\n" + text;
}

/// Does the checksum in the first line fit what follows?
bool is_intact_mark(const std::string& text) {
  const std::string head = text.substr(0, text.find('\n'));
  return text.size() > head.size() &&
         head == "# checksum " + hex_checksum(text.substr(head.size() + 1));
}

/// Where the folder's mark is lost, its results may still say that they are this config's.
bool holds_any_of(const fs::path& folder, const std::string& fingerprint) {
  const auto is_ours = [&](const fs::path& file) {
    try {
      return is_of(read_netcdf(file), fingerprint);
    } catch (const std::exception&) {
      return false;
    }
  };
  if (is_ours(folder / "result.nc")) return true;
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder / "points", ignored))
    if (is_ours(entry.path())) return true;
  return false;
}

/// Refuses a folder that holds anything else than results of this very config.
bool holds_results(const fs::path& folder, const std::string& mark, const std::string& fingerprint,
                   const RunOptions& options) {
  bool empty = true;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name != FolderLock::file_name && !FileReplacement::is_temporary(entry.path()))
      empty = false;
  }
  if (empty) return false;
  const fs::path file = folder / "resolved.toml";
  if (!fs::exists(file))
    throw FolderRefused(folder.string() +
                        " is not empty and holds no results of gradflow; give "
                        "another folder with --out");
  const std::string found = read_text_file(file, mark.size() + largest_config);
  const bool damaged = found != mark && !is_intact_mark(found);
  if (found != mark && !damaged)
    throw FolderRefused(folder.string() +
                        " holds results of another config; give another folder with --out");
  if (damaged && !holds_any_of(folder, fingerprint))
    throw FolderRefused(file.string() +
                        " is damaged, and no result beside it is of this config; give another "
                        "folder with --out");
  if (!options.resume)
    throw FolderRefused(folder.string() +
                        " holds results of this config already; go on with "
                        "--resume, or give another folder with --out");
  if (damaged) {
    write_file_atomically(file, mark);
    options.tell(file.string() +
                 " was damaged: written anew, since results beside it are of this "
                 "config");
  }
  return true;
}

/// A result that another program wrote is not written over.
void refuse_foreign_result(const fs::path& result) {
  if (fs::exists(result) && is_foreign_netcdf(result))
    throw FolderRefused(result.string() +
                        " has no checksum of gradflow's: it is damaged or another program's; move "
                        "it away and --resume makes it anew");
}

// --------------------------------------------------------------------------------- provenance

/// What of a build is not as in this one: "gradflow_commit 0123456789ab"; empty where nothing is.
std::string other_build(const Dataset& point) {
  std::string text;
  for (const auto& [name, own] : build_info())
    if (const std::string other = text_attribute(point, name); other != own)
      text += (text.empty() ? "" : ", ") + name + " " + (other.empty() ? "unknown" : other);
  return text;
}

/// Names every build that had a part in a result: in its attributes and, where there are several,
/// which point is whose. `whole` is put together from `points`, over `axes`.
void add_builds(Dataset& whole, const std::vector<const Dataset*>& points,
                const std::vector<std::string>& axes) {
  bool mixed = false;
  std::vector<std::string> builds(points.size());
  for (const auto& [name, own] : build_info()) {
    std::vector<std::string> seen;
    for (const Dataset* point : points)
      if (point != nullptr) seen.push_back(text_attribute(*point, name));
    seen.push_back(own);
    std::string all;
    std::set<std::string> known;
    for (const std::string& text : seen)
      if (known.insert(text).second) all += (all.empty() ? "" : "; ") + text;
    whole.set_attribute({name, all});
    if (known.size() == 1) continue;
    mixed = true;
    for (std::size_t k = 0; k < points.size(); ++k)
      if (points[k] != nullptr)
        builds[k] +=
            (builds[k].empty() ? "" : ", ") + name + " " + text_attribute(*points[k], name);
  }
  if (mixed)
    whole.add({"build", axes, std::move(builds), {{"long_name", "build that made the point"}}});
}

RunSummary run_points(const Config& config, const RunOptions& options) {
  RunSummary summary;
  summary.points = config.points();
  summary.result = options.folder / "result.nc";
  const std::string fingerprint = config.fingerprint();
  const std::string mark = folder_mark(config, fingerprint);

  prepare_folder(options.folder);
  const FolderLock lock(options.folder);
  const bool again = holds_results(options.folder, mark, fingerprint, options);
  require_file(summary.result);
  if (again) refuse_foreign_result(summary.result);
  const fs::path points_folder = options.folder / "points";
  remove_temporaries(options.folder);
  remove_temporaries(points_folder);
  // What tells whose folder it is comes first, so that one killed at any later moment is known.
  if (!again) write_file_atomically(options.folder / "resolved.toml", mark);
  if (!fs::exists(options.folder / "config.toml"))
    write_file_atomically(options.folder / "config.toml", config.text());
  const bool study = config.is_study();
  if (study) prepare_folder(points_folder);

  std::vector<std::optional<Dataset>> results(summary.points);
  std::vector<std::size_t> to_run;
  std::size_t done = 0, failed = 0, damaged = 0, others = 0;
  std::string other;  // build, of the first point that has another than this
  for (std::size_t k = 0; k < summary.points; ++k) {
    if (again) {
      Found found = find_point(study ? points_folder / point_name(k) : summary.result, fingerprint);
      results[k] = std::move(found.finished);
      if (found.damaged) ++damaged;
    }
    if (!results[k]) {
      to_run.push_back(k);
      continue;
    }
    ++done;
    if (const std::string build = other_build(*results[k]); !build.empty())
      if (others++ == 0) other = build;
    const std::int32_t status = *stored<std::int32_t>(*results[k], "status");
    if (status != 0) {
      ++failed;
      summary.notes.push_back({k, where(config, k), static_cast<Status>(status),
                               stored<std::string>(*results[k], "message").value_or("")});
    }
  }
  const std::string all = std::to_string(summary.points);
  if (damaged > 0)
    options.tell(study ? std::to_string(damaged) + " of " + all +
                             " points are damaged (by their checksums) and run again"
                       : summary.result.string() + " is damaged (by its checksum): it runs again");
  if (others > 0)
    options.tell(
        (study ? std::to_string(others) + " of " + all + " points were" : "the result was") +
        " computed by another build (" + other + ")");
  const std::size_t done_before = done;
  summary.already_complete = to_run.empty();
  // A result may be there from an interrupted call, without the points that came later.
  if (summary.already_complete && fs::exists(summary.result)) {
    try {
      if (!study || holds_all(read_netcdf(summary.result), fingerprint, summary.points)) {
        summary.failed = failed;
        return summary;
      }
    } catch (const FileError&) {
      options.tell(summary.result.string() + " is damaged: it is put together again");
    }
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
  /// Puts a point on disk (of a study, and where it is final) and counts it. False after an error.
  /// `bytes`: of its file, where they have been made already.
  const auto keep = [&](std::size_t k, PointResult point, const std::optional<std::string>& bytes) {
    try {
      const fs::path file = points_folder / point_name(k);
      if (bytes)
        write_file_atomically(file, *bytes);
      else if (study && is_final(static_cast<std::int32_t>(point.status)))
        write_netcdf(point.data, file);
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
  const auto run = [&](std::size_t k) {
    require_memory(study ? point_margin : run_margin);
    PointResult point;
    try {
      try {
        point = run_point(config, k, interrupted);
      } catch (const ParameterError& problem) {  // no memory for the Newton matrix any more
        config.complain("solver", problem);
      }
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
    point.data.set_attribute({"fingerprint", fingerprint});
    for (Attribute& attribute : provenance()) point.data.set_attribute(std::move(attribute));
    return point;
  };
  const auto work = [&] {
    try {
      // While the disk takes points (each is waited for until its bytes are safe), the next ones
      // are computed; disks make several safe at a time. Left unasked, a future waits all the same.
      std::deque<std::future<bool>> kept;
      while (!interrupted()) {
        const std::size_t turn = next.fetch_add(1);
        if (turn >= to_run.size()) return;
        const std::size_t k = to_run[turn];
        const auto point = std::make_shared<PointResult>(run(k));
        std::optional<std::string> bytes;
        if (study && is_final(static_cast<std::int32_t>(point->status)))
          bytes = small_netcdf(point->data, points_folder / point_name(k));
        bool good = true;
        if (kept.size() == points_on_the_way) {
          good = kept.front().get();
          kept.pop_front();
        }
        const auto put = [&keep, k, point, bytes = std::move(bytes)] {
          return keep(k, std::move(*point), bytes);
        };
        try {
          kept.push_back(std::async(std::launch::async, put));
        } catch (const std::exception&) {  // no thread to be had: nothing computed is lost
          good = put() && good;
        }
        if (!good) return;
      }
    } catch (...) {
      give_up();
    }
  };
  progress.advance(done, failed, done_before);
  const std::size_t jobs =
      std::min<std::size_t>(static_cast<std::size_t>(std::max(1, options.jobs)), to_run.size());
  std::vector<std::thread> threads;
  try {
    for (std::size_t j = 1; j < jobs; ++j) threads.emplace_back(work);
  } catch (const std::exception&) {  // no thread or no memory: those there are do the work
  }
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
    const std::vector<StudyAxis> axes = study_axes(config, points);
    Dataset whole = stack(axes, points, absent_point());
    std::vector<std::string> axis_names;
    for (const StudyAxis& axis : axes) axis_names.push_back(axis.name);
    add_builds(whole, points, axis_names);
    std::vector<std::string> warnings = add_study_fits(config, whole);
    if (!summary.interrupted) summary.warnings = std::move(warnings);
    whole.set_attribute({"model", config.run(0).model->name});
    whole.set_attribute({"paper", config.run(0).model->paper});
    whole.set_attribute({"config", config.text()});
    whole.set_attribute({"config_resolved", config.resolved()});
    whole.set_attribute({"fingerprint", fingerprint});
    write_netcdf(whole, summary.result);
  }
  return summary;
}

}  // namespace

std::vector<Attribute> provenance() {
  std::vector<Attribute> out;
  for (const auto& [name, text] : build_info()) out.push_back({name, text});
  return out;
}

RunSummary run_config(const Config& config, const RunOptions& options) {
  try {
    return run_points(config, options);
  } catch (const std::bad_alloc&) {
    if (!config.is_study()) throw;
    throw std::runtime_error(options.folder.string() +
                             ": out of memory; the points that are done are kept, and --resume "
                             "goes on with them where there is more");
  }
}

}  // namespace gradflow
