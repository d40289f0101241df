#pragma once

#include <filesystem>

#include "io/file_error.hpp"

namespace gradflow {

/// Another process (or another FolderLock of this one) is writing to the folder.
class FolderBusy : public FileError {
 public:
  using FileError::FileError;
};

/// Holds a results folder for one writer, or for several that share the work: an advisory kernel
/// lock (flock) on DIR/.lock.
///
/// The kernel drops the lock when its holder ends in whatever way, so a `.lock` left by a killed
/// process is no obstacle; a lock that the last holder releases in order removes the file. Does not
/// wait, but for the forked workers of a holder that was killed a moment ago.
/// Errors: FolderBusy if the folder is held; FileError if it does not exist or is not writable.
class FolderLock {
 public:
  enum class Mode { alone, together };

  explicit FolderLock(const std::filesystem::path& folder, Mode mode = Mode::alone);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

  /// False where the file system has no locks (ENOLCK, ENOSYS, EOPNOTSUPP): nobody is kept out.
  bool works() const { return works_; }
  /// Has nobody else the folder now? Then nobody gets it any more while this lasts.
  bool take_alone();

  /// Name of the lock file in the folder: to be left out when asking whether a folder is empty.
  static constexpr const char* file_name = ".lock";

 private:
  std::filesystem::path file_;
  int fd_ = -1;
  bool works_ = true;
};

}  // namespace gradflow
