#pragma once

#include <dlfcn.h>
#include <netcdf.h>
#include <netcdf_mem.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <new>
#include <string>
#include <utility>

#include "io/file_error.hpp"

/// What the writer and the reader of NetCDF files share of the library below.
namespace gradflow::netcdf {

// For the libraries' own tables and buffers: refused memory in the middle, they crash.
constexpr double library_bytes = 16 << 20;

/// netCDF-C and HDF5 keep global state: one call at a time in the whole process.
inline std::mutex& library_mutex() {
  static std::mutex mutex;
  return mutex;
}

/// HDF5 locks the files that it opens, and fails where the file system has no locks. Ours are
/// either still unnamed or never changed again. Read by HDF5 when it begins.
inline void turn_off_hdf5_locks() {
  static const int done = ::setenv("HDF5_USE_FILE_LOCKING", "FALSE", 0);
  static_cast<void>(done);
}

/// HDF5 prints its error stack to stderr unless told not to. netCDF tells it once, but where HDF5
/// is built thread-safe the setting belongs to the thread, so that it must be repeated in ours.
/// Looked up at run time, since HDF5 is netCDF's dependency and not ours.
inline void silence_hdf5() {
  using SetAuto = int (*)(std::int64_t stack, void* function, void* data);
  static const SetAuto set_auto = reinterpret_cast<SetAuto>(::dlsym(RTLD_DEFAULT, "H5Eset_auto2"));
  if (set_auto) set_auto(0, nullptr, nullptr);
  turn_off_hdf5_locks();
}

/// Turns netCDF's return codes into FileErrors that name what was being done.
class Checker {
 public:
  Checker(const std::filesystem::path& path, const char* action) : path_(path), action_(action) {}

  void operator()(int code, const std::string& what = {}) const {
    if (code == NC_ENOMEM) throw std::bad_alloc();
    if (code != NC_NOERR) fail(nc_strerror(code), what);
  }

  [[noreturn]] void fail(const std::string& reason, const std::string& what) const {
    throw FileError(path_, action_ + (what.empty() ? "" : " (" + what + ")") + ": " + reason);
  }

 private:
  const std::filesystem::path& path_;
  std::string action_;
};

/// An open netCDF file; the destructor closes what an error left open.
class OpenFile {
 public:
  explicit OpenFile(int id) : id_(id) {}
  ~OpenFile() {
    if (id_ >= 0) nc_close(id_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  int close() { return nc_close(std::exchange(id_, -1)); }

 private:
  int id_;
};

inline std::string label(const std::string& name) {
  return "'" + name + "'";
}

}  // namespace gradflow::netcdf
