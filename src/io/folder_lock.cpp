#include "io/folder_lock.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <string>
#include <thread>

#include "io/system_call.hpp"

namespace gradflow {

namespace {

/// The process that holds the lock, as it wrote it: "" while it has not yet written.
std::string holder(int fd) {
  std::array<char, 32> text;
  const ssize_t length = ::pread(fd, text.data(), text.size(), 0);
  std::string id;
  for (ssize_t i = 0; i < length && text[i] >= '0' && text[i] <= '9'; ++i) id += text[i];
  return id;
}

/// Is there no such process (on this machine) any more?
bool is_gone(const std::string& id) {
  return !id.empty() && id.size() < 10 && ::kill(std::stoi(id), 0) != 0 && errno == ESRCH;
}

int lock(int fd, int how) {
  int result = 0;
  do {
    result = ::flock(fd, how | LOCK_NB);
  } while (result != 0 && errno == EINTR);
  return result;
}

bool same_file(int fd, const std::filesystem::path& path) {
  struct stat open_file = {};
  struct stat named_file = {};
  return ::fstat(fd, &open_file) == 0 && ::stat(path.c_str(), &named_file) == 0 &&
         open_file.st_dev == named_file.st_dev && open_file.st_ino == named_file.st_ino;
}

}  // namespace

FolderLock::FolderLock(const std::filesystem::path& folder, Mode mode) : file_(folder / file_name) {
  // A killed process's workers end a moment after it, and hold what it held.
  constexpr auto moment = std::chrono::seconds(2);
  const auto patience = std::chrono::steady_clock::now() + moment;
  while (fd_ < 0) {
    // O_CLOEXEC: the plot scripts we start must not hold the lock after us.
    const int fd = ::open(file_.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd < 0) {
      throw FileError(folder, "cannot be locked: " + reason_of(errno));
    }
    if (lock(fd, mode == Mode::alone ? LOCK_EX : LOCK_SH) != 0) {
      const int error = errno;
      const std::string by = holder(fd);
      if (is_without_locks(error)) {
        works_ = false;
        fd_ = fd;
        return;
      }
      ::close(fd);
      if (error != EWOULDBLOCK) throw FileError(folder, "cannot be locked: " + reason_of(error));
      if (is_gone(by) && std::chrono::steady_clock::now() < patience) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        continue;
      }
      throw FolderBusy(folder, "another gradflow" + (by.empty() ? "" : " (process " + by + ")") +
                                   " is writing to this folder (with --join both would share the "
                                   "points of a study)");
    }
    // The previous holder may have removed the file between our open and our lock; a lock on a
    // file without a name excludes nobody, so take the one that has the name now.
    if (same_file(fd, file_)) {
      fd_ = fd;
    } else {
      ::close(fd);
    }
  }
  // Only for the message of whoever finds the folder busy: its failure costs nothing.
  const std::string id = std::to_string(::getpid()) + "\n";
  if (::ftruncate(fd_, 0) == 0) {
    [[maybe_unused]] const ssize_t written = ::pwrite(fd_, id.data(), id.size(), 0);
  }
}

bool FolderLock::take_alone() {
  if (!works_ || lock(fd_, LOCK_EX) == 0) return true;
  // A lock that was to become another is lost where it could not.
  lock(fd_, LOCK_SH);
  return false;
}

FolderLock::~FolderLock() {
  // Removed while still held, so that nobody can lock it in between; by the last who holds it.
  if (take_alone()) ::unlink(file_.c_str());
  ::close(fd_);
}

}  // namespace gradflow
