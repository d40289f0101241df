#include "study/store.hpp"

#include <algorithm>
#include <array>
#include <new>

#include "io/atomic_file.hpp"
#include "io/input_file.hpp"
#include "io/netcdf_file.hpp"
#include "io/packed_file.hpp"
#include "study/config.hpp"
#include "study/folder_mark.hpp"
#include "study/part_files.hpp"

namespace gradflow {
namespace {

namespace fs = std::filesystem;

bool is_final(std::int32_t status) {
  return gradflow::is_final(static_cast<Status>(status));
}

/// Renaming over what is no file would fail, after all the work.
void require_file(const fs::path& path) {
  std::error_code ignored;
  const fs::file_status status = fs::status(path, ignored);
  if (fs::exists(status) && !fs::is_regular_file(status))
    throw FileError(path, fs::is_directory(status) ? "is a folder" : "is not a regular file");
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

constexpr const char* mark_name = "resolved.toml";

/// Are there points as gradflow 0.2 kept them, in a file each?
bool has_old_points(const fs::path& folder) {
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder / "points", ignored))
    if (entry.path().extension() == ".nc") return true;
  return false;
}

/// Makes a file with its whole text, unless another process has just made it.
void make_file(const fs::path& path, const std::string& text) {
  FileReplacement file(path);
  file.append(text);
  file.commit_new();
}

/// A result that another program wrote is not written over.
void refuse_foreign_result(const fs::path& result) {
  if (fs::exists(result) && is_foreign_netcdf(result))
    throw FolderRefused(result.string() +
                        " has no checksum of gradflow's: it is damaged or another program's; move "
                        "it away and --resume makes it anew");
}

}  // namespace

Store::Store(fs::path folder, StudyHead owner, Access access,
             const std::function<void(const std::string&)>& tell)
    : folder_(std::move(folder)), result_(folder_ / "result.nc"), owner_(std::move(owner)) {
  const bool together = access == Access::together;
  prepare_folder(folder_);
  lock_.emplace(folder_, together ? FolderLock::Mode::together : FolderLock::Mode::alone);
  if (!lock_->works())
    tell(folder_.string() +
         ": this file system has no locks: nothing keeps a second gradflow out of the folder, and "
         "points may be run twice (to the same result)");
  resumed_ = holds_results(access != Access::fresh, tell);
  for (const char* name : {"result.nc", "config.toml", "processes.json"})
    require_file(folder_ / name);
  if (resumed_) refuse_foreign_result(result_);
  if (!together)
    for (const fs::path& each : {folder_, folder_ / "points"}) remove_temporaries(each);
  make(together);
}

/// What tells whose folder it is comes first, so that one killed at any later moment is known.
void Store::make(bool together) const {
  const std::string mark = mark_of(owner_);
  const auto put = [&](const fs::path& path, const std::string& text) {
    if (together && !fs::exists(path))
      make_file(path, text);
    else if (!together && (!fs::exists(path) || read_text_file(path) != text))
      // Budgets, fits and places of files may be others than those of an earlier call.
      write_file_atomically(path, text);
  };
  put(folder_ / mark_name, mark);
  if (together) check_mark(read_text_file(folder_ / mark_name), true);
  put(folder_ / "config.toml", owner_.config);
  if (!is_study()) return;
  prepare_folder(folder_ / "points");
  put(folder_ / "points" / "study", encoded(owner_));
}

bool Store::is_ours(const Dataset& data) const {
  return text_attribute(data, "fingerprint") == owner_.fingerprint;
}

bool Store::is_earlier(const std::string& fingerprint) const {
  return !fingerprint.empty() && fingerprint == owner_.prolongs;
}

Found Store::find() const {
  if (!resumed_ || !fs::exists(result_)) return {};
  try {
    Dataset data = read_netcdf(result_);
    const auto status = stored<std::int32_t>(data, "status");
    if (!is_ours(data) || !status) return {};
    if (!is_final(*status))
      return {std::nullopt, false, stored<double>(data, "end_time").value_or(0)};
    return {std::move(data)};
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception&) {
    return {std::nullopt, true};
  }
}

std::optional<Dataset> Store::find_part(std::size_t point, const std::string& part) const {
  const fs::path file = part_file(folder_, point, part);
  if (!fs::is_regular_file(file)) return std::nullopt;
  try {
    Dataset data = read_packed(file);
    if (is_ours(data) || is_earlier(text_attribute(data, "fingerprint"))) return data;
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception&) {  // damaged: it is made again
  }
  return std::nullopt;
}

void Store::put_part(std::size_t point, const std::string& part, Dataset data) const {
  prepare_folder(folder_ / "parts");
  prepare_folder(parts_of_point(folder_, point));
  data.set_attribute({"fingerprint", owner_.fingerprint});
  write_packed(data, part_file(folder_, point, part));
}

void Store::drop_parts(std::size_t point) const {
  std::error_code ignored;
  fs::remove_all(parts_of_point(folder_, point), ignored);
  // A study's other points may be about to make theirs: there it goes with the result.
  if (!is_study()) fs::remove(folder_ / "parts", ignored);
}

bool Store::holds_result(std::size_t points) const {
  if (!fs::exists(result_)) return false;
  const Dataset result = read_netcdf(result_, {"status"});
  const Variable* variable = result.find("status");
  const auto* status =
      variable != nullptr ? std::get_if<std::vector<std::int32_t>>(&variable->values) : nullptr;
  return is_ours(result) && text_attribute(result, "config_resolved") == owner_.resolved &&
         status != nullptr && status->size() == points &&
         std::all_of(status->begin(), status->end(), [](std::int32_t s) { return is_final(s); });
}

void Store::drop_empty_parts() const {
  std::error_code ignored;
  fs::remove(folder_ / "parts", ignored);
}

void Store::clear() const {
  std::error_code ignored;
  for (const char* name : {"points", "parts", "result.nc", "config.toml", mark_name})
    fs::remove_all(folder_ / name, ignored);
}

void remove_results(const fs::path& folder) {
  if (!fs::exists(folder)) return;
  if (!fs::is_directory(folder)) throw FileError(folder, "is not a folder");
  const FolderLock lock(folder);
  std::vector<fs::path> ours;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    constexpr std::array names{"points",      "parts",          "result.nc",
                               "config.toml", "processes.json", "figure.png",
                               "figure.pdf",  "report.html",    mark_name};
    if (std::find(names.begin(), names.end(), name) != names.end())
      ours.push_back(entry.path());
    else if (name != FolderLock::file_name && !FileReplacement::is_temporary(entry.path()))
      throw FileError(entry.path(), "is no result of gradflow's: nothing in its folder is removed");
  }
  if (!ours.empty() && !fs::exists(folder / mark_name))
    throw FileError(folder, "holds no results of gradflow (no " + std::string(mark_name) +
                                "): nothing in it is removed");
  // The mark last: what is left by a removal that is cut short is known for what it is.
  std::stable_partition(ours.begin(), ours.end(),
                        [](const fs::path& path) { return path.filename() != mark_name; });
  for (const fs::path& path : ours) fs::remove_all(path);
}

/// Where the folder's mark is lost, its results may still say that they are this config's.
bool Store::holds_any() const {
  try {
    if (fs::exists(result_) && is_ours(read_netcdf(result_, {}))) return true;
  } catch (const std::exception&) {  // damaged
  }
  return is_study() && PointFiles(folder_, owner_.fingerprint).size() > 0;
}

/// Refuses an intact mark of other results than those of this very config.
void Store::check_mark(const std::string& found, bool resume) const {
  if (const std::string version = mark_entry(found, "result version");
      version != std::to_string(owner_.version))
    throw FolderRefused(folder_.string() + " holds results of result version " +
                        (version.empty() ? "0" : version) + ", and this gradflow makes version " +
                        std::to_string(owner_.version) + "; give another folder with --out");
  const std::string fingerprint = mark_entry(found, "fingerprint");
  if (fingerprint != owner_.fingerprint && !(resume && is_earlier(fingerprint))) {
    const std::string difference = mark_difference(found, mark_of(owner_));
    throw FolderRefused(folder_.string() + " holds results of another config" +
                        (difference.empty() ? "" : " (" + difference + ")") +
                        "; give another folder with --out");
  }
  if (!resume)
    throw FolderRefused(folder_.string() +
                        " holds results of this config already; go on with "
                        "--resume, or give another folder with --out");
}

/// Refuses a folder that holds anything else than results of this very config.
bool Store::holds_results(bool resume, const std::function<void(const std::string&)>& tell) const {
  bool empty = true;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder_)) {
    const std::string name = entry.path().filename().string();
    if (name != FolderLock::file_name && !FileReplacement::is_temporary(entry.path()))
      empty = false;
  }
  if (empty) return false;
  const fs::path file = folder_ / mark_name;
  if (!fs::exists(file))
    throw FolderRefused(folder_.string() +
                        " is not empty and holds no results of gradflow; give "
                        "another folder with --out");
  if (has_old_points(folder_))
    throw FolderRefused(folder_.string() +
                        " holds a study of gradflow 0.2 (points/*.nc), which this version does not "
                        "go on with; give another folder with --out");
  const std::string found = read_text_file(file, owner_.resolved.size() + largest_config);
  if (is_intact_mark(found)) {
    check_mark(found, resume);
    return true;
  }
  if (!holds_any())
    throw FolderRefused(file.string() +
                        " is damaged, and no result beside it is of this config; give another "
                        "folder with --out");
  if (!resume) check_mark(mark_of(owner_), false);
  write_file_atomically(file, mark_of(owner_));
  tell(file.string() +
       " was damaged: written anew, since results beside it are of this "
       "config");
  return true;
}

}  // namespace gradflow
