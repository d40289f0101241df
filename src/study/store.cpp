#include "study/store.hpp"

#include <algorithm>
#include <cstdio>
#include <new>

#include "io/atomic_file.hpp"
#include "io/checksum.hpp"
#include "io/netcdf_file.hpp"
#include "study/config.hpp"

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

/// The text of DIR/resolved.toml: what tells whose folder it is, with a checksum of its own.
std::string mark_of(const Store::Owner& owner) {
  const std::string text = "# fingerprint " + owner.fingerprint + "\n" + owner.resolved;
  return "# checksum " + hex_checksum(text) + "\n" + text;
}

/// Does the checksum in the first line fit what follows?
bool is_intact_mark(const std::string& text) {
  const std::string head = text.substr(0, text.find('\n'));
  return text.size() > head.size() &&
         head == "# checksum " + hex_checksum(text.substr(head.size() + 1));
}

/// A result that another program wrote is not written over.
void refuse_foreign_result(const fs::path& result) {
  if (fs::exists(result) && is_foreign_netcdf(result))
    throw FolderRefused(result.string() +
                        " has no checksum of gradflow's: it is damaged or another program's; move "
                        "it away and --resume makes it anew");
}

}  // namespace

bool is_final(Status status) {
  return status != Status::interrupted && status != Status::wall_budget &&
         status != Status::not_run;
}

std::string text_attribute(const Dataset& data, std::string_view name) {
  const Attribute* attribute = find_attribute(data.attributes(), name);
  const auto* text = attribute != nullptr ? std::get_if<std::string>(&attribute->value) : nullptr;
  return text != nullptr ? *text : "";
}

Store::Store(fs::path folder, Owner owner, bool resume,
             const std::function<void(const std::string&)>& tell)
    : folder_(std::move(folder)), result_(folder_ / "result.nc"), owner_(std::move(owner)) {
  const std::string mark = mark_of(owner_);
  prepare_folder(folder_);
  lock_.emplace(folder_);
  resumed_ = holds_results(mark, resume, tell);
  require_file(result_);
  if (resumed_) refuse_foreign_result(result_);
  remove_temporaries(folder_);
  remove_temporaries(folder_ / "points");
  // What tells whose folder it is comes first, so that one killed at any later moment is known.
  if (!resumed_) write_file_atomically(folder_ / "resolved.toml", mark);
  if (!fs::exists(folder_ / "config.toml"))
    write_file_atomically(folder_ / "config.toml", owner_.config);
  if (owner_.study) prepare_folder(folder_ / "points");
}

fs::path Store::point_file(std::size_t point) const {
  if (!owner_.study) return result_;
  char text[32];
  std::snprintf(text, sizeof text, "%06zu.nc", point);
  return folder_ / "points" / text;
}

bool Store::is_ours(const Dataset& data) const {
  return text_attribute(data, "fingerprint") == owner_.fingerprint;
}

Found Store::find(std::size_t point) const {
  if (!resumed_) return {};
  const fs::path file = point_file(point);
  require_file(file);
  if (!fs::exists(file)) return {};
  try {
    Dataset data = read_netcdf(file);
    const auto status = stored<std::int32_t>(data, "status");
    if (!is_ours(data) || !status || !is_final(*status)) return {};
    return {std::move(data)};
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception&) {
    return {std::nullopt, true};
  }
}

std::optional<std::string> Store::bytes_of(std::size_t point, const Dataset& data) const {
  return small_netcdf(data, point_file(point));
}

void Store::put(std::size_t point, const Dataset& data,
                const std::optional<std::string>& bytes) const {
  if (bytes)
    write_file_atomically(point_file(point), *bytes);
  else
    write_netcdf(data, point_file(point));
}

fs::path Store::parts_of(std::size_t point) const {
  char text[32];
  std::snprintf(text, sizeof text, "%06zu", point);
  return folder_ / "parts" / text;
}

std::optional<Dataset> Store::find_part(std::size_t point, const std::string& part) const {
  const fs::path file = parts_of(point) / (part + ".nc");
  if (!resumed_ || !fs::is_regular_file(file)) return std::nullopt;
  try {
    Dataset data = read_netcdf(file);
    if (is_ours(data)) return data;
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception&) {  // damaged: it is made again
  }
  return std::nullopt;
}

void Store::put_part(std::size_t point, const std::string& part, Dataset data) const {
  prepare_folder(folder_ / "parts");
  prepare_folder(parts_of(point));
  data.set_attribute({"fingerprint", owner_.fingerprint});
  write_netcdf(data, parts_of(point) / (part + ".nc"));
}

void Store::drop_parts(std::size_t point) const {
  std::error_code ignored;
  fs::remove_all(parts_of(point), ignored);
  // A study's other points may be about to make theirs: there it goes with the result.
  if (!owner_.study) fs::remove(folder_ / "parts", ignored);
}

bool Store::holds_result(std::size_t points) const {
  if (!fs::exists(result_)) return false;
  const Dataset result = read_netcdf(result_);
  const Variable* variable = result.find("status");
  const auto* status =
      variable != nullptr ? std::get_if<std::vector<std::int32_t>>(&variable->values) : nullptr;
  return is_ours(result) && status != nullptr && status->size() == points &&
         std::all_of(status->begin(), status->end(), [](std::int32_t s) { return is_final(s); });
}

void Store::put_result(const Dataset& whole) const {
  write_netcdf(whole, result_);
  // Not before: another point may be about to put its parts there.
  std::error_code ignored;
  fs::remove(folder_ / "parts", ignored);  // where it is empty
}

void Store::clear() const {
  std::error_code ignored;
  fs::remove_all(folder_ / "points", ignored);
  fs::remove_all(folder_ / "parts", ignored);
  for (const char* name : {"result.nc", "config.toml", "resolved.toml"})
    fs::remove(folder_ / name, ignored);
}

/// Where the folder's mark is lost, its results may still say that they are this config's.
bool Store::holds_any() const {
  const auto ours = [&](const fs::path& file) {
    try {
      return is_ours(read_netcdf(file));
    } catch (const std::exception&) {
      return false;
    }
  };
  if (ours(result_)) return true;
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder_ / "points", ignored))
    if (ours(entry.path())) return true;
  return false;
}

/// Refuses a folder that holds anything else than results of this very config.
bool Store::holds_results(const std::string& mark, bool resume,
                          const std::function<void(const std::string&)>& tell) const {
  bool empty = true;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder_)) {
    const std::string name = entry.path().filename().string();
    if (name != FolderLock::file_name && !FileReplacement::is_temporary(entry.path()))
      empty = false;
  }
  if (empty) return false;
  const fs::path file = folder_ / "resolved.toml";
  if (!fs::exists(file))
    throw FolderRefused(folder_.string() +
                        " is not empty and holds no results of gradflow; give "
                        "another folder with --out");
  const std::string found = read_text_file(file, mark.size() + largest_config);
  const bool damaged = found != mark && !is_intact_mark(found);
  if (found != mark && !damaged)
    throw FolderRefused(folder_.string() +
                        " holds results of another config; give another folder with --out");
  if (damaged && !holds_any())
    throw FolderRefused(file.string() +
                        " is damaged, and no result beside it is of this config; give another "
                        "folder with --out");
  if (!resume)
    throw FolderRefused(folder_.string() +
                        " holds results of this config already; go on with "
                        "--resume, or give another folder with --out");
  if (damaged) {
    write_file_atomically(file, mark);
    tell(file.string() +
         " was damaged: written anew, since results beside it are of this "
         "config");
  }
  return true;
}

}  // namespace gradflow
