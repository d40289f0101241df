#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "io/layout.hpp"
#include "io/record_file.hpp"
#include "solve/outcome.hpp"

/// The finished points of a study on disk: points/*.points, one append-only file of records for
/// each process that worked on it (io/record_file.hpp). A file holds who its process is, the
/// layouts of its points, each once, and the points, which refer to them.
namespace gradflow {

/// Results that a repetition would give again; a run cut short by the clock, by Ctrl-C, for want of
/// memory or with its process is not one.
bool is_final(Status status);

/// Who made the points that stand behind it in a file.
struct PointMaker {
  std::string fingerprint;  ///< of the study
  std::string host;
  std::int64_t process = 0;
  std::string processor;
  std::string started;                                     ///< UTC, ISO 8601
  std::vector<std::pair<std::string, std::string>> build;  ///< build_info()
};

/// The calling process.
PointMaker this_maker(const std::string& fingerprint);

/// A file of points that this process makes.
class PointWriter {
 public:
  /// In DIR/points, by a name that no other process takes. Errors: FileError.
  PointWriter(const std::filesystem::path& folder, std::string fingerprint);
  /// Of points that another has made.
  PointWriter(const std::filesystem::path& folder, PointMaker maker);

  /// Errors: FileError. On disk after `sync`.
  void put(std::size_t point, const std::string& key, const Dataset& data, Status status,
           double seconds, bool reused = false);
  void sync() { file_.sync(); }
  int descriptor() const { return file_.descriptor(); }
  const std::filesystem::path& path() const { return file_.path(); }

 private:
  RecordWriter file_;
  std::string fingerprint_;
  std::optional<PointMaker> maker_;  ///< the process that writes, where none is given
  bool named_ = false;
  std::map<std::string, std::uint32_t> layouts_;  ///< by their bytes
};

/// Where a point is, and how it went.
struct PointPlace {
  std::size_t number = 0;
  std::string key;
  Status status = Status::ok;
  bool reused = false;
  double seconds = 0;
  std::size_t file = 0, maker = 0;  ///< numbers in PointFiles
  std::uint64_t offset = 0, length = 0;
  std::uint32_t layout = 0;
};

/// All points of a folder, as they were on disk when it was looked through.
class PointFiles {
 public:
  /// Reads DIR/points through. Points of makers of another fingerprint are not there; with an empty
  /// one all are. Files that go while they are read are not there. Errors: FileError.
  PointFiles(const std::filesystem::path& folder, const std::string& fingerprint);
  ~PointFiles();
  PointFiles(const PointFiles&) = delete;
  PointFiles& operator=(const PointFiles&) = delete;

  /// The point's place; null where it is not there. Of several the first that is final.
  const PointPlace* find(std::size_t number) const;
  const PointPlace* find_key(const std::string& key) const;
  std::size_t size() const { return points_.size(); }
  const std::unordered_map<std::size_t, PointPlace>& points() const { return points_; }

  /// The layout stays as long as this.
  const Layout& layout(const PointPlace& place) const;
  Contents contents(const PointPlace& place) const;
  Dataset read(const PointPlace& place) const { return joined(layout(place), contents(place)); }

  struct File {
    std::filesystem::path path;
    bool alive = false;  ///< its writer has it open
    std::size_t points = 0;
  };
  const std::vector<File>& files() const { return files_; }
  const std::vector<PointMaker>& makers() const { return makers_; }
  /// The file of each maker.
  const std::vector<std::size_t>& maker_files() const { return maker_files_; }
  std::size_t damaged() const { return damaged_; }  ///< records, or stretches of a file

  /// Copies the points that `keep` wants, as they are, with their layouts and makers; how many.
  std::size_t copy(RecordWriter& to, const std::function<bool(const PointPlace&)>& keep) const;

 private:
  struct Read;

  void look_through(const std::filesystem::path& path);
  bool is_ours(const PointMaker& maker) const;
  void take(PointPlace place);

  std::string fingerprint_;
  std::vector<File> files_;
  std::vector<PointMaker> makers_;
  std::vector<std::size_t> maker_files_;
  std::unordered_map<std::size_t, PointPlace> points_;
  mutable std::unordered_map<std::string, std::size_t> by_key_;
  std::vector<std::unique_ptr<Read>> read_;
  std::size_t damaged_ = 0;
};

/// Files of points beyond which it is worth to put them together.
constexpr std::size_t most_point_files = 16;

/// Puts the points of many files into one, where there are more than `most`: a new file, on disk,
/// before any old one goes. For who has the folder alone. Errors: FileError.
void put_together(const std::filesystem::path& folder, const PointFiles& points, std::size_t most);

/// Copies the points of another folder of the same study that are not final here into a file of
/// their own in this one, with who made them. How many. Errors: FileError.
std::size_t copy_points(const PointFiles& from, const PointFiles& to,
                        const std::filesystem::path& folder);

}  // namespace gradflow
