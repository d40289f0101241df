#include "io/netcdf_file.hpp"

#include <unistd.h>

#include <cmath>
#include <iterator>
#include <limits>
#include <thread>
#include <vector>

#include "io/atomic_file.hpp"
#include "io/input_file.hpp"
#include "tests/catch.hpp"
#include "tests/scratch.hpp"

using namespace gradflow;
using testing::Scratch;
namespace fs = std::filesystem;

namespace {

const double nan = std::numeric_limits<double>::quiet_NaN();

/// All types, and a value of each that is at the edge of what it can be.
Dataset small_example() {
  Dataset data;
  data.add_coordinate("time", std::vector<double>{0, 1e-3, 1e300}, {{"units", "1"}});
  data.add_coordinate("seed", std::vector<std::int64_t>{0, std::int64_t{1} << 40});
  data.add({"loss",
            {"seed", "time"},
            std::vector<double>{1, 0.1, -0.0, 2, nan, 5e-324},
            {{"long_name", "loss of the flow, λ → 0"}, {"bounds", std::vector<double>{0, 2}}}});
  data.add({"status",
            {"seed"},
            std::vector<std::int32_t>{0, -2147483647},
            {{"flag_values", std::vector<std::int32_t>{0, 1}}, {"flag_meanings", "ok failed"}}});
  data.add({"note", {"seed"}, std::vector<std::string>{"", "naïve"}, {{"units", "1"}}});
  data.add({"blank", {}, std::vector<std::string>{""}, {}});
  data.add({"exponent", {}, std::vector<double>{0.5}, {}});
  data.set_attribute({"blank", ""});
  data.set_attribute({"seed_count", std::int64_t{-5} << 40});
  data.set_attribute({"rtol", 1e-8});
  return data;
}

Dataset example() {
  Dataset data = small_example();
  data.add_dimension("empty", 0);
  data.add({"nothing", {"empty", "time"}, std::vector<double>{}, {}});
  // HDF5 keeps attributes of more than 64 KiB in another way; a long config is one.
  data.set_attribute({"config", std::string(200000, 'x')});
  return data;
}

bool same_values(const Values& a, const Values& b) {
  if (a.index() != b.index()) return false;
  const auto* x = std::get_if<std::vector<double>>(&a);
  if (!x) return a == b;
  const auto& y = std::get<std::vector<double>>(b);
  if (x->size() != y.size()) return false;
  for (std::size_t i = 0; i < y.size(); ++i) {
    const bool same = (*x)[i] == y[i] || (std::isnan((*x)[i]) && std::isnan(y[i]));
    if (!same || std::signbit((*x)[i]) != std::signbit(y[i])) return false;
  }
  return true;
}

void check_read_back(const Dataset& actual, const Dataset& expected) {
  CHECK(actual.dimensions() == expected.dimensions());
  CHECK(actual.attributes() == expected.attributes());
  REQUIRE(actual.variables().size() == expected.variables().size());
  for (std::size_t i = 0; i < expected.variables().size(); ++i) {
    const Variable& a = actual.variables()[i];
    const Variable& b = expected.variables()[i];
    INFO(b.name);
    CHECK(a.name == b.name);
    CHECK(a.dimensions == b.dimensions);
    CHECK(a.attributes == b.attributes);
    CHECK(same_values(a.values, b.values));
  }
}

std::size_t entries(const fs::path& folder) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

}  // namespace

TEST_CASE("A NetCDF file gives back the dataset that was written") {
  const Scratch scratch;
  const fs::path file = scratch.path / "result.nc";
  write_netcdf(example(), file);
  check_read_back(read_netcdf(file), example());
  CHECK(entries(scratch.path) == 1);  // no temporary file stays behind
}

TEST_CASE("A file that is cut off anywhere is no dataset, and the library still works") {
  const Scratch scratch;
  const Dataset data = small_example();
  const fs::path file = scratch.path / "run.nc";
  write_netcdf(data, file);
  const std::string bytes = read_text_file(file);
  for (std::size_t length = 0; length < bytes.size(); length += 97) {
    INFO(length);
    write_file_atomically(scratch.path / "cut.nc", bytes.substr(0, length));
    CHECK_THROWS_AS(read_netcdf(scratch.path / "cut.nc"), FileError);
  }
  check_read_back(read_netcdf(file), data);
}

TEST_CASE("Named variables are read alone, with all dimensions and global attributes") {
  const Scratch scratch;
  write_netcdf(example(), scratch.path / "run.nc");
  const Dataset part = read_netcdf(scratch.path / "run.nc", {"status", "no such thing"});
  REQUIRE(part.variables().size() == 1);
  CHECK(part.values<std::int32_t>("status") == example().values<std::int32_t>("status"));
  CHECK(part.attributes() == example().attributes());
  CHECK(part.dimensions().size() == example().dimensions().size());
}

TEST_CASE("Variables that come in blocks of any size are those written at once") {
  const Scratch scratch;
  // Over axes of 3, 4 and 5, then time: blocks begin and end anywhere.
  Dataset whole, frame;
  for (Dataset* data : {&whole, &frame}) {
    data->add_coordinate("a", std::vector<double>{1, 2, 3});
    data->add_coordinate("b", std::vector<std::int64_t>{1, 2, 3, 4});
    data->add_coordinate("c", std::vector<double>{1, 2, 3, 4, 5});
    data->add_coordinate("time", std::vector<double>(300, 0.5));
    data->set_attribute({"model", std::string("m")});
  }
  std::vector<double> values(60 * 300);
  std::vector<std::int32_t> codes(60 * 300);
  std::vector<std::string> texts(60 * 2);
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<double>(i) / 7;
    codes[i] = static_cast<std::int32_t>(i);
  }
  for (std::size_t i = 0; i < texts.size(); ++i) texts[i] = std::to_string(i);
  whole.add_dimension("two", 2);
  frame.add_dimension("two", 2);
  whole.add({"loss", {"a", "b", "c", "time"}, values, {{"units", std::string("1")}}});
  whole.add({"code", {"a", "b", "c", "time"}, codes, {}});
  whole.add({"text", {"a", "b", "c", "two"}, texts, {}});
  whole.add({"number", {"a", "b", "c"}, std::vector<double>(60, 3), {}});
  frame.add({"number", {"a", "b", "c"}, std::vector<double>(60, 3), {}});
  whole.set_attribute({"last", std::string("x")});
  for (const std::size_t step : {1U, 7U, 20U, 23U, 60U, 100U}) {
    BlockSource source;
    source.leading = 3;
    const Layout all = layout_of(whole);
    for (const Layout::Array& variable : all.variables)
      if (variable.name == "loss" || variable.name == "code" || variable.name == "text")
        source.variables.push_back(variable);
    std::size_t at = 0;
    source.next = [&] {
      Block block;
      block.count = std::min<std::size_t>(step, 60 - at);
      const auto part = [&](const auto& list, std::size_t entry) {
        return std::decay_t<decltype(list)>(
            list.begin() + static_cast<std::ptrdiff_t>(at * entry),
            list.begin() + static_cast<std::ptrdiff_t>((at + block.count) * entry));
      };
      block.values = {part(values, 300), part(codes, 300), part(texts, 2)};
      at += block.count;
      return block;
    };
    source.last_attributes = [] { return std::vector<Attribute>{{"last", std::string("x")}}; };
    write_netcdf(frame, source, scratch.path / "blocks.nc");
    const Dataset back = read_netcdf(scratch.path / "blocks.nc");
    CHECK(back.variables().size() == whole.variables().size());
    CHECK(back.attributes() == whole.attributes());
    CHECK(back.values<double>("loss") == values);
    CHECK(back.values<std::int32_t>("code") == codes);
    CHECK(back.values<std::string>("text") == texts);
    CHECK(back.values<double>("number") == std::vector<double>(60, 3));
  }
}

TEST_CASE("Large arrays are compressed without loss") {
  const Scratch scratch;
  Dataset data;
  std::vector<double> values(40000);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = 1.0 / static_cast<double>(i % 100);
  data.add_dimension("time", 400);
  data.add_dimension("parameter", 100);
  data.add({"parameters", {"time", "parameter"}, values, {}});
  write_netcdf(data, scratch.path / "large.nc");
  check_read_back(read_netcdf(scratch.path / "large.nc"), data);
  // Rows that repeat compress well; stored as they are they would take 320000 bytes.
  CHECK(fs::file_size(scratch.path / "large.nc") < 160000);
}

TEST_CASE("Equal datasets give equal bytes") {
  const Scratch scratch;
  write_netcdf(example(), scratch.path / "a.nc");
  write_netcdf(example(), scratch.path / "b.nc");
  CHECK(read_text_file(scratch.path / "a.nc") == read_text_file(scratch.path / "b.nc"));
}

TEST_CASE("A dataset that NetCDF cannot hold leaves the previous file untouched") {
  const Scratch scratch;
  const fs::path file = scratch.path / "result.nc";
  write_netcdf(example(), file);
  const std::string before = read_text_file(file);
  Dataset bad;
  bad.add({"a/b", {}, std::vector<double>{1}, {}});  // NetCDF names have no slash
  CHECK_THROWS_AS(write_netcdf(bad, file), FileError);
  CHECK(read_text_file(file) == before);
  CHECK(entries(scratch.path) == 1);
}

TEST_CASE("Files that are missing, foreign, cut off or damaged are FileErrors") {
  const Scratch scratch;
  const auto write = [&](const char* name, const std::string& bytes) {
    write_file_atomically(scratch.path / name, bytes);
    return scratch.path / name;
  };
  CHECK_THROWS_AS(read_netcdf(scratch.path / "missing.nc"), FileError);
  CHECK_THROWS_AS(read_netcdf(scratch.path), FileError);
  CHECK_THROWS_AS(read_netcdf(write("empty.nc", "")), FileError);
  CHECK_THROWS_AS(read_netcdf(write("text.nc", "hello")), FileError);

  write_netcdf(example(), scratch.path / "whole.nc");
  const std::string whole = read_text_file(scratch.path / "whole.nc");
  CHECK_THROWS_AS(read_netcdf(write("half.nc", whole.substr(0, whole.size() / 2))), FileError);
  std::string damaged = whole;
  damaged.replace(600, 1000, 1000, 'U');
  CHECK_THROWS_AS(read_netcdf(write("damaged.nc", damaged)), FileError);
  check_read_back(read_netcdf(scratch.path / "whole.nc"),
                  example());  // and the library still works
}

TEST_CASE("Paths that cannot be written are FileErrors that name the path") {
  const Scratch scratch;
  const fs::path file = scratch.path / "no folder" / "result.nc";
  CHECK_THROWS_AS(write_netcdf(example(), scratch.path), FileError);
  CHECK_THROWS_AS(write_netcdf(example(), "/dev/null"), FileError);
  try {
    write_netcdf(example(), file);
    FAIL("no error");
  } catch (const FileError& error) {
    CHECK(error.path() == file);
    CHECK(std::string(error.what()).find("No such file") != std::string::npos);
  }
}

TEST_CASE("Several threads may write at a time") {
  const Scratch scratch;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int k = 0; k < 5; ++k) {
        write_netcdf(example(), scratch.path / (std::to_string(i) + ".nc"));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int i = 0; i < 4; ++i) {
    check_read_back(read_netcdf(scratch.path / (std::to_string(i) + ".nc")), example());
  }
}
