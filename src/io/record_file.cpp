#include "io/record_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <vector>

#include "io/checksum.hpp"
#include "io/system_call.hpp"

namespace gradflow {
namespace {

static_assert(std::endian::native == std::endian::little,
              "heads are written as they lie in memory");

constexpr std::string_view record_title = "gradflow records 1\n";
constexpr std::string_view record_mark = "\x89gfrec\r\n";
constexpr std::size_t key_bytes = 16;
constexpr std::size_t head_bytes = 72;
constexpr std::size_t seal_bytes = 16;

using HeadBytes = std::array<char, head_bytes>;

/// Copies values one behind the other.
class Packer {
 public:
  explicit Packer(char* to) : to_(to) {}
  template <class T>
  void put(const T& value) {
    std::memcpy(to_, &value, sizeof value);
    to_ += sizeof value;
  }
  void put_bytes(std::string_view bytes) {
    std::memcpy(to_, bytes.data(), bytes.size());
    to_ += bytes.size();
  }

 private:
  char* to_;
};

HeadBytes packed(const RecordHead& head) {
  HeadBytes bytes{};
  Packer packer(bytes.data());
  packer.put_bytes(record_mark);
  packer.put(head.kind);
  packer.put(head.mark);
  packer.put(head.number);
  // Another length would move what stands behind it.
  if (head.key.size() != key_bytes) throw std::logic_error("a record's key is not of 16 bytes");
  packer.put_bytes(head.key);
  packer.put(head.seconds);
  packer.put(head.length);
  packer.put(std::uint64_t{0});
  packer.put_bytes(checksum_of({{bytes.data(), head_bytes - 8}}).substr(0, 8));
  return bytes;
}

bool unpack(const char* bytes, RecordHead& head) {
  if (std::string_view(bytes, record_mark.size()) != record_mark) return false;
  if (checksum_of({{bytes, head_bytes - 8}}).compare(0, 8, bytes + head_bytes - 8, 8) != 0)
    return false;
  const char* from = bytes + record_mark.size();
  const auto take = [&](auto& value) {
    std::memcpy(&value, from, sizeof value);
    from += sizeof value;
  };
  take(head.kind);
  take(head.mark);
  take(head.number);
  head.key.assign(from, key_bytes);
  from += key_bytes;
  take(head.seconds);
  take(head.length);
  return true;
}

/// What a record ends with.
std::string seal_of(const char* head, std::string_view body) {
  return checksum_of({{head, head_bytes}, body});
}

/// A file seen through a window that moves forward.
class Window {
 public:
  Window(int fd, const std::filesystem::path& path) : fd_(fd), path_(path) {
    struct stat status = {};
    if (::fstat(fd, &status) != 0) throw FileError(path, "cannot be read: " + reason_of(errno));
    size_ = static_cast<std::uint64_t>(status.st_size);
  }

  std::uint64_t size() const { return size_; }
  /// Bytes of the file, which are there; valid until the next call.
  const char* at(std::uint64_t offset, std::size_t count) {
    if (offset < begin_ || offset + count > begin_ + bytes_.size()) {
      constexpr std::size_t least = 1 << 20;
      bytes_.resize(std::min<std::uint64_t>(std::max(count, least), size_ - offset));
      begin_ = offset;
      read();
    }
    return bytes_.data() + (offset - begin_);
  }

 private:
  void read() {
    std::size_t done = 0;
    while (done < bytes_.size()) {
      const ssize_t length = ::pread(fd_, bytes_.data() + done, bytes_.size() - done,
                                     static_cast<off_t>(begin_ + done));
      if (length < 0 && errno == EINTR) continue;
      if (length < 0) throw FileError(path_, "cannot be read: " + reason_of(errno));
      if (length == 0) throw FileError(path_, "became shorter while it was read");
      done += static_cast<std::size_t>(length);
    }
  }

  int fd_;
  const std::filesystem::path& path_;
  std::uint64_t size_ = 0, begin_ = 0;
  std::vector<char> bytes_;
};

}  // namespace

RecordWriter::RecordWriter(std::filesystem::path path) : path_(std::move(path)) {
  fd_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0666);
  if (fd_ < 0) throw FileError(path_, "cannot be made: " + reason_of(errno));
  const ssize_t written = ::write(fd_, record_title.data(), record_title.size());
  if (written != static_cast<ssize_t>(record_title.size())) {
    const std::string why = written < 0 ? reason_of(errno) : "no space left on device";
    ::close(fd_);
    ::unlink(path_.c_str());
    throw FileError(path_, "cannot be written: " + why);
  }
  size_ = record_title.size();
  sync_folder(path_.parent_path());
}

RecordWriter::~RecordWriter() {
  ::close(fd_);
}

void RecordWriter::append(RecordHead head, std::string_view body) {
  head.length = body.size();
  const HeadBytes bytes = packed(head);
  const std::string seal = seal_of(bytes.data(), body);
  std::array<iovec, 3> parts{{{const_cast<char*>(bytes.data()), bytes.size()},
                              {const_cast<char*>(body.data()), body.size()},
                              {const_cast<char*>(seal.data()), seal.size()}}};
  const std::uint64_t all = bytes.size() + body.size() + seal.size();
  std::uint64_t done = 0;
  while (done < all) {
    const ssize_t length = ::writev(fd_, parts.data(), static_cast<int>(parts.size()));
    if (length < 0 && errno == EINTR) continue;
    if (length <= 0) {
      const std::string why = length < 0 ? reason_of(errno) : "nothing was taken";
      [[maybe_unused]] const int cut = ::ftruncate(fd_, static_cast<off_t>(size_));
      throw FileError(path_, "cannot be written: " + why);
    }
    done += static_cast<std::uint64_t>(length);
    // What has been taken of each part.
    auto taken = static_cast<std::size_t>(length);
    for (iovec& part : parts) {
      const std::size_t of_this = std::min(taken, part.iov_len);
      part.iov_base = static_cast<char*>(part.iov_base) + of_this;
      part.iov_len -= of_this;
      taken -= of_this;
    }
  }
  size_ += all;
}

void RecordWriter::sync() {
  if (::fdatasync(fd_) != 0) throw FileError(path_, "cannot be put on disk: " + reason_of(errno));
}

RecordReader::RecordReader(const std::filesystem::path& path) : path_(path) {
  // Never anything but a regular file: a FIFO would wait for its writer.
  fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd_ < 0) throw FileError(path, "cannot be read: " + reason_of(errno));
  struct stat status = {};
  if (::fstat(fd_, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(fd_);
    throw FileError(path, "is not a regular file");
  }
}

RecordReader::~RecordReader() {
  ::close(fd_);
}

RecordScan RecordReader::scan(
    const std::function<void(const RecordHead&, std::uint64_t, std::string_view)>& see) const {
  RecordScan found;
  Window file(fd_, path_);
  const std::uint64_t end = file.size();
  if (end < record_title.size()) {
    found.torn = true;
    return found;
  }
  std::uint64_t at = record_title.size();
  // The title alone may be damaged: records have their own checksums.
  if (std::string_view(file.at(0, record_title.size()), record_title.size()) != record_title) {
    ++found.damaged;
    at = 0;
  }
  bool lost = at == 0;  // within a stretch that has been counted
  RecordHead head;
  while (at < end) {
    const bool whole_head = end - at >= head_bytes;
    if (whole_head && unpack(file.at(at, head_bytes), head)) {
      const std::uint64_t left = end - at - head_bytes;
      if (left < seal_bytes || head.length > left - seal_bytes) {
        found.torn = true;
        return found;
      }
      const auto length = static_cast<std::size_t>(head.length);
      const char* const record = file.at(at, head_bytes + length + seal_bytes);
      const std::string_view body(record + head_bytes, length);
      if (seal_of(record, body).compare(0, seal_bytes, body.data() + length, seal_bytes) == 0)
        see(head, at + head_bytes, body);
      else
        ++found.damaged;
      lost = false;
      at += head_bytes + length + seal_bytes;
      continue;
    }
    if (!whole_head && !lost) {
      const auto rest = static_cast<std::size_t>(end - at);
      if (record_mark.substr(0, rest) ==
          std::string_view(file.at(at, rest), rest).substr(0, record_mark.size()))
        found.torn = true;
      else
        ++found.damaged;
      return found;
    }
    // No head where one should be: on to the next that is one.
    if (!lost) ++found.damaged;
    lost = true;
    ++at;
    while (at < end) {
      const auto stretch =
          static_cast<std::size_t>(std::min<std::uint64_t>(end - at, std::uint64_t{1} << 20));
      const std::string_view bytes(file.at(at, stretch), stretch);
      const std::size_t next = bytes.find(record_mark.front());
      at += next == std::string_view::npos ? stretch : next;
      if (next != std::string_view::npos) break;
    }
  }
  return found;
}

std::string RecordReader::body(std::uint64_t offset, std::uint64_t length) const {
  std::string bytes(static_cast<std::size_t>(length), '\0');
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got =
        ::pread(fd_, bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0)
      throw FileError(path_, got < 0 ? "cannot be read: " + reason_of(errno) : "is cut off");
    done += static_cast<std::size_t>(got);
  }
  return bytes;
}

}  // namespace gradflow
