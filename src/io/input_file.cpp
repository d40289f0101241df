#include "io/input_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "io/system_call.hpp"

namespace gradflow {

namespace fs = std::filesystem;

InputFile::InputFile(const fs::path& path) : path_(path) {
  const auto cannot = [&] { return FileError(path_, "cannot be read: " + reason_of(errno)); };
  const auto check = [&](const struct stat& status) {
    if (S_ISDIR(status.st_mode)) throw FileError(path_, "is a folder");
    if (!S_ISREG(status.st_mode)) throw FileError(path_, "is not a regular file");
  };
  struct stat status = {};
  if (::stat(path_.c_str(), &status) != 0) throw cannot();
  check(status);
  // In case that another took its place in between: without waiting, and looked at again.
  Descriptor file(::open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!file.is_open() || ::fstat(file.get(), &status) != 0) throw cannot();
  check(status);
  size_ = static_cast<std::uint64_t>(status.st_size);
  fd_ = file.release();
}

InputFile::~InputFile() {
  ::close(fd_);
}

std::size_t InputFile::read(char* target, std::size_t count) {
  count = static_cast<std::size_t>(std::min<std::uint64_t>(count, size_ - at_));
  const std::size_t length = read_at(at_, target, count);
  at_ += length;
  return length;
}

std::string InputFile::end(std::size_t count) const {
  std::string bytes(static_cast<std::size_t>(std::min<std::uint64_t>(count, size_)), '\0');
  bytes.resize(read_at(size_ - bytes.size(), bytes.data(), bytes.size()));
  return bytes;
}

std::size_t InputFile::read_at(std::uint64_t offset, char* target, std::size_t count) const {
  std::size_t length = 0;
  while (length < count) {
    const ssize_t got =
        ::pread(fd_, target + length, count - length, static_cast<off_t>(offset + length));
    if (got < 0) {
      if (errno == EINTR) continue;
      throw FileError(path_, "cannot be read: " + reason_of(errno));
    }
    if (got == 0) break;
    length += static_cast<std::size_t>(got);
  }
  return length;
}

std::string read_text_file(const fs::path& path, std::uint64_t most) {
  InputFile file(path);
  if (file.size() > most) {
    throw FileError(path, "has " + std::to_string(file.size()) + " bytes, expected at most " +
                              std::to_string(most));
  }
  std::string text(static_cast<std::size_t>(file.size()), '\0');
  text.resize(file.read(text.data(), text.size()));
  return text;
}

std::string read_standard_input(const fs::path& name, std::uint64_t most) {
  std::string text;
  char part[1 << 16];
  for (;;) {
    const ssize_t got = ::read(STDIN_FILENO, part, sizeof part);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw FileError(name, "cannot be read: " + reason_of(errno));
    if (got == 0) return text;
    text.append(part, static_cast<std::size_t>(got));
    if (text.size() > most)
      throw FileError(name, "has more than " + std::to_string(most) + " bytes");
  }
}

}  // namespace gradflow
