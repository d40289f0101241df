#include "io/folder_lock.hpp"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <iterator>
#include <optional>
#include <string>

#include "io/atomic_file.hpp"
#include "io/input_file.hpp"
#include "tests/catch.hpp"
#include "tests/scratch.hpp"

using namespace gradflow;
using testing::Scratch;
namespace fs = std::filesystem;

namespace {

/// A child process that holds the lock of a folder until it is killed.
pid_t start_holder(const fs::path& folder) {
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    try {
      const FolderLock lock(folder);
      if (::write(ready[1], "x", 1) == 1) {
        while (true) ::pause();
      }
    } catch (const FileError&) {
    }
    ::_exit(1);
  }
  ::close(ready[1]);
  char byte = 0;
  REQUIRE(::read(ready[0], &byte, 1) == 1);
  ::close(ready[0]);
  return child;
}

}  // namespace

TEST_CASE("A folder has one writer at a time") {
  const Scratch scratch;
  std::optional<FolderLock> first(scratch.path);
  CHECK_THROWS_AS(FolderLock(scratch.path), FolderBusy);
  first.reset();
  CHECK(fs::is_empty(scratch.path));  // a folder that was only locked is still an empty one
  const FolderLock second(scratch.path);
}

TEST_CASE("Another process's lock is seen, and a killed one's is no obstacle") {
  const Scratch scratch;
  const pid_t holder = start_holder(scratch.path);
  try {
    const FolderLock lock(scratch.path);
    FAIL("no error");
  } catch (const FolderBusy& busy) {
    CHECK(std::string(busy.what()).find(std::to_string(holder)) != std::string::npos);
  }
  REQUIRE(::kill(holder, SIGKILL) == 0);
  REQUIRE(::waitpid(holder, nullptr, 0) == holder);
  CHECK(fs::exists(scratch.path / FolderLock::file_name));
  const FolderLock lock(scratch.path);
}

TEST_CASE("A folder that is not there cannot be locked") {
  const Scratch scratch;
  CHECK_THROWS_AS(FolderLock(scratch.path / "missing"), FileError);
}

TEST_CASE("A file is replaced in one step and nothing stays behind") {
  const Scratch scratch;
  const fs::path file = scratch.path / "config.toml";
  write_file_atomically(file, "old");
  const std::string text("new\0text", 8);
  write_file_atomically(file, text);
  CHECK(read_text_file(file) == text);
  write_file_atomically(file, "");
  CHECK(read_text_file(file).empty());
  const std::string large(100000, 'a');  // more than one read
  write_file_atomically(file, large);
  CHECK(read_text_file(file) == large);

  { const FileReplacement abandoned(file); }
  CHECK(read_text_file(file) == large);
  CHECK(std::distance(fs::directory_iterator(scratch.path), fs::directory_iterator()) == 1);
}

TEST_CASE("A file behind a symbolic link is replaced where it lies") {
  const Scratch scratch;
  fs::create_directory(scratch.path / "real");
  write_file_atomically(scratch.path / "real" / "a.toml", "old");
  fs::create_symlink(scratch.path / "real" / "a.toml", scratch.path / "link.toml");
  write_file_atomically(scratch.path / "link.toml", "new");
  CHECK(fs::is_symlink(scratch.path / "link.toml"));
  CHECK(read_text_file(scratch.path / "real" / "a.toml") == "new");
}

TEST_CASE("What is not a regular file is never replaced") {
  const Scratch scratch;
  CHECK_THROWS_AS(write_file_atomically(scratch.path, "x"), FileError);
  CHECK_THROWS_AS(write_file_atomically(scratch.path / "", "x"), FileError);
  const fs::path pipe = scratch.path / "pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  CHECK_THROWS_AS(write_file_atomically(pipe, "x"), FileError);
  CHECK(fs::is_fifo(pipe));
  CHECK_THROWS_AS(write_file_atomically("", "x"), FileError);
  CHECK_THROWS_AS(write_file_atomically(scratch.path / "missing" / "a", "x"), FileError);
  CHECK_THROWS_AS(read_text_file(scratch.path / "missing"), FileError);
  CHECK_THROWS_AS(read_text_file(scratch.path), FileError);
}
