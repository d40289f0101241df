#include "io/folder_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <string_view>
#include <system_error>

namespace gradflow {

namespace {

/// Who holds the lock, as its holder wrote it: "" while it has not yet written.
std::string holder(int fd) {
  std::array<char, 32> text;
  const ssize_t length = ::pread(fd, text.data(), text.size(), 0);
  std::string id;
  for (ssize_t i = 0; i < length && text[i] >= '0' && text[i] <= '9'; ++i) id += text[i];
  return id.empty() ? "" : " (process " + id + ")";
}

bool same_file(int fd, const std::filesystem::path& path) {
  struct stat open_file = {};
  struct stat named_file = {};
  return ::fstat(fd, &open_file) == 0 && ::stat(path.c_str(), &named_file) == 0 &&
         open_file.st_dev == named_file.st_dev && open_file.st_ino == named_file.st_ino;
}

}  // namespace

FolderLock::FolderLock(const std::filesystem::path& folder) : file_(folder / file_name) {
  while (fd_ < 0) {
    // O_CLOEXEC: the plot scripts we start must not hold the lock after us.
    const int fd = ::open(file_.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd < 0) {
      throw FileError(folder, "cannot be locked: " + std::generic_category().message(errno));
    }
    int result = 0;
    do {
      result = ::flock(fd, LOCK_EX | LOCK_NB);
    } while (result != 0 && errno == EINTR);
    if (result != 0) {
      const int error = errno;
      const std::string by = holder(fd);
      ::close(fd);
      if (error == EWOULDBLOCK) {
        throw FolderBusy(folder, "another gradflow" + by + " is writing to this folder");
      }
      throw FileError(folder, "cannot be locked: " + std::generic_category().message(error));
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

FolderLock::~FolderLock() {
  // Removed while still held, so that nobody can lock it in between.
  ::unlink(file_.c_str());
  ::close(fd_);
}

}  // namespace gradflow
