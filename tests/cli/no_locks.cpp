// A library to be preloaded: a file system on which every lock fails, with the number that
// NO_LOCKS_ERRNO gives.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <cstdarg>
#include <cstdlib>
#include <initializer_list>

namespace {

int fail() {
  const char* const given = std::getenv("NO_LOCKS_ERRNO");
  errno = given != nullptr ? std::atoi(given) : ENOLCK;
  return -1;
}

int control(const char* name, int fd, int command, void* argument) {
  for (const int lock : {F_OFD_SETLK, F_OFD_SETLKW, F_OFD_GETLK, F_SETLK, F_SETLKW, F_GETLK})
    if (command == lock) return fail();
  const auto next = reinterpret_cast<int (*)(int, int, ...)>(::dlsym(RTLD_NEXT, name));
  return next(fd, command, argument);
}

}  // namespace

extern "C" {

int flock(int /*fd*/, int /*operation*/) noexcept {
  return fail();
}

int fcntl(int fd, int command, ...) {
  std::va_list list;
  va_start(list, command);
  void* const argument = va_arg(list, void*);
  va_end(list);
  return control("fcntl", fd, command, argument);
}

int fcntl64(int fd, int command, ...) {
  std::va_list list;
  va_start(list, command);
  void* const argument = va_arg(list, void*);
  va_end(list);
  return control("fcntl64", fd, command, argument);
}
}
