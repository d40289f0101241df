#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "io/file_error.hpp"

namespace gradflow {

/// A file of bytes, each of which can be locked by one of the processes that share it (fcntl's
/// locks of open file descriptions). The kernel, or the server of a network's file system, drops
/// them with the process however it ends. Where the file system has no locks (ENOLCK, ENOSYS,
/// EOPNOTSUPP) every lock is had, and `work()` is false.
class ByteLocks {
 public:
  /// Opens the file, or makes it; it has at least so many bytes afterwards, new ones 0.
  /// Errors: FileError.
  ByteLocks(const std::filesystem::path& path, std::size_t bytes);
  ~ByteLocks();
  ByteLocks(const ByteLocks&) = delete;
  ByteLocks& operator=(const ByteLocks&) = delete;

  /// Takes the lock on a byte, unless another process has it. Errors: FileError.
  bool take(std::size_t byte);
  /// Waits for it as long as `go_on` says so.
  template <class Condition>
  bool take_when_free(std::size_t byte, const Condition& go_on) {
    while (!take(byte))
      if (!go_on()) return false;
    return true;
  }
  void drop(std::size_t byte);
  bool work() const { return work_; }

  /// The bytes as they are now. Errors: FileError.
  std::uint8_t value(std::size_t byte) const;
  std::vector<std::uint8_t> values(std::size_t count) const;
  void set(std::size_t byte, std::uint8_t value);
  void set_all(const std::vector<std::uint8_t>& values);

  /// In a forked process: the locks stay its parent's.
  void close();

 private:
  std::filesystem::path path_;
  int fd_ = -1;
  bool work_ = true;
};

/// Locks `descriptor`'s file as a whole, as a sign that its writer lives. Without an effect where
/// the file system has no locks.
void lock_as_alive(int descriptor);
/// Is a file locked in that way? Nothing where that cannot be told.
std::optional<bool> is_locked(int descriptor);
/// Which of the first `count` bytes of a file are locked by others; empty where it is not there.
std::vector<bool> locked_bytes(const std::filesystem::path& path, std::size_t count);

}  // namespace gradflow
