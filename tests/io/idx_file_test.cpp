#include "io/idx_file.hpp"

#include <string>

#include "io/data_file.hpp"
#include "tests/catch.hpp"
#include "tests/idx_bytes.hpp"
#include "tests/scratch.hpp"

using namespace gradflow;
using testing::gzipped;
using testing::idx;
using testing::Scratch;

namespace {

/// The message of reading such a file, without its folder; "" if it could be read.
std::string idx_message(const Scratch& scratch, const std::string& name, const std::string& bytes) {
  try {
    read_data_file(scratch.write(name, bytes));
    return "";
  } catch (const DataFileError& error) {
    return std::string(error.what()).substr(scratch.path.string().size() + 1);
  }
}

/// Two images of two rows and three columns.
const std::string pixels("\x00\x01\x02\x03\x04\xff\x10\x20\x30\x40\x50\x60", 12);
const std::string images = idx({2, 2, 3}, pixels);

}  // namespace

TEST_CASE("Images of an IDX file are rows of bytes over 255, gzipped or not") {
  const Scratch scratch;
  Matrix expected(2, 6);
  expected << 0, 1, 2, 3, 4, 255, 16, 32, 48, 64, 80, 96;
  expected /= 255;
  for (const char* name : {"a.idx", "train-images-idx3-ubyte", "train-images.idx3-ubyte", "A.IDX"})
    CHECK(read_data_file(scratch.write(name, images)) == expected);
  for (const char* name : {"b.idx.gz", "train-images-idx3-ubyte.gz", "B-UBYTE.GZ"})
    CHECK(read_data_file(scratch.write(name, gzipped(images))) == expected);
}

TEST_CASE("Labels of an IDX file, of one dimension, are the bytes themselves") {
  const Scratch scratch;
  const Matrix labels = read_data_file(
      scratch.write("labels-idx1-ubyte.gz", gzipped(idx({4}, std::string("\x07\x00\x09\xff", 4)))));
  CHECK(labels == Vector{{7, 0, 9, 255}});
}

TEST_CASE("Images larger than what is unpacked at once keep their places") {
  const Scratch scratch;
  std::string data;
  for (unsigned i = 0; i < 300000; ++i) data += static_cast<char>((i * 2654435761U) >> 24);
  const Matrix all =
      read_data_file(scratch.write("large.idx.gz", gzipped(idx({300, 10, 100}, data))));
  REQUIRE(all.rows() == 300);
  REQUIRE(all.cols() == 1000);
  bool same = true;
  for (unsigned i = 0; i < 300000; ++i)
    same = same && all(i / 1000, i % 1000) == static_cast<unsigned char>(data[i]) / 255.0;
  CHECK(same);
}

TEST_CASE("What is wrong in an IDX file is named") {
  const Scratch scratch;
  const auto check = [&](const std::string& name, const std::string& bytes,
                         const std::string& expected) {
    CHECK(idx_message(scratch, name, bytes) == name + ": " + expected);
  };
  check("text.idx", "1,2,3\n4,5,6\n", "is not an IDX file");
  check("empty.idx", "", "is not an IDX file");
  check("floats.idx", idx({2}, std::string(8, '\0'), 13),
        "has entries of the IDX type 13 where unsigned bytes (8) are needed");
  check("none.idx", idx({}, ""), "is an IDX file without dimensions");
  check("header.idx", images.substr(0, 14), "the file is cut off in its header");
  check("cut.idx", images.substr(0, images.size() - 1),
        "the file is cut off: it has not the bytes of its shape (2, 2, 3)");
  check("long.idx", images + "x", "has more bytes than its shape (2, 2, 3) says");
  check("zero.idx", idx({0, 28, 28}, ""), "holds no numbers: its shape is (0, 28, 28)");
  check("huge.idx", idx({4294967295U, 4294967295U, 4294967295U}, "x"),
        "the file is cut off: it has not the bytes of its shape (4294967295, 4294967295, "
        "4294967295)");
  check("no.idx.gz", images, "is not a gzip file");
  check("hugegz.idx.gz", gzipped(idx({60000, 28, 28}, "x")),
        "the file is cut off: it has not the bytes of its shape (60000, 28, 28)");
  check("short.idx.gz", gzipped(images.substr(0, images.size() - 1)),
        "the file is cut off: it has not the bytes of its shape (2, 2, 3)");
  check("long.idx.gz", gzipped(images + "x"), "has more bytes than its shape (2, 2, 3) says");
  std::string packed = gzipped(images);
  packed[packed.size() - 5] ^= 1;  // the checksum's last byte
  check("sum.idx.gz", packed, "the gzipped file is damaged");
  check("text.gz", packed, "is neither .npy nor .csv nor IDX (.idx, -ubyte, gzipped with .gz)");
}

TEST_CASE("An IDX file cut off anywhere is refused, gzipped or not") {
  const Scratch scratch;
  const std::string packed = gzipped(images);
  for (std::size_t size = 0; size < images.size(); ++size)
    CHECK(idx_message(scratch, "cut.idx", images.substr(0, size)) != "");
  for (std::size_t size = 0; size < packed.size(); ++size)
    CHECK(idx_message(scratch, "cut.idx.gz", packed.substr(0, size)) != "");
}
