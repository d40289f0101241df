#include "tests/fuzz/readers.hpp"

#include <netcdf.h>

#include <cstring>
#include <fstream>
#include <new>
#include <stdexcept>

#include "io/checksum.hpp"
#include "io/data_file.hpp"
#include "io/input_file.hpp"
#include "io/netcdf_file.hpp"
#include "io/toml_document.hpp"

namespace gradflow::testing {
namespace {

namespace fs = std::filesystem;

fs::path put(const fs::path& file, const std::string& bytes) {
  std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
  return file;
}

/// A document by itself: what a config is made from.
bool read_toml(const std::string& bytes, const fs::path&) {
  try {
    parse_toml(bytes, "fuzz.toml");
    return true;
  } catch (const ConfigError&) {
    return false;
  }
}

/// A data file: .npy, IDX or gzipped IDX where it begins so, else .csv.
bool read_data(const std::string& bytes, const fs::path& scratch) {
  const char first = bytes.empty() ? 'x' : bytes.front();
  const char* name = first == '\x93'   ? "data.npy"
                     : first == '\0'   ? "data.idx"
                     : first == '\x1f' ? "data.idx.gz"
                                       : "data.csv";
  try {
    const Matrix matrix = read_data_file(put(scratch / name, bytes));
    if (matrix.size() == 0 || !matrix.allFinite()) throw std::logic_error("took what is no number");
    return true;
  } catch (const DataFileError&) {
    return false;
  }
}

/// A result as it stands on the disk.
bool read_result(const std::string& bytes, const fs::path& scratch) {
  try {
    read_netcdf(put(scratch / "result.nc", bytes));
    return true;
  } catch (const FileError&) {
    return false;
  }
}

/// A NetCDF file that the library wrote at the word of the bytes, with a checksum that fits: any
/// names, types, dimensions, lengths and attributes, of which gradflow writes a few.
bool read_foreign(const std::string& bytes, const fs::path& scratch) {
  std::size_t at = 0;
  const auto next = [&](std::size_t most) {
    return at < bytes.size() ? static_cast<unsigned char>(bytes[at++]) % most : std::size_t{0};
  };
  const auto name = [&](const char* other) {
    static const char* const names[] = {"status", "time",      "final_state",  "message",
                                        "seed",   "_Encoding", "characters_1", "fingerprint"};
    const std::size_t k = next(12);
    return k < 8 ? std::string(names[k]) : other + std::to_string(k);
  };
  // HDF5 may keep a file that it could not finish, and refuses its name from then on.
  static std::size_t made = 0;
  const fs::path file = scratch / ("foreign" + std::to_string(made++) + ".nc");
  const struct Removal {
    const fs::path& file;
    ~Removal() { fs::remove(file); }
  } removal{file};
  const bool classic = next(2) == 1;
  int id = -1;
  if (nc_create(file.c_str(), NC_CLOBBER | (classic ? NC_64BIT_DATA : NC_NETCDF4), &id) != NC_NOERR)
    throw std::logic_error("the file cannot be made");
  std::vector<int> dimensions;
  for (std::size_t count = next(4); count > 0; --count) {
    static const std::size_t lengths[] = {NC_UNLIMITED, 1, 2, 3, 1000, 100'000'000'000};
    int dimension = -1;
    if (nc_def_dim(id, name("d").c_str(), lengths[next(6)], &dimension) == NC_NOERR)
      dimensions.push_back(dimension);
  }
  static const nc_type types[] = {NC_DOUBLE, NC_INT,  NC_INT64, NC_CHAR, NC_STRING,
                                  NC_FLOAT,  NC_BYTE, NC_SHORT, NC_UINT, NC_UINT64};
  const auto add_attributes = [&](int variable) {
    for (std::size_t count = next(3); count > 0; --count) {
      const double numbers[3] = {1, 2, 3};
      const char* const texts[2] = {"a", "b"};
      const std::string attribute = name("a");
      const nc_type type = types[next(10)];
      const std::size_t length = next(3);
      if (type == NC_CHAR)
        nc_put_att_text(id, variable, attribute.c_str(), length, "abc");
      else if (type == NC_STRING)
        nc_put_att_string(id, variable, attribute.c_str(), length, const_cast<const char**>(texts));
      else
        nc_put_att_double(id, variable, attribute.c_str(), type, length, numbers);
    }
  };
  for (std::size_t count = next(5); count > 0; --count) {
    std::vector<int> ids;
    for (std::size_t rank = dimensions.empty() ? 0 : next(4); rank > 0; --rank)
      ids.push_back(dimensions[next(dimensions.size())]);
    int variable = -1;
    if (nc_def_var(id, name("v").c_str(), types[next(10)], static_cast<int>(ids.size()), ids.data(),
                   &variable) == NC_NOERR)
      add_attributes(variable);
  }
  add_attributes(NC_GLOBAL);
  // Without values, which would make files of the lengths that are only claimed.
  const bool unfilled = nc_set_fill(id, NC_NOFILL, nullptr) == NC_NOERR;
  if (nc_close(id) != NC_NOERR || !unfilled) return false;
  // A classic file has the room that its header claims; a hole in it, where there is none.
  if (fs::file_size(file) > (std::uintmax_t{1} << 24)) return false;
  Checksum checksum;
  const std::string written = read_text_file(file);
  checksum.add(written);
  return read_result(written + checksum.trailer(), scratch);
}

}  // namespace

std::vector<std::string> toml_words() {
  return {"[model]\n",
          "name = ",
          "\"linear_regression\"",
          "[study]\n",
          "[time]\n",
          "end = ",
          "seed",
          "= ",
          "[",
          "]",
          "{",
          "}",
          ".",
          ",",
          "\"",
          "'''",
          "\"\"\"",
          "\n",
          "#--set ",
          "log = [",
          "linear = [",
          "count = ",
          "1e300",
          "-1",
          "9223372036854775807",
          "inf",
          "nan",
          "true",
          "1979-05-27T07:32:00Z",
          "\\u00e9",
          "\\U0010ffff",
          "\xc3\xa9",
          "\xf4\x8f\xbf\xbf",
          "\"flow.weight_decay\"",
          "model.samples",
          "[[a]]\n",
          "0x7f",
          "\r\n",
          "\xef\xbb\xbf"};
}

const std::vector<Reader>& file_readers() {
  static const std::vector<Reader> all = {
      {"toml", "toml", "TOML documents", read_toml, toml_words()},
      {"data",
       "data",
       ".npy and .csv files",
       read_data,
       {"\x93NUMPY",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }\n",
        "'descr'",
        "'shape'",
        "'fortran_order'",
        "True",
        "(",
        ")",
        ",",
        "L",
        "18446744073709551615",
        "nan",
        "inf",
        "1e309",
        "\n",
        "\r\n",
        "\"",
        "#",
        "+",
        "-",
        "\xef\xbb\xbf"}},
      {"netcdf",
       "netcdf",
       "results as they stand on a disk",
       read_result,
       {"gradflow", "CDF\5", "\x89HDF"}},
      {"foreign",
       "foreign",
       "NetCDF of other programs with a checksum that fits",
       read_foreign,
       {}},
  };
  return all;
}

}  // namespace gradflow::testing
