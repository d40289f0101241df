#include <algorithm>
#include <array>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "io/checksum.hpp"
#include "io/input_file.hpp"
#include "io/netcdf_file.hpp"
#include "io/netcdf_library.hpp"
#include "numerics/memory.hpp"

namespace gradflow {

using namespace netcdf;

namespace {

namespace fs = std::filesystem;

// zlib makes a byte of 1030 at the most; values take one byte or more.
constexpr std::size_t values_in_a_byte = 1100;

/// Strings that netCDF allocated, freed whatever happens.
struct NetcdfStrings {
  explicit NetcdfStrings(std::size_t count) : pointers(count, nullptr) {}
  ~NetcdfStrings() {
    if (!pointers.empty()) nc_free_string(pointers.size(), pointers.data());
  }
  NetcdfStrings(const NetcdfStrings&) = delete;
  NetcdfStrings& operator=(const NetcdfStrings&) = delete;

  std::vector<char*> pointers;
};

/// `most`: entries that an attribute can have, at the file's size.
std::vector<Attribute> read_attributes(int file, int variable, int count, std::size_t most,
                                       const std::string& where, const Checker& check) {
  std::vector<Attribute> attributes;
  for (int i = 0; i < count; ++i) {
    std::array<char, NC_MAX_NAME + 1> buffer{};
    check(nc_inq_attname(file, variable, i, buffer.data()), where);
    const char* const name = buffer.data();
    if (variable != NC_GLOBAL && std::string_view(name) == "_FillValue") continue;
    const std::string what = where + ", attribute " + label(name);
    nc_type type = NC_NAT;
    std::size_t length = 0;
    check(nc_inq_att(file, variable, name, &type, &length), what);
    if (length > most) check.fail("is larger than the file can hold", what);
    Attribute attribute{name, {}};
    if (type == NC_CHAR) {
      std::string text(length, '\0');
      check(nc_get_att_text(file, variable, name, text.data()), what);
      attribute.value = std::move(text);
    } else if (type == NC_STRING && length == 1) {
      NetcdfStrings strings(1);
      check(nc_get_att_string(file, variable, name, strings.pointers.data()), what);
      attribute.value = std::string(strings.pointers[0] ? strings.pointers[0] : "");
    } else if (type == NC_DOUBLE) {
      std::vector<double> list(length);
      check(nc_get_att_double(file, variable, name, list.data()), what);
      if (length == 1) {
        attribute.value = list[0];
      } else {
        attribute.value = std::move(list);
      }
    } else if (type == NC_INT64 && length == 1) {
      long long value = 0;
      check(nc_get_att_longlong(file, variable, name, &value), what);
      attribute.value = std::int64_t{value};
    } else if (type == NC_INT) {
      std::vector<std::int32_t> list(length);
      check(nc_get_att_int(file, variable, name, list.data()), what);
      attribute.value = std::move(list);
    } else {
      check.fail("is of a type that gradflow does not write", what);
    }
    attributes.push_back(std::move(attribute));
  }
  return attributes;
}

Values read_values(int file, int variable, nc_type type, std::size_t count, const std::string& what,
                   const Checker& check) {
  switch (type) {
    case NC_DOUBLE: {
      std::vector<double> list(count);
      if (count > 0) check(nc_get_var_double(file, variable, list.data()), what);
      return list;
    }
    case NC_INT: {
      std::vector<std::int32_t> list(count);
      if (count > 0) check(nc_get_var_int(file, variable, list.data()), what);
      return list;
    }
    case NC_INT64: {
      std::vector<std::int64_t> list(count);
      if (count > 0) {
        check(nc_get_var_longlong(file, variable, reinterpret_cast<long long*>(list.data())), what);
      }
      return list;
    }
    case NC_STRING: {
      NetcdfStrings strings(count);
      if (count > 0) check(nc_get_var_string(file, variable, strings.pointers.data()), what);
      std::vector<std::string> list;
      list.reserve(count);
      for (const char* text : strings.pointers) list.emplace_back(text ? text : "");
      return list;
    }
    default:
      check.fail("is of a type that gradflow does not write", what);
  }
}

/// `bytes`: the file's size; `wanted`: which variables are read.
Dataset read_open_file(int file, std::size_t bytes,
                       const std::function<bool(const std::string&)>& wanted,
                       const Checker& check) {
  const std::size_t most_values = bytes * values_in_a_byte;
  int dimension_count = 0;
  int variable_count = 0;
  int attribute_count = 0;
  check(nc_inq(file, &dimension_count, &variable_count, &attribute_count, nullptr));
  Dataset dataset;
  std::vector<Dimension> known;
  std::array<char, NC_MAX_NAME + 1> name{};
  for (int i = 0; i < dimension_count; ++i) {
    std::size_t length = 0;
    check(nc_inq_dim(file, i, name.data(), &length));
    known.push_back({name.data(), length});
    dataset.add_dimension(name.data(), length);
  }
  std::array<int, NC_MAX_VAR_DIMS> dimensions{};
  for (int i = 0; i < variable_count; ++i) {
    nc_type type = NC_NAT;
    int rank = 0;
    int attributes = 0;
    check(nc_inq_varndims(file, i, &rank));
    if (rank > NC_MAX_VAR_DIMS) check.fail("a variable has too many dimensions", {});
    check(nc_inq_var(file, i, name.data(), &type, &rank, dimensions.data(), &attributes));
    const std::string what = "variable " + label(name.data());
    Variable variable;
    variable.name = name.data();
    if (!wanted(variable.name)) continue;
    std::size_t count = 1;
    for (int d = 0; d < rank; ++d) {
      const int id = dimensions[static_cast<std::size_t>(d)];
      if (id < 0 || id >= dimension_count) check.fail("has an unknown dimension", what);
      const Dimension& dimension = known[static_cast<std::size_t>(id)];
      // More than the file can hold is never asked of the memory.
      if (dimension.length != 0 && count > most_values / dimension.length) {
        check.fail("is larger than the file can hold", what);
      }
      variable.dimensions.push_back(dimension.name);
      count *= dimension.length;
    }
    variable.values = read_values(file, i, type, count, what, check);
    variable.attributes = read_attributes(file, i, attributes, bytes, what, check);
    dataset.add(std::move(variable));
  }
  for (Attribute& attribute :
       read_attributes(file, NC_GLOBAL, attribute_count, bytes, "global attributes", check)) {
    dataset.set_attribute(std::move(attribute));
  }
  return dataset;
}

}  // namespace

namespace {

Dataset read_checked(const fs::path& path, const std::function<bool(const std::string&)>& wanted) {
  // Read by us and handed over in memory: clear errors for files that cannot be read, no lock on
  // a file that another process may be looking at, and any path that the system allows. What the
  // libraries do with damaged bytes is not to be relied on (they may read beyond, free twice, or
  // never return): none without a checksum that fits reaches them.
  std::string bytes = read_checked_file(path);
  const std::lock_guard lock(library_mutex());
  require_memory(library_bytes + static_cast<double>(bytes.size()));
  silence_hdf5();
  const Checker check(path, "cannot be read as NetCDF");
  if (bytes.empty()) check.fail("the file is empty", {});
  int id = -1;
  check(nc_open_mem(path.filename().c_str(), NC_NOWRITE, bytes.size(), bytes.data(), &id));
  const OpenFile file(id);
  try {
    return read_open_file(id, bytes.size(), wanted, check);
  } catch (const std::logic_error& error) {  // two arrays of one name, ...
    check.fail(error.what(), {});
  }
}

}  // namespace

Dataset read_netcdf(const fs::path& path) {
  return read_checked(path, [](const std::string&) { return true; });
}

Dataset read_netcdf(const fs::path& path, const std::vector<std::string>& names) {
  return read_checked(path, [&](const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  });
}

bool is_foreign_netcdf(const fs::path& path) {
  std::array<char, 4> start{};
  const std::size_t length = InputFile(path).read(start.data(), start.size());
  const std::string_view bytes(start.data(), length);
  return (bytes.starts_with("CDF") || bytes.starts_with("\x89HDF")) && !has_checksum(path);
}

double declared_bytes(const fs::path& path) {
  const std::lock_guard lock(library_mutex());
  silence_hdf5();
  const Checker check(path, "cannot be read as NetCDF");
  int id = -1;
  check(nc_open(path.c_str(), NC_NOWRITE, &id));
  const OpenFile file(id);
  int variables = 0;
  check(nc_inq_nvars(id, &variables));
  double bytes = 0;
  for (int i = 0; i < variables; ++i) {
    nc_type type = NC_NAT;
    int rank = 0;
    check(nc_inq_vartype(id, i, &type));
    check(nc_inq_varndims(id, i, &rank));
    std::vector<int> dimensions(static_cast<std::size_t>(rank));
    check(nc_inq_vardimid(id, i, dimensions.data()));
    std::size_t size = 0;
    check(nc_inq_type(id, type, nullptr, &size));
    auto product = static_cast<double>(size);
    for (const int dimension : dimensions) {
      std::size_t length = 0;
      check(nc_inq_dimlen(id, dimension, &length));
      product *= static_cast<double>(length);
    }
    bytes += product;
  }
  return bytes;
}

}  // namespace gradflow
