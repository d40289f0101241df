#pragma once

#include <filesystem>

#include "io/atomic_file.hpp"

namespace gradflow {

/// Another process (or another FolderLock of this one) is writing to the folder.
class FolderBusy : public FileError {
 public:
  using FileError::FileError;
};

/// Holds a results folder for one writer: an advisory kernel lock (flock) on DIR/.lock.
///
/// The kernel drops the lock when its holder ends in whatever way, so a `.lock` left by a killed
/// process is no obstacle; a lock that is released in order removes the file. Does not wait.
/// Errors: FolderBusy if the folder is held; FileError if it does not exist, is not writable, or
/// lies on a file system without locks.
class FolderLock {
 public:
  explicit FolderLock(const std::filesystem::path& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

  /// Name of the lock file in the folder: to be left out when asking whether a folder is empty.
  static constexpr const char* file_name = ".lock";

 private:
  std::filesystem::path file_;
  int fd_ = -1;
};

}  // namespace gradflow
