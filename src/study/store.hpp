#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>

#include "io/dataset.hpp"
#include "io/folder_lock.hpp"
#include "study/point_files.hpp"
#include "study/study_head.hpp"

namespace gradflow {

/// A folder that must not be written to: results of another config, or of this one without
/// `--resume`.
class FolderRefused : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What an earlier call left of a single run.
struct Found {
  std::optional<Dataset> finished;
  bool damaged = false;  ///< its checksum is missing or does not fit
  double reached = 0;    ///< of one that was cut short: the time t that its result goes to
};

/// Removes the results in a folder, of whatever config; a folder that is not there has none. Where
/// there is anything besides, nothing is removed. \throws FileError, also where others write to it
void remove_results(const std::filesystem::path& folder);

/// How a folder is opened.
enum class Access {
  fresh,     ///< alone, and there must be no results
  resume,    ///< alone, and what is there is gone on with
  together,  ///< of a study: with others that do the same, going on with what is there
};

/// The folder of a config's results: whose it is (resolved.toml, with a checksum), the result, and
/// of a study its points (study/point_files.hpp) and what they are put together with
/// (points/study). What is there is believed only where its checksum fits. Locked for as long as it
/// is open.
class Store {
 public:
  /// Opens a folder that is empty or holds results of this study; `tell` gets a line where
  /// something had to be mended. Of several processes that open an empty one together the first
  /// makes it. \throws FolderRefused, FileError
  Store(std::filesystem::path folder, StudyHead owner, Access access,
        const std::function<void(const std::string&)>& tell);

  const std::filesystem::path& folder() const { return folder_; }
  const StudyHead& owner() const { return owner_; }
  /// The lock on the folder.
  FolderLock& lock() { return *lock_; }

  /// True where an earlier call was here.
  bool resumed() const { return resumed_; }
  const std::filesystem::path& result() const { return result_; }

  /// Of a single run.
  Found find() const;
  /// Is there a result of this very config, of so many points, none of them absent or cut short?
  /// \throws FileError where it is damaged
  bool holds_result(std::size_t points) const;
  /// The parts of a point in several, such as the values of a sweep (study/part_files.hpp): kept
  /// until the point itself is on disk.
  std::optional<Dataset> find_part(std::size_t point, const std::string& part) const;
  void put_part(std::size_t point, const std::string& part, Dataset data) const;
  void drop_parts(std::size_t point) const;
  /// Removes the folder of parts where it is empty.
  void drop_empty_parts() const;
  /// Frees a folder that was empty.
  void clear() const;

 private:
  bool is_study() const { return !owner_.axes.empty(); }
  bool is_ours(const Dataset& data) const;
  /// Is it that of the run before it was prolonged?
  bool is_earlier(const std::string& fingerprint) const;
  bool holds_any() const;
  void check_mark(const std::string& found, bool resume) const;
  bool holds_results(bool resume, const std::function<void(const std::string&)>& tell) const;
  void make(bool together) const;

  std::filesystem::path folder_, result_;
  StudyHead owner_;
  std::optional<FolderLock> lock_;
  bool resumed_ = false;
};

}  // namespace gradflow
