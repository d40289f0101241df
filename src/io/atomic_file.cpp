#include "io/atomic_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>

#include "io/checksum.hpp"
#include "io/input_file.hpp"
#include "io/system_call.hpp"

namespace gradflow {

namespace fs = std::filesystem;

namespace {

/// Where the file itself lives: behind a symbolic link, the place it points to.
fs::path behind_links(const fs::path& path) {
  std::error_code error;
  if (!fs::is_symlink(fs::symlink_status(path, error))) return path;
  fs::path real = fs::canonical(path, error);
  if (error) throw FileError(path, "symbolic link cannot be followed: " + error.message());
  return real;
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno != EINTR) return false;
    if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

/// A few characters that stand for this machine.
std::string host_tag() {
  std::array<char, 256> name{};
  ::gethostname(name.data(), name.size() - 1);
  Checksum checksum;
  checksum.add(name.data());
  return hexadecimal(checksum.digest()).substr(0, 8) + "-";
}

fs::path folder_of(const fs::path& path) {
  const fs::path parent = path.parent_path();
  return parent.empty() ? fs::path(".") : parent;
}

}  // namespace

FileReplacement::FileReplacement(const fs::path& target)
    : requested_(target), target_(behind_links(target)) {
  if (!target_.has_filename()) throw FileError(requested_, "is not the name of a file");
  std::error_code ignored;
  const fs::file_status status = fs::status(target_, ignored);
  // Renaming over a device or a pipe would delete it instead of writing to it.
  if (fs::exists(status) && !fs::is_regular_file(status)) {
    throw FileError(requested_, fs::is_directory(status) ? "is a folder" : "is not a regular file");
  }
  // The name must be new among the processes and threads of all machines that share the folder, and
  // not grow with the target's, which may be as long as the file system allows.
  static std::atomic<unsigned> counter{0};
  temporary_ = folder_of(target_) / (".gradflow-" + host_tag() + std::to_string(::getpid()) + "-" +
                                     std::to_string(counter++) + ".tmp");
  // No O_EXCL: a killed process of the same id may have left a file of this name.
  Descriptor file(
      ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666));
  if (!file.is_open()) throw FileError(requested_, "cannot be written: " + reason_of(errno));
}

FileReplacement::~FileReplacement() {
  if (!committed_) ::unlink(temporary_.c_str());
}

bool FileReplacement::is_temporary(const fs::path& path) {
  return path.filename().string().starts_with(".gradflow-") && path.extension() == ".tmp";
}

void FileReplacement::reserve([[maybe_unused]] std::uint64_t bytes) {
#ifdef __linux__
  // Not posix_fallocate, which writes every block where the file system has no such call.
  Descriptor file(::open(temporary_.c_str(), O_WRONLY | O_CLOEXEC));
  int result = 0;
  do {
    result = file.is_open() ? ::fallocate(file.get(), 0, 0, static_cast<off_t>(bytes)) : -1;
  } while (result != 0 && errno == EINTR);
  if (result != 0 && errno != EOPNOTSUPP && errno != ENOSYS) {
    throw FileError(requested_, "cannot be written: " + reason_of(errno));
  }
  // The room is known to be there; the file itself starts empty.
  if (::ftruncate(file.get(), 0) != 0) {
    throw FileError(requested_, "cannot be written: " + reason_of(errno));
  }
#endif
}

void FileReplacement::append(std::string_view bytes) {
  Descriptor file(::open(temporary_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
  if (!file.is_open() || !write_all(file.get(), bytes) || !file.close()) {
    throw FileError(requested_, "cannot be written: " + reason_of(errno));
  }
}

void FileReplacement::append_checksum() {
  Checksum checksum;
  InputFile written(temporary_);
  std::string block(1 << 20, '\0');
  while (const std::size_t length = written.read(block.data(), block.size())) {
    checksum.add({block.data(), length});
  }
  append(checksum.trailer());
}

void FileReplacement::sync() const {
  Descriptor file(::open(temporary_.c_str(), O_RDWR | O_CLOEXEC));
  if (!file.is_open() || ::fsync(file.get()) != 0 || !file.close())
    throw FileError(requested_, "cannot be written: " + reason_of(errno));
}

void FileReplacement::commit() {
  sync();
  if (::rename(temporary_.c_str(), target_.c_str()) != 0)
    throw FileError(requested_, "cannot be written: " + reason_of(errno));
  committed_ = true;
  sync_folder(folder_of(target_));
}

bool FileReplacement::commit_new() {
  sync();
  if (::link(temporary_.c_str(), target_.c_str()) != 0) {
    const int error = errno;
    if (error == EEXIST) return false;
    // Without links (some file systems) a second process may be overtaken, and writes the same.
    if (fs::exists(target_)) return false;
    commit();
    return true;
  }
  sync_folder(folder_of(target_));
  return true;
}

void write_file_atomically(const fs::path& path, std::string_view text) {
  FileReplacement replacement(path);
  replacement.append(text);
  replacement.commit();
}

}  // namespace gradflow
