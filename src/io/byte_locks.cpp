#include "io/byte_locks.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "io/system_call.hpp"

namespace gradflow {
namespace {

struct flock request(short type, std::size_t start, std::size_t length) {
  struct flock lock = {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = static_cast<off_t>(start);
  lock.l_len = static_cast<off_t>(length);
  return lock;
}

/// fcntl until it is not interrupted.
int lock_call(int fd, int command, struct flock& lock) {
  int result = 0;
  do {
    result = ::fcntl(fd, command, &lock);
  } while (result != 0 && errno == EINTR);
  return result;
}

}  // namespace

ByteLocks::ByteLocks(const std::filesystem::path& path, std::size_t bytes) : path_(path) {
  fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666);
  if (fd_ < 0) throw FileError(path, "cannot be opened: " + reason_of(errno));
  struct stat status = {};
  const bool regular = ::fstat(fd_, &status) == 0 && S_ISREG(status.st_mode);
  if (!regular || (status.st_size < static_cast<off_t>(bytes) &&
                   ::ftruncate(fd_, static_cast<off_t>(bytes)) != 0)) {
    const std::string why =
        regular ? "cannot be written: " + reason_of(errno) : "is not a regular file";
    close();
    throw FileError(path, why);
  }
}

ByteLocks::~ByteLocks() {
  close();
}

void ByteLocks::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

bool ByteLocks::take(std::size_t byte) {
  if (!work_) return true;
  struct flock lock = request(F_WRLCK, byte, 1);
  if (lock_call(fd_, F_OFD_SETLK, lock) == 0) return true;
  if (errno == EAGAIN || errno == EACCES) return false;
  // EINVAL: a kernel without locks of open file descriptions.
  if (!is_without_locks(errno) && errno != EINVAL)
    throw FileError(path_, "cannot be locked: " + reason_of(errno));
  work_ = false;
  return true;
}

void ByteLocks::drop(std::size_t byte) {
  if (!work_) return;
  struct flock lock = request(F_UNLCK, byte, 1);
  lock_call(fd_, F_OFD_SETLK, lock);
}

std::uint8_t ByteLocks::value(std::size_t byte) const {
  std::uint8_t value = 0;
  if (::pread(fd_, &value, 1, static_cast<off_t>(byte)) < 0)
    throw FileError(path_, "cannot be read: " + reason_of(errno));
  return value;
}

std::vector<std::uint8_t> ByteLocks::values(std::size_t count) const {
  std::vector<std::uint8_t> values(count, 0);
  std::size_t done = 0;
  while (done < count) {
    const ssize_t got = ::pread(fd_, values.data() + done, count - done, static_cast<off_t>(done));
    if (got < 0) throw FileError(path_, "cannot be read: " + reason_of(errno));
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return values;
}

void ByteLocks::set(std::size_t byte, std::uint8_t value) {
  if (::pwrite(fd_, &value, 1, static_cast<off_t>(byte)) != 1)
    throw FileError(path_, "cannot be written: " + reason_of(errno));
}

void ByteLocks::set_all(const std::vector<std::uint8_t>& values) {
  if (::pwrite(fd_, values.data(), values.size(), 0) != static_cast<ssize_t>(values.size()))
    throw FileError(path_, "cannot be written: " + reason_of(errno));
}

void lock_as_alive(int descriptor) {
  struct flock lock = request(F_WRLCK, 0, 1);
  lock_call(descriptor, F_OFD_SETLK, lock);
}

std::optional<bool> is_locked(int descriptor) {
  struct flock lock = request(F_WRLCK, 0, 1);
  if (lock_call(descriptor, F_OFD_GETLK, lock) != 0) return std::nullopt;
  return lock.l_type != F_UNLCK;
}

std::vector<bool> locked_bytes(const std::filesystem::path& path, std::size_t count) {
  std::vector<bool> locked(count, false);
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return {};
  std::size_t at = 0;
  while (at < count) {
    struct flock lock = request(F_WRLCK, at, count - at);
    if (lock_call(fd, F_OFD_GETLK, lock) != 0 || lock.l_type == F_UNLCK) break;
    const auto begin = static_cast<std::size_t>(lock.l_start);
    // GETLK answers with any lock in the way: the stretch before it is asked for by itself.
    const std::size_t end = lock.l_len == 0 ? count : begin + static_cast<std::size_t>(lock.l_len);
    for (std::size_t byte = std::max(at, begin); byte < std::min(end, count); ++byte)
      locked[byte] = true;
    if (begin <= at) {
      at = end;
      continue;
    }
    for (; at < begin; ++at) {
      struct flock one = request(F_WRLCK, at, 1);
      if (lock_call(fd, F_OFD_GETLK, one) == 0 && one.l_type != F_UNLCK) locked[at] = true;
    }
    at = std::min(end, count);
  }
  ::close(fd);
  return locked;
}

}  // namespace gradflow
