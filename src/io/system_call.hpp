#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

/// What the files of this folder share of the system below.
namespace gradflow {

/// The system's words for an error number.
inline std::string reason_of(int error) {
  return std::generic_category().message(error);
}

/// Owns a file descriptor. `close()` reports what the destructor cannot: on network file systems
/// a failed write may first show there.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  bool is_open() const { return fd_ >= 0; }
  int get() const { return fd_; }
  bool close() { return ::close(release()) == 0; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

/// Does it say that the file system has no locks?
inline bool is_without_locks(int error) {
  return error == ENOLCK || error == ENOSYS || error == EOPNOTSUPP;
}

/// Puts the names in a folder on disk. A folder that cannot be synced (some file systems refuse)
/// only makes a name less certain to outlive a power cut, which is no reason to fail a run.
inline void sync_folder(const std::filesystem::path& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  ::fsync(fd);
  ::close(fd);
}

}  // namespace gradflow
