#include "io/checksum.hpp"

#include <unistd.h>

#include "io/atomic_file.hpp"
#include "io/input_file.hpp"
#include "io/netcdf_file.hpp"
#include "tests/catch.hpp"
#include "tests/scratch.hpp"

using namespace gradflow;
using testing::Scratch;
namespace fs = std::filesystem;

namespace {

std::string with_checksum(const std::string& bytes) {
  Checksum checksum;
  checksum.add(bytes);
  return bytes + checksum.trailer();
}

Dataset small_dataset() {
  Dataset data;
  data.add_coordinate("time", std::vector<double>{0, 0.5, 1});
  data.add({"status", {}, std::vector<std::int32_t>{0}, {}});
  data.add({"message", {}, std::vector<std::string>{"all is well"}, {}});
  return data;
}

}  // namespace

TEST_CASE("The checksum is XXH3 of 128 bits, whatever pieces the bytes come in") {
  // The empty text's, from the reference implementation (xxhsum -H2 /dev/null).
  CHECK(hex_checksum("") == "99aa06d3014798d86001c324468d497f");
  Checksum whole, pieces;
  const std::string bytes(100000, 'x');
  whole.add(bytes);
  for (std::size_t at = 0; at < bytes.size(); at += 777) pieces.add(bytes.substr(at, 777));
  CHECK(whole.digest() == pieces.digest());
  CHECK(whole.trailer() == pieces.trailer());
  CHECK(whole.trailer().size() == 32);
  CHECK(hex_checksum("a") != hex_checksum("b"));
}

TEST_CASE("A file with its checksum is read, and anything else is told apart by what it lacks") {
  const Scratch scratch;
  for (const std::string& content :
       {std::string(), std::string("hello"), std::string(3 << 20, 'x')}) {
    const fs::path file = scratch.write("good", with_checksum(content));
    CHECK(read_checked_file(file) == content);
    CHECK(has_checksum(file));
    CHECK_NOTHROW(verify_checksum(file));
  }
  const auto says = [&](const std::string& bytes, const std::string& word) {
    const fs::path file = scratch.write("bad", bytes);
    for (const bool read : {true, false}) try {
        if (read)
          read_checked_file(file);
        else
          verify_checksum(file);
        FAIL("no error");
      } catch (const FileError& error) {
        CHECK(error.reason().find(word) != std::string::npos);
      }
  };
  says("", "has no checksum of gradflow's");
  says("gradflow", "has no checksum of gradflow's");
  says(std::string(1000, 'x'), "has no checksum of gradflow's");
  says("x" + with_checksum("hello"), "is damaged");
  says(with_checksum("hello") + "x", "has no checksum of gradflow's");
  says(with_checksum("hello").substr(1), "is damaged");
  CHECK_THROWS_AS(verify_checksum(scratch.path), FileError);
  CHECK_THROWS_AS(verify_checksum(scratch.path / "missing"), FileError);
}

TEST_CASE("No bit of a file can be flipped and no byte dropped without being noticed") {
  const Scratch scratch;
  const std::string good = with_checksum("forty two bytes that are checked, all of them");
  for (std::size_t bit = 0; bit < 8 * good.size(); ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    CHECK_THROWS_AS(read_checked_file(scratch.write("bad", bad)), FileError);
  }
  for (std::size_t at = 0; at < good.size(); ++at) {
    std::string bad = good;
    bad.erase(at, 1);
    CHECK_THROWS_AS(read_checked_file(scratch.write("bad", bad)), FileError);
  }
}

TEST_CASE("A dataset's file ends with a checksum, and any flipped byte is found") {
  const Scratch scratch;
  write_netcdf(small_dataset(), scratch.path / "hdf5.nc");
  {
    const fs::path file = scratch.path / "hdf5.nc";
    CHECK_NOTHROW(verify_checksum(file));
    CHECK_FALSE(is_foreign_netcdf(file));
    CHECK_NOTHROW(read_netcdf(file));
    const std::string good = read_text_file(file);
    for (std::size_t at = 0; at < good.size(); at += 1 + good.size() / 500) {
      std::string bad = good;
      bad[at] = static_cast<char>(~bad[at]);
      const fs::path damaged = scratch.write("bad.nc", bad);
      CHECK_THROWS_AS(read_netcdf(damaged), FileError);
    }
    // Without its end it may be whole to NetCDF, and is not ours any more.
    const fs::path cut = scratch.write("cut.nc", good.substr(0, good.size() - 32));
    CHECK_THROWS_AS(read_netcdf(cut), UncheckedFile);
    CHECK(is_foreign_netcdf(cut));
    CHECK(declared_bytes(cut) >= 3 * 8 + 4);
  }
  CHECK_FALSE(is_foreign_netcdf(scratch.write("text.nc", "hello")));
}

TEST_CASE("A file that is filled piece by piece gets the checksum of the whole") {
  const Scratch scratch;
  FileReplacement replacement(scratch.path / "file");
  replacement.append("a first piece, ");
  replacement.append("and a second");
  replacement.append_checksum();
  replacement.commit();
  CHECK(read_text_file(scratch.path / "file") == with_checksum("a first piece, and a second"));
}
