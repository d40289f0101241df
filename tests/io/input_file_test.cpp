#include "io/input_file.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "io/atomic_file.hpp"
#include "io/data_file.hpp"
#include "io/netcdf_file.hpp"
#include "tests/catch.hpp"

using namespace gradflow;
namespace fs = std::filesystem;

namespace {

/// A folder with what is no regular file in it.
struct Oddities {
  fs::path path = fs::temp_directory_path() / ("gradflow-odd-" + std::to_string(::getpid()));
  int socket = -1;

  Oddities() {
    fs::create_directories(path / "folder");
    REQUIRE(::mkfifo((path / "pipe.npy").c_str(), 0600) == 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, (path / "socket").c_str(), sizeof address.sun_path - 1);
    socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
    REQUIRE(::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    fs::create_symlink(path / "pipe.npy", path / "link.csv");
  }
  ~Oddities() {
    ::close(socket);
    fs::remove_all(path);
  }
};

template <class Read>
std::string refusal(Read read) {
  try {
    read();
  } catch (const FileError& error) {
    return error.reason();
  }
  return "";
}

}  // namespace

TEST_CASE("Pipes, devices and sockets are refused without being opened") {
  // A pipe would wait for its writer for ever, /dev/zero has no end.
  const Oddities odd;
  const std::string not_regular = "is not a regular file";
  for (const fs::path& file : {odd.path / "pipe.npy", odd.path / "link.csv", odd.path / "socket",
                               fs::path("/dev/zero"), fs::path("/dev/null")}) {
    INFO(file);
    CHECK(refusal([&] { read_text_file(file); }) == not_regular);
    CHECK(refusal([&] { read_netcdf(file); }) == not_regular);
  }
  for (const std::string name : {"pipe.npy", "link.csv"})
    CHECK(refusal([&] { read_data_file(odd.path / name); }) == not_regular);
  CHECK(refusal([&] { read_text_file(odd.path / "folder"); }) == "is a folder");
  CHECK_FALSE(refusal([&] { read_text_file(odd.path / "missing"); }).empty());
}

TEST_CASE("No more is read of a file than it held when it was opened, or than is allowed") {
  const Oddities odd;
  const fs::path file = odd.path / "text";
  write_file_atomically(file, "0123456789");
  CHECK(read_text_file(file, 10) == "0123456789");
  CHECK(refusal([&] { read_text_file(file, 9); }) == "has 10 bytes, expected at most 9");

  InputFile input(file);
  CHECK(input.size() == 10);
  CHECK(input.end(3) == "789");
  CHECK(input.end(100) == "0123456789");
  char bytes[100];
  CHECK(input.read(bytes, 4) == 4);
  CHECK(input.left() == 6);
  CHECK(input.read(bytes, sizeof bytes) == 6);
  CHECK(std::string(bytes, 6) == "456789");
  CHECK(input.read(bytes, sizeof bytes) == 0);
}

TEST_CASE("A data file that is larger than its header says is refused before it is read") {
  const Oddities odd;
  // A hole of 8 TB behind a header that promises 16 bytes.
  const std::string dictionary = "{'descr': '<f8', 'fortran_order': False, 'shape': (2,)}";
  const fs::path file = odd.path / "hole.npy";
  write_file_atomically(file, std::string("\x93NUMPY\x01\0", 8) +
                                  static_cast<char>(dictionary.size()) + '\0' + dictionary);
  fs::resize_file(file, std::uintmax_t{8} << 40);
  CHECK(refusal([&] { read_data_file(file); }).find("float64 of shape (2,)") != std::string::npos);
  const fs::path table = odd.path / "hole.csv";
  write_file_atomically(table, "1,2\n");
  fs::resize_file(table, std::uintmax_t{8} << 40);
  CHECK(refusal([&] { read_data_file(table); }).find("expected at most 1073741824") !=
        std::string::npos);
  // What does not end as gradflow's files do is not read either.
  CHECK(refusal([&] { read_netcdf(table); }).find("no checksum") != std::string::npos);
}
