#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>

#include "io/dataset.hpp"
#include "io/folder_lock.hpp"
#include "solve/outcome.hpp"

namespace gradflow {

/// A folder that must not be written to: results of another config, or of this one without
/// `--resume`.
class FolderRefused : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Results that a repetition would give again; a run cut short by the clock or by Ctrl-C is not
/// one.
bool is_final(Status status);

/// What an earlier call left of a point.
struct Found {
  std::optional<Dataset> finished;
  bool damaged = false;  ///< its checksum is missing or does not fit
};

/// The folder of a config's results: whose it is (resolved.toml, with a checksum), its points
/// (points/NNNNNN.nc of a study, by rename) and the result that is put together from them. What is
/// there is believed only where its checksum fits. Locked for as long as it is open.
class Store {
 public:
  struct Owner {
    std::string fingerprint;  ///< of the config
    std::string config;       ///< its text
    std::string resolved;     ///< the same with all defaults
    bool study = false;       ///< with points, or a single run
  };
  /// Opens a folder that is empty or, with `resume`, that holds this config's results; `tell` gets
  /// a line where something had to be mended. \throws FolderRefused, FileError
  Store(std::filesystem::path folder, Owner owner, bool resume,
        const std::function<void(const std::string&)>& tell);

  /// True where an earlier call was here.
  bool resumed() const { return resumed_; }
  const std::filesystem::path& result() const { return result_; }

  Found find(std::size_t point) const;
  /// Of a study: the bytes of a point's file as `put` takes them, where they can be had beforehand.
  std::optional<std::string> bytes_of(std::size_t point, const Dataset& data) const;
  /// Puts a point on disk for good. Of a study.
  void put(std::size_t point, const Dataset& data, const std::optional<std::string>& bytes) const;
  /// Is there a result with so many points, none of them absent or cut short? \throws FileError
  /// where it is damaged
  bool holds_result(std::size_t points) const;
  void put_result(const Dataset& whole) const;
  /// The parts of a point in several, such as the values of a sweep (parts/NNNNNN/NAME.nc): kept
  /// until the point itself is on disk.
  std::optional<Dataset> find_part(std::size_t point, const std::string& part) const;
  void put_part(std::size_t point, const std::string& part, Dataset data) const;
  void drop_parts(std::size_t point) const;
  /// Frees a folder that was empty.
  void clear() const;

 private:
  std::filesystem::path point_file(std::size_t point) const;
  std::filesystem::path parts_of(std::size_t point) const;
  bool is_ours(const Dataset& data) const;
  bool holds_any() const;
  bool holds_results(const std::string& mark, bool resume,
                     const std::function<void(const std::string&)>& tell) const;

  std::filesystem::path folder_, result_;
  Owner owner_;
  std::optional<FolderLock> lock_;
  bool resumed_ = false;
};

/// The single entry of a variable; nothing where there is no such variable, of this type and size.
template <class T>
std::optional<T> stored(const Dataset& data, std::string_view name) {
  const Variable* variable = data.find(name);
  const auto* values =
      variable != nullptr ? std::get_if<std::vector<T>>(&variable->values) : nullptr;
  return values != nullptr && values->size() == 1 ? std::optional<T>(values->front())
                                                  : std::nullopt;
}

/// A text of the dataset's attributes; empty where there is none of that name.
std::string text_attribute(const Dataset& data, std::string_view name);

}  // namespace gradflow
