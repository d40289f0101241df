#include "io/data_file.hpp"

#include <unistd.h>

#include <cstring>
#include <limits>
#include <vector>

#include "io/data_conversion.hpp"
#include "tests/catch.hpp"
#include "tests/scratch.hpp"

using namespace gradflow;
using testing::Scratch;
namespace fs = std::filesystem;

namespace {

/// The message of reading such a file, without its folder; "" if it could be read.
std::string message(const Scratch& scratch, const std::string& name, const std::string& bytes) {
  try {
    read_data_file(scratch.write(name, bytes));
    return "";
  } catch (const DataFileError& error) {
    return std::string(error.what()).substr(scratch.path.string().size() + 1);
  }
}

Matrix csv(const Scratch& scratch, const std::string& text) {
  return read_data_file(scratch.write("data.csv", text));
}

std::string bytes_of(const std::vector<double>& values) {
  std::string bytes(8 * values.size(), '\0');
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

/// A .npy file as NumPy writes it: magic, version, header length, header, entries.
std::string npy(const std::string& header, const std::string& data, int version = 1) {
  const std::size_t length = header.size() + 1;
  std::string file = "\x93NUMPY";
  file += static_cast<char>(version);
  file += '\0';
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i) {
    file += static_cast<char>((length >> (8 * i)) & 255);
  }
  return file + header + "\n" + data;
}

std::string header(const std::string& descr, const std::string& order, const std::string& shape) {
  return "{'descr': " + descr + ", 'fortran_order': " + order + ", 'shape': " + shape + ", }   ";
}

void check_contains(const std::string& text, const std::string& part) {
  INFO(text);
  CHECK(text.find(part) != std::string::npos);
}

}  // namespace

TEST_CASE("A csv file is read row by row, with or without a header") {
  const Scratch scratch;
  Matrix expected(2, 3);
  expected << 1, -2.5, 3e-4, 4, 5, 6;
  CHECK(csv(scratch, "1,-2.5,3e-4\n4,5,6\n") == expected);
  CHECK(csv(scratch, "x,y,z\n1,-2.5,3e-4\n4,5,6") == expected);
  CHECK(csv(scratch, "# three columns\n1,-2.5,3e-4\n4,5,6") == expected);
  CHECK(csv(scratch, "\"x\", \"y\", \"z\"\r\n +1 ,\t-2.5, 3E-4\r\n4,5,6\r\n\r\n\n") == expected);
  CHECK(csv(scratch, "\xEF\xBB\xBFx,y,z\n1,-2.5,.0003\n4.,5,6") == expected);
  CHECK(csv(scratch,
            "\xEF\xBB\xBF"
            "1,-2.5,3e-4\n4,5,6") == expected);
}

TEST_CASE("A csv file keeps its shape: one row, one column, one number") {
  const Scratch scratch;
  CHECK(csv(scratch, "1,2,3").rows() == 1);
  CHECK(csv(scratch, "1,2,3").cols() == 3);
  CHECK(csv(scratch, "1\n2\n3\n").rows() == 3);
  CHECK(csv(scratch, "1\n2\n3\n").cols() == 1);
  CHECK(csv(scratch, "7")(0, 0) == 7);
}

TEST_CASE("Seventeen digits in a csv file give the same double") {
  const Scratch scratch;
  const Matrix values =
      csv(scratch, "0.10000000000000001,-0.96648481404828557,5e-324,1.7976931348623157e308");
  CHECK(values(0, 0) == 0.1);
  CHECK(values(0, 1) == -0.96648481404828557);
  CHECK(values(0, 2) == std::numeric_limits<double>::denorm_min());
  CHECK(values(0, 3) == std::numeric_limits<double>::max());
}

TEST_CASE("What is wrong in a csv file is named with line and field") {
  const Scratch scratch;
  const auto of = [&](const std::string& text) { return message(scratch, "targets.csv", text); };
  CHECK(of("x,y\n1,2\n3,nan\n") == "targets.csv:3:2: not a finite number: 'nan'");
  CHECK(of("1,2\n-inf,4\n") == "targets.csv:2:1: not a finite number: '-inf'");
  CHECK(of("nan\n1\n") == "targets.csv:1:1: not a finite number: 'nan'");
  CHECK(of("1,2\n3,1e999\n") == "targets.csv:2:2: outside the range of a double: '1e999'");
  CHECK(of("1,2\n3,four\n") == "targets.csv:2:2: not a number: 'four'");
  CHECK(of("1,2\n3,0x10\n") == "targets.csv:2:2: not a number: '0x10'");
  CHECK(of("1,2\n3,4 5\n") == "targets.csv:2:2: not a number: '4 5'");
  CHECK(of("1,2\n3,\n") == "targets.csv:2:2: empty field");
  CHECK(of("1,2\n\n3,4\n") == "targets.csv:2:1: blank line");
  check_contains(of("1,2\n3\n"), "targets.csv:2:2: has 1 fields where the lines before have 2");
  check_contains(of("1,2\n3,4,5\n"), "targets.csv:2:3: has 3 fields");
  check_contains(of("x,y,z\n1,2\n"), "targets.csv:2:3: has 2 fields");
  CHECK(of("") == "targets.csv: holds no numbers");
  CHECK(of("\n\n") == "targets.csv: holds no numbers");
  CHECK(of("x,y\n") == "targets.csv: holds no numbers");
  CHECK(of("1,2\n3,\x01\xff\n") == "targets.csv:2:2: not a number: '\\x01\\xff'");
  CHECK(of("1\n" + std::string(1000, 'a')).size() < 100);
}

TEST_CASE("A first line that mixes numbers and words is not taken for a header") {
  // It would silently drop a row in which a value is missing or mistyped.
  const Scratch scratch;
  check_contains(message(scratch, "a.csv", "1,NA,3\n4,5,6\n"), "a.csv:1:2: not a number: 'NA'");
  check_contains(message(scratch, "a.csv", "2.x\n3\n"), "a.csv:1:1: not a number: '2.x'");
}

TEST_CASE("A npy file is read in both memory orders") {
  const Scratch scratch;
  Matrix expected(2, 3);
  expected << 1, 2, 3, 4, 5, 6;
  const auto read = [&](const std::string& bytes) {
    return read_data_file(scratch.write("data.npy", bytes));
  };
  for (int version : {1, 2, 3}) {
    CHECK(read(npy(header("'<f8'", "False", "(2, 3)"), bytes_of({1, 2, 3, 4, 5, 6}), version)) ==
          expected);
    CHECK(read(npy(header("'<f8'", "True", "(2, 3)"), bytes_of({1, 4, 2, 5, 3, 6}), version)) ==
          expected);
  }
  // Other spellings of the same dictionary.
  CHECK(read(npy("{\"shape\":(2L,3L),\"descr\":\"<f8\",\"fortran_order\":False}",
                 bytes_of({1, 2, 3, 4, 5, 6}))) == expected);

  const Matrix column = read(npy(header("'<f8'", "False", "(3,)"), bytes_of({1, 2, 3})));
  CHECK(column.rows() == 3);
  CHECK(column.cols() == 1);
  CHECK(column(2, 0) == 3);
}

TEST_CASE("Entries of a npy file that are no float64 are converted") {
  const Scratch scratch;
  const auto check = [&](const std::string& descr, const std::string& name, auto first,
                         auto second) {
    INFO(descr);
    std::string bytes(2 * sizeof first, '\0');
    std::memcpy(bytes.data(), &first, sizeof first);
    std::memcpy(bytes.data() + sizeof first, &second, sizeof second);
    const fs::path file =
        scratch.write("a.npy", npy(header("'" + descr + "'", "False", "(2,)"), bytes));
    const Matrix read = read_data_file(file);
    CHECK(read(0, 0) == static_cast<double>(first));
    CHECK(read(1, 0) == static_cast<double>(second));
    CHECK(converted_type(file) == name);
  };
  check("<f8", "", 0.1, -2.0);
  check("<f4", "float32", 0.1F, -2.0F);
  check("<i8", "int64", std::int64_t{-3}, std::int64_t{1} << 40);
  check("<i4", "int32", std::int32_t{-3}, std::int32_t{1} << 20);
  check("|u1", "uint8", std::uint8_t{0}, std::uint8_t{255});
  check("|b1", "bool", std::uint8_t{0}, std::uint8_t{1});
  CHECK(converted_type(scratch.write("a.csv", "1\n")).empty());
  CHECK_THROWS_AS(read_data_file(scratch.write("a.npy", npy(header("'<f4'", "False", "(1,)"),
                                                            std::string("\0\0\x80\x7f", 4)))),
                  DataFileError);
}

TEST_CASE("Semicolons, tabs and blanks separate the fields of a csv file that has no commas") {
  const Scratch scratch;
  Matrix expected(2, 2);
  expected << 1, 2.5, -3, 4;
  for (const std::string text : {"1,2.5\n-3,4\n", "1;2.5\n-3;4\n", "1\t2.5\n-3\t4\n",
                                 "1 2.5\n-3 4\n", "  1   2.5 \r\n-3  4\r\n", "a;b\n1;2.5\n-3;4\n",
                                 "# a b\n1 2.5\n-3 4\n", "a\tb c\n1\t2.5\n-3\t4\n"}) {
    INFO(text);
    CHECK(csv(scratch, text) == expected);
  }
  check_contains(message(scratch, "a.csv", "1;2\n3;4,5\n"), "a.csv:");
  check_contains(message(scratch, "a.csv", "1;2\n3,5;4\n2;2\n"), "need a decimal point");
  check_contains(message(scratch, "a.csv", "1 2\n3\n4 5\n"), "a.csv:2:2");
}

TEST_CASE("What is wrong in a npy file is named") {
  const Scratch scratch;
  const auto of = [&](const std::string& bytes) { return message(scratch, "a.npy", bytes); };
  const std::string four = bytes_of({1, 2, 3, 4});
  check_contains(of(npy(header("'<c8'", "False", "(4,)"), four)), "'<c8' where little-endian");
  check_contains(of(npy(header("'>f8'", "False", "(4,)"), four)), "'>f8' where little-endian");
  check_contains(of(npy(header("'<f4'", "False", "(4,)"), four)), "not what float32 of shape");
  check_contains(of(npy(header("[('a', '<f8')]", "False", "(4,)"), four)), "structured");
  check_contains(of(npy(header("'<f8'", "False", "(1, 2, 2)"), four)), "3 dimensions");
  check_contains(of(npy(header("'<f8'", "False", "()"), bytes_of({1}))), "0 dimensions");
  check_contains(of(npy(header("'<f8'", "False", "(0, 3)"), "")), "holds no numbers");
  check_contains(of(npy(header("'<f8'", "False", "(5,)"), four)), "holds 32 bytes");
  check_contains(of(npy(header("'<f8'", "False", "(3,)"), four)), "holds 32 bytes");
  CHECK(of(npy(header("'<f8'", "False", "(2, 2)"),
               bytes_of({1, 2, 3, std::numeric_limits<double>::infinity()}))) ==
        "a.npy: row 2, column 2: not a finite number: inf");
  check_contains(of(npy(header("'<f8'", "False", "(4,)"), four, 9)), "unknown version");
  check_contains(of("hello"), "is not a .npy file");
  check_contains(of(""), "is not a .npy file");
}

TEST_CASE("Hostile npy headers are refused without reading beyond the file") {
  const Scratch scratch;
  const auto of = [&](const std::string& bytes) { return message(scratch, "a.npy", bytes); };
  const std::string data = bytes_of({1, 2});
  // 2^63 * 2 entries: the product wraps around to 0.
  for (const char* shape : {"(9223372036854775808, 2)", "(2, 9223372036854775808)",
                            "(4611686018427387905, 4)", "(4294967296, 4294967296)"}) {
    check_contains(of(npy(header("'<f8'", "False", shape), data)), "holds 16 bytes");
  }
  check_contains(of(npy(header("'<f8'", "False", "(99999999999999999999999,)"), data)), "shape");
  check_contains(of(npy(header("'<f8'", "False", "(-2,)"), data)), "shape");
  // NUL is no blank.
  check_contains(of(npy(header("'<f8'", "False", "(2,)") + std::string(3, '\0'), data)),
                 "text after its end");
  // A header length beyond the end of the file, and one that no header has.
  check_contains(of(npy(std::string(70000, ' '), data, 2)), "expected at most 65536");
  check_contains(of(std::string("\x93NUMPY\x02\0\xff\xff\xff\xff{", 13)), "cut off");
  check_contains(of(std::string("\x93NUMPY\x02\0\xff\xff", 10)), "cut off");
  // Every prefix of a good file is an error, never a crash.
  const std::string good = npy(header("'<f8'", "False", "(2,)"), data);
  CHECK(of(good).empty());
  for (std::size_t n = 0; n < good.size(); ++n) CHECK_FALSE(of(good.substr(0, n)).empty());
  for (const char* bad : {"{'descr': '<f8'}", "{'descr': '<f8", "{'descr'", "{", "",
                          "{'descr': '<f8', 'descr': '<f8', 'fortran_order': False, 'shape': (2,)}",
                          "{'descr': '<f8', 'fortran_order': Maybe, 'shape': (2,)}",
                          "{'descr': '<f8', 'fortran_order': False, 'shape': (2,)} extra",
                          "{'descr': '<f8', 'fortran_order': False, 'shape': (2,), 'x': 1}"}) {
    INFO(bad);
    CHECK_FALSE(of(npy(bad, data)).empty());
  }
}

TEST_CASE("Files of other kinds, and files that are not there, are errors") {
  const Scratch scratch;
  check_contains(message(scratch, "a.txt", "1"), "neither .npy nor .csv");
  CHECK(message(scratch, "A.CSV", "1").empty());
  const auto refused = [&](const std::string& name, const std::string& reason) {
    try {
      read_data_file(scratch.path / name);
      FAIL(name << " was read");
    } catch (const FileError& error) {
      check_contains(error.what(), reason);
    }
  };
  // Not a word about the ending of what is not there or no file.
  for (const std::string name : {"missing.csv", "missing"}) refused(name, "does not exist");
  fs::create_directory(scratch.path / "folder.csv");
  fs::create_directory(scratch.path / "folder");
  for (const std::string name : {"folder.csv", "folder"}) refused(name, "is a folder");
}
