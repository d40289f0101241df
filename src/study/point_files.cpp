#include "study/point_files.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <ctime>
#include <fstream>
#include <stdexcept>

#include "io/byte_locks.hpp"
#include "io/packing.hpp"
#include "study/build_info.hpp"

namespace gradflow {

// Found by cereal through its argument.
template <class Archive>
void serialize(Archive& archive, PointMaker& maker) {
  archive(maker.fingerprint, maker.host, maker.process, maker.processor, maker.started,
          maker.build);
}

namespace {

namespace fs = std::filesystem;

enum Kind : std::uint32_t { of_maker = 1, of_layout = 2, of_point = 3, of_reused_point = 4 };

constexpr const char* extension = ".points";
/// A point's body begins with the number of its layout.
constexpr std::size_t reference_bytes = sizeof(std::uint32_t);

std::string host_name() {
  std::array<char, 256> name{};
  ::gethostname(name.data(), name.size() - 1);
  return name.data();
}

std::string processor_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.starts_with("model name"))
      if (const std::size_t colon = line.find(": "); colon != std::string::npos)
        return line.substr(colon + 2);
  return "";
}

std::string now_in_utc() {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text.data();
}

PointMaker decoded_maker(std::string_view body) {
  return unpacked<PointMaker>(body);
}

bool is_point(const RecordHead& head, std::string_view body) {
  return (head.kind == of_point || head.kind == of_reused_point) && body.size() >= reference_bytes;
}

/// But for its file and maker.
PointPlace place_of(const RecordHead& head, std::uint64_t offset, std::string_view body) {
  PointPlace place;
  place.number = static_cast<std::size_t>(head.number);
  place.key = head.key;
  place.status = static_cast<Status>(head.mark);
  place.reused = head.kind == of_reused_point;
  place.seconds = head.seconds;
  place.offset = offset + reference_bytes;
  place.length = body.size() - reference_bytes;
  std::memcpy(&place.layout, body.data(), reference_bytes);
  return place;
}

/// A name that no other writer has: host, process and a number.
fs::path new_name(const fs::path& folder) {
  static int count = 0;
  std::string host = host_name();
  for (char& c : host)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '-' && c != '.') c = '_';
  const std::string stem = host + "-" + std::to_string(::getpid()) + "-";
  fs::path path;
  do {
    path = folder / "points" / (stem + std::to_string(count++) + extension);
  } while (fs::exists(path));  // of an earlier process of this number
  return path;
}

}  // namespace

bool is_final(Status status) {
  for (const Status cut : {Status::interrupted, Status::wall_budget, Status::not_run,
                           Status::memory_budget, Status::crashed})
    if (status == cut) return false;
  return true;
}

PointMaker this_maker(const std::string& fingerprint) {
  return {fingerprint,      host_name(),  static_cast<std::int64_t>(::getpid()),
          processor_name(), now_in_utc(), build_info()};
}

PointWriter::PointWriter(const fs::path& folder, std::string fingerprint)
    : file_(new_name(folder)), fingerprint_(std::move(fingerprint)) {
  lock_as_alive(file_.descriptor());
}

PointWriter::PointWriter(const fs::path& folder, PointMaker maker)
    : PointWriter(folder, maker.fingerprint) {
  maker_ = std::move(maker);
}

void PointWriter::put(std::size_t point, const std::string& key, const Dataset& data, Status status,
                      double seconds, bool reused) {
  if (!named_) {
    RecordHead head;
    head.kind = of_maker;
    file_.append(head, packed(maker_ ? *maker_ : this_maker(fingerprint_)));
    named_ = true;
  }
  std::string layout = encoded(layout_of(data));
  const auto [known, is_new] =
      layouts_.try_emplace(std::move(layout), static_cast<std::uint32_t>(layouts_.size()));
  if (is_new) try {
      RecordHead head;
      head.kind = of_layout;
      head.number = known->second;
      file_.append(head, known->first);
    } catch (...) {
      layouts_.erase(known);
      throw;
    }
  std::string body(reinterpret_cast<const char*>(&known->second), reference_bytes);
  body += encoded_contents(data);
  RecordHead head;
  head.kind = reused ? of_reused_point : of_point;
  head.mark = static_cast<std::int32_t>(status);
  head.number = point;
  head.key = key;
  head.seconds = seconds;
  file_.append(head, body);
}

/// An open file of points and the layouts in it.
struct PointFiles::Read {
  explicit Read(const fs::path& path) : reader(path) {}
  RecordReader reader;
  std::map<std::pair<std::size_t, std::uint32_t>, Layout> layouts;  ///< by maker and number
};

PointFiles::PointFiles(const fs::path& folder, const std::string& fingerprint)
    : fingerprint_(fingerprint) {
  std::vector<fs::path> paths;
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder / "points", ignored))
    if (entry.path().extension() == extension) paths.push_back(entry.path());
  // Of several copies of a point the choice is not to depend on the order of a folder.
  std::sort(paths.begin(), paths.end());
  for (const fs::path& path : paths) look_through(path);
}

PointFiles::~PointFiles() = default;

bool PointFiles::is_ours(const PointMaker& maker) const {
  return fingerprint_.empty() || maker.fingerprint == fingerprint_;
}

void PointFiles::look_through(const fs::path& path) {
  std::unique_ptr<Read> read;
  try {
    read = std::make_unique<Read>(path);
  } catch (const FileError&) {
    if (!fs::exists(path)) return;  // put together with others, just now
    throw;
  }
  File file{path, is_locked(read->reader.descriptor()).value_or(false), 0};
  bool ours = false;
  const auto see = [&](const RecordHead& head, std::uint64_t offset, std::string_view body) {
    if (head.kind == of_maker) {
      PointMaker maker = decoded_maker(body);
      ours = is_ours(maker);
      if (!ours) return;
      makers_.push_back(std::move(maker));
      maker_files_.push_back(files_.size());
    } else if (!ours) {
      return;
    } else if (head.kind == of_layout) {
      read->layouts[{makers_.size() - 1, static_cast<std::uint32_t>(head.number)}] =
          decoded_layout(body);
    } else if (is_point(head, body)) {
      PointPlace place = place_of(head, offset, body);
      place.file = files_.size();
      place.maker = makers_.size() - 1;
      if (read->layouts.count({place.maker, place.layout}) == 0) {
        ++damaged_;  // it lies in a stretch that is damaged
        return;
      }
      ++file.points;
      take(std::move(place));
    }
  };
  damaged_ += read->reader.scan(see).damaged;
  files_.push_back(std::move(file));
  read_.push_back(std::move(read));
}

void PointFiles::take(PointPlace place) {
  const std::size_t number = place.number;
  const auto [known, is_new] = points_.try_emplace(number, place);
  // Later than one that is to be run again.
  if (!is_new && !is_final(known->second.status)) known->second = std::move(place);
}

const PointPlace* PointFiles::find(std::size_t number) const {
  const auto found = points_.find(number);
  return found != points_.end() ? &found->second : nullptr;
}

const PointPlace* PointFiles::find_key(const std::string& key) const {
  if (by_key_.empty())
    for (const auto& [number, place] : points_) by_key_.emplace(place.key, number);
  const auto found = by_key_.find(key);
  return found != by_key_.end() ? find(found->second) : nullptr;
}

const Layout& PointFiles::layout(const PointPlace& place) const {
  return read_[place.file]->layouts.at({place.maker, place.layout});
}

Contents PointFiles::contents(const PointPlace& place) const {
  return decoded_contents(read_[place.file]->reader.body(place.offset, place.length));
}

std::size_t PointFiles::copy(RecordWriter& to,
                             const std::function<bool(const PointPlace&)>& keep) const {
  std::size_t copied = 0;
  for (std::size_t f = 0; f < files_.size(); ++f) {
    bool ours = false;
    // Of a maker and its layouts, what waits for the first point that is kept.
    std::vector<std::pair<RecordHead, std::string>> waiting;
    const auto see = [&](const RecordHead& head, std::uint64_t offset, std::string_view body) {
      if (head.kind == of_maker) {
        ours = is_ours(decoded_maker(body));
        waiting.clear();
      }
      if (!ours) return;
      if (!is_point(head, body)) {
        waiting.emplace_back(head, body);
        return;
      }
      PointPlace place = place_of(head, offset, body);
      place.file = f;
      if (!keep(place)) return;
      for (const auto& [before, text] : waiting) to.append(before, text);
      waiting.clear();
      to.append(head, body);
      ++copied;
    };
    read_[f]->reader.scan(see);
  }
  if (copied > 0) to.sync();
  return copied;
}

void put_together(const fs::path& folder, const PointFiles& points, std::size_t most) {
  if (points.files().size() <= most) return;
  RecordWriter all(new_name(folder));
  points.copy(all, [&](const PointPlace& place) {
    const PointPlace* best = points.find(place.number);
    return best != nullptr && best->file == place.file && best->offset == place.offset;
  });
  for (const PointFiles::File& file : points.files()) {
    std::error_code ignored;
    fs::remove(file.path, ignored);
  }
}

std::size_t copy_points(const PointFiles& from, const PointFiles& to, const fs::path& folder) {
  const auto wanted = [&](const PointPlace& place) {
    const PointPlace* here = to.find(place.number);
    const PointPlace* best = from.find(place.number);
    return best->file == place.file && best->offset == place.offset &&
           (here == nullptr || (!is_final(here->status) && is_final(place.status)));
  };
  bool any = false;
  for (const auto& [number, place] : from.points()) any = any || wanted(place);
  if (!any) return 0;
  RecordWriter writer(new_name(folder));
  return from.copy(writer, wanted);
}

}  // namespace gradflow
