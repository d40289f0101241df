#include "io/record_file.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <vector>

#include "io/input_file.hpp"
#include "tests/catch.hpp"
#include "tests/scratch.hpp"

using namespace gradflow;
namespace fs = std::filesystem;

namespace {

struct Seen {
  std::vector<RecordHead> heads;
  std::vector<std::string> bodies;
  RecordScan scan;
};

Seen read(const fs::path& path) {
  Seen seen;
  const RecordReader reader(path);
  seen.scan = reader.scan([&](const RecordHead& head, std::uint64_t offset, std::string_view body) {
    seen.heads.push_back(head);
    seen.bodies.emplace_back(body);
    CHECK(reader.body(offset, head.length) == body);
  });
  return seen;
}

RecordHead head_of(std::uint64_t number) {
  RecordHead head;
  head.kind = 3;
  head.mark = -2;
  head.number = number;
  head.key = "0123456789abcdef";
  head.seconds = 0.25;
  return head;
}

std::string bytes_of(const fs::path& path) {
  return read_text_file(path);
}

void put(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

/// Bytes that are random to the eye, none of them like a head.
std::string body_of(std::size_t length, unsigned seed) {
  std::string body;
  for (std::size_t i = 0; i < length; ++i)
    body += static_cast<char>((seed = seed * 1103515245 + 12345) >> 16);
  return body;
}

}  // namespace

TEST_CASE("Records come back in order, with their heads") {
  const testing::Scratch scratch;
  const std::vector<std::string> bodies{body_of(10, 1), "", body_of(3000000, 2), body_of(1, 3)};
  {
    RecordWriter writer(scratch / "r");
    for (std::size_t k = 0; k < bodies.size(); ++k) writer.append(head_of(k), bodies[k]);
    writer.sync();
    CHECK_THROWS_AS(RecordWriter(scratch / "r"), FileError);  // never another's
  }
  const Seen seen = read(scratch / "r");
  CHECK(seen.scan.damaged == 0);
  CHECK_FALSE(seen.scan.torn);
  CHECK(seen.bodies == bodies);
  for (std::size_t k = 0; k < bodies.size(); ++k) {
    CHECK(seen.heads[k].kind == 3);
    CHECK(seen.heads[k].mark == -2);
    CHECK(seen.heads[k].number == k);
    CHECK(seen.heads[k].key == "0123456789abcdef");
    CHECK(seen.heads[k].seconds == 0.25);
    CHECK(seen.heads[k].length == bodies[k].size());
  }
  CHECK_THROWS_AS(RecordReader(scratch.path), FileError);
  CHECK_THROWS_AS(RecordReader(scratch / "none"), FileError);
}

TEST_CASE("A record that is cut at any byte is not there, and those before it are") {
  const testing::Scratch scratch;
  std::size_t first = 0;
  {
    RecordWriter writer(scratch / "r");
    writer.append(head_of(0), body_of(40, 1));
    first = fs::file_size(scratch / "r");
    writer.append(head_of(1), body_of(50, 2));
  }
  const std::string whole = bytes_of(scratch / "r");
  for (std::size_t length = first; length < whole.size(); ++length) {
    put(scratch / "cut", whole.substr(0, length));
    const Seen seen = read(scratch / "cut");
    CAPTURE(length);
    CHECK(seen.bodies.size() == 1);
    CHECK(seen.scan.torn == (length > first));
    CHECK(seen.scan.damaged == 0);
  }
  for (std::size_t length = 0; length < first; ++length) {
    put(scratch / "cut", whole.substr(0, length));
    CHECK(read(scratch / "cut").bodies.empty());
  }
}

TEST_CASE("A record with any bit flipped is never read, and those beside it are") {
  const testing::Scratch scratch;
  std::size_t first = 0, second = 0;
  {
    RecordWriter writer(scratch / "r");
    writer.append(head_of(0), body_of(30, 1));
    first = fs::file_size(scratch / "r");
    writer.append(head_of(1), body_of(20, 2));
    second = fs::file_size(scratch / "r");
    writer.append(head_of(2), body_of(10, 3));
  }
  std::string bytes = bytes_of(scratch / "r");
  std::size_t wrong = 0;
  for (std::size_t bit = 8 * first; bit < 8 * second; ++bit) {
    const char flip = static_cast<char>(1U << (bit % 8));
    bytes[bit / 8] ^= flip;
    put(scratch / "flipped", bytes);
    const Seen seen = read(scratch / "flipped");
    bytes[bit / 8] ^= flip;
    const bool right = seen.heads.size() == 2 && seen.heads[0].number == 0 &&
                       seen.heads[1].number == 2 && seen.scan.damaged == 1;
    if (!right) ++wrong;
  }
  CHECK(wrong == 0);
}

TEST_CASE("Stretches of other bytes are passed over, wherever they stand") {
  const testing::Scratch scratch;
  {
    RecordWriter writer(scratch / "r");
    writer.append(head_of(0), body_of(30, 1));
  }
  const std::string whole = bytes_of(scratch / "r");
  const std::string zeros(5000, '\0');
  put(scratch / "hole", whole + zeros + whole.substr(whole.find('\n') + 1));
  Seen seen = read(scratch / "hole");
  CHECK(seen.bodies.size() == 2);
  CHECK(seen.scan.damaged == 1);
  put(scratch / "title", zeros.substr(0, 19) + whole.substr(19));
  seen = read(scratch / "title");
  CHECK(seen.bodies.size() == 1);
  CHECK(seen.scan.damaged == 1);
  put(scratch / "noise", body_of(100000, 7));
  seen = read(scratch / "noise");
  CHECK(seen.bodies.empty());
  CHECK(seen.scan.damaged == 1);
}

TEST_CASE("What a full disk took of a record is cut off again") {
  const testing::Scratch scratch;
  // In a process of its own: a limit on the size of files stands for a full disk.
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{1000, 1000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    RecordWriter writer(scratch / "r");
    writer.append(head_of(0), body_of(100, 1));
    int refused = 0;
    try {
      writer.append(head_of(1), body_of(2000, 2));
    } catch (const FileError&) {
      ++refused;
    }
    writer.append(head_of(2), body_of(100, 3));  // there is room for a small one
    ::_exit(refused == 1 ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  const Seen seen = read(scratch / "r");
  REQUIRE(seen.heads.size() == 2);
  CHECK(seen.heads[1].number == 2);
  CHECK(seen.scan.damaged == 0);
  CHECK_FALSE(seen.scan.torn);
}
