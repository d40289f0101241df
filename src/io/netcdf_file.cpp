#include "io/netcdf_file.hpp"

#include <dlfcn.h>
#include <netcdf.h>
#include <netcdf_mem.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "io/checksum.hpp"
#include "numerics/memory.hpp"

namespace gradflow {

namespace {

namespace fs = std::filesystem;

// Below this size, compressing costs more (a chunk index, a filter pipeline) than it saves.
constexpr std::size_t compressed_from_bytes = 65536;
// Level 1 after shuffling: higher levels take several times longer for a few per cent.
constexpr int compression_level = 1;
// The classic form is put together in memory: no more of it than this.
constexpr std::uint64_t classic_up_to_bytes = 1 << 20;
// For the libraries' own tables and buffers: refused memory in the middle, they crash.
constexpr double library_bytes = 16 << 20;
// zlib makes a byte of 1030 at the most; values take one byte or more.
constexpr std::size_t values_in_a_byte = 1100;
constexpr const char* characters_prefix = "characters_";

/// netCDF-C and HDF5 keep global state: one call at a time in the whole process.
std::mutex& library_mutex() {
  static std::mutex mutex;
  return mutex;
}

/// HDF5 prints its error stack to stderr unless told not to. netCDF tells it once, but where HDF5
/// is built thread-safe the setting belongs to the thread, so that it must be repeated in ours.
/// Looked up at run time, since HDF5 is netCDF's dependency and not ours.
void silence_hdf5() {
  using SetAuto = int (*)(std::int64_t stack, void* function, void* data);
  static const SetAuto set_auto = reinterpret_cast<SetAuto>(::dlsym(RTLD_DEFAULT, "H5Eset_auto2"));
  if (set_auto) set_auto(0, nullptr, nullptr);
}

/// Turns netCDF's return codes into FileErrors that name what was being done.
class Checker {
 public:
  Checker(const fs::path& path, const char* action) : path_(path), action_(action) {}

  void operator()(int code, const std::string& what = {}) const {
    if (code == NC_ENOMEM) throw std::bad_alloc();
    if (code != NC_NOERR) fail(nc_strerror(code), what);
  }

  [[noreturn]] void fail(const std::string& reason, const std::string& what) const {
    throw FileError(path_, action_ + (what.empty() ? "" : " (" + what + ")") + ": " + reason);
  }

 private:
  const fs::path& path_;
  std::string action_;
};

/// An open netCDF file; the destructor closes what an error left open.
class OpenFile {
 public:
  explicit OpenFile(int id) : id_(id) {}
  ~OpenFile() {
    if (id_ >= 0) nc_close(id_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  int close() { return nc_close(std::exchange(id_, -1)); }
  /// Closes a file in memory; what it holds is the caller's.
  int close(NC_memio& image) { return nc_close_memio(std::exchange(id_, -1), &image); }

 private:
  int id_;
};

std::string label(const std::string& name) {
  return "'" + name + "'";
}

// ------------------------------------------------------------------------------------- writing

nc_type type_of(const std::vector<double>&) {
  return NC_DOUBLE;
}
nc_type type_of(const std::vector<std::int32_t>&) {
  return NC_INT;
}
nc_type type_of(const std::vector<std::int64_t>&) {
  return NC_INT64;
}
nc_type type_of(const std::vector<std::string>&) {
  return NC_STRING;
}

/// Attribute of texts in the classic form.
constexpr const char* encoding_name = "_Encoding";

struct AttributeWriter {
  int file;
  int variable;
  const char* name;

  int operator()(const std::string& text) const {
    return nc_put_att_text(file, variable, name, text.size(), text.data());
  }
  int operator()(double number) const {
    return nc_put_att_double(file, variable, name, NC_DOUBLE, 1, &number);
  }
  int operator()(const std::vector<double>& list) const {
    return nc_put_att_double(file, variable, name, NC_DOUBLE, list.size(), list.data());
  }
  int operator()(std::int64_t number) const {
    const long long value = number;
    return nc_put_att_longlong(file, variable, name, NC_INT64, 1, &value);
  }
  int operator()(const std::vector<std::int32_t>& list) const {
    return nc_put_att_int(file, variable, name, NC_INT, list.size(), list.data());
  }
};

/// Room that the file takes at most: its arrays uncompressed, and something for the structure.
std::uint64_t size_bound(const Dataset& dataset) {
  constexpr std::uint64_t for_structure = 65536;
  constexpr std::uint64_t for_each_name = 4096;
  constexpr std::uint64_t for_each_string = 64;
  std::uint64_t bytes = for_structure;
  const auto add_attributes = [&](const std::vector<Attribute>& attributes) {
    for (const Attribute& attribute : attributes) {
      const auto* text = std::get_if<std::string>(&attribute.value);
      const auto* list = std::get_if<std::vector<double>>(&attribute.value);
      bytes += for_each_name + (text ? text->size() : 0) + (list ? 8 * list->size() : 0);
    }
  };
  add_attributes(dataset.attributes());
  for (const Variable& variable : dataset.variables()) {
    add_attributes(variable.attributes);
    bytes += for_each_name;
    if (const auto* strings = std::get_if<std::vector<std::string>>(&variable.values)) {
      for (const std::string& text : *strings) bytes += for_each_string + text.size();
    } else {
      bytes += 8 * size(variable.values);
    }
  }
  return bytes;
}

/// Texts in the classic form: rows of characters of equal length, filled up with NUL.
std::size_t row_length(const std::vector<std::string>& texts) {
  std::size_t longest = 1;  // a dimension of length 0 would be an unlimited one
  for (const std::string& text : texts) longest = std::max(longest, text.size());
  return longest;
}

/// What the classic form takes: small arrays, no dimension of length 0 or of a name that it needs.
bool has_classic_form(const Dataset& dataset) {
  return size_bound(dataset) <= classic_up_to_bytes &&
         std::all_of(
             dataset.variables().begin(), dataset.variables().end(),
             [](const Variable& v) { return size(v.values) * 8 < compressed_from_bytes; }) &&
         std::all_of(dataset.dimensions().begin(), dataset.dimensions().end(),
                     [](const Dimension& d) {
                       return d.length > 0 && !d.name.starts_with(characters_prefix);
                     });
}

void define_variable(int file, const Variable& variable, const std::vector<int>& dimensions,
                     bool classic, const Checker& check) {
  const std::string what = "variable " + label(variable.name);
  nc_type type = std::visit([](const auto& list) { return type_of(list); }, variable.values);
  if (classic && type == NC_STRING) type = NC_CHAR;
  int id = -1;
  check(nc_def_var(file, variable.name.c_str(), type, static_cast<int>(dimensions.size()),
                   dimensions.data(), &id),
        what);
  const std::size_t count = size(variable.values);
  if (type == NC_DOUBLE) {
    const double missing = std::numeric_limits<double>::quiet_NaN();
    check(nc_def_var_fill(file, id, NC_FILL, &missing), what);
    if (!dimensions.empty() && count >= compressed_from_bytes / sizeof(double)) {
      check(nc_def_var_deflate(file, id, 1, 1, compression_level), what);
    }
  } else if (type == NC_CHAR) {
    // By which xarray and netCDF4 know texts from bytes.
    check(AttributeWriter{file, id, encoding_name}(std::string("utf-8")), what);
  } else if (type != NC_STRING) {
    check(nc_def_var_fill(file, id, NC_NOFILL, nullptr), what);
  }
  for (const Attribute& attribute : variable.attributes) {
    check(std::visit(AttributeWriter{file, id, attribute.name.c_str()}, attribute.value),
          what + ", attribute " + label(attribute.name));
  }
}

struct ValueWriter {
  int file;
  int variable;
  bool classic;

  int operator()(const std::vector<double>& list) const {
    return nc_put_var_double(file, variable, list.data());
  }
  int operator()(const std::vector<std::int32_t>& list) const {
    return nc_put_var_int(file, variable, list.data());
  }
  int operator()(const std::vector<std::int64_t>& list) const {
    static_assert(sizeof(long long) == sizeof(std::int64_t));
    return nc_put_var_longlong(file, variable, reinterpret_cast<const long long*>(list.data()));
  }
  int operator()(const std::vector<std::string>& list) const {
    if (classic) {
      const std::size_t length = row_length(list);
      std::string rows(list.size() * length, '\0');
      for (std::size_t i = 0; i < list.size(); ++i) list[i].copy(rows.data() + i * length, length);
      return nc_put_var_text(file, variable, rows.data());
    }
    std::vector<const char*> pointers;
    pointers.reserve(list.size());
    for (const std::string& text : list) pointers.push_back(text.c_str());
    return nc_put_var_string(file, variable, pointers.data());
  }
};

/// All of a dataset into a new file.
void fill(int id, const Dataset& dataset, bool classic, const Checker& check) {
  std::vector<int> dimension_ids;
  for (const Dimension& dimension : dataset.dimensions()) {
    const std::size_t length = dimension.length == 0 ? NC_UNLIMITED : dimension.length;
    check(nc_def_dim(id, dimension.name.c_str(), length, &dimension_ids.emplace_back(-1)),
          "dimension " + label(dimension.name));
  }
  std::map<std::size_t, int> characters;  // dimensions by their length
  for (const Variable& variable : dataset.variables()) {
    std::vector<int> ids;
    for (const std::string& name : variable.dimensions) {
      const Dimension* dimension = dataset.find_dimension(name);
      ids.push_back(
          dimension_ids[static_cast<std::size_t>(dimension - dataset.dimensions().data())]);
    }
    const auto* texts = std::get_if<std::vector<std::string>>(&variable.values);
    if (classic && texts != nullptr) {
      const std::size_t length = row_length(*texts);
      const auto [known, is_new] = characters.emplace(length, -1);
      if (is_new)
        check(nc_def_dim(id, (characters_prefix + std::to_string(length)).c_str(), length,
                         &known->second),
              "variable " + label(variable.name));
      ids.push_back(known->second);
    }
    define_variable(id, variable, ids, classic, check);
  }
  for (const Attribute& attribute : dataset.attributes()) {
    check(std::visit(AttributeWriter{id, NC_GLOBAL, attribute.name.c_str()}, attribute.value),
          "attribute " + label(attribute.name));
  }
  check(nc_enddef(id));
  // netCDF numbers variables from 0 in the order of definition.
  for (std::size_t i = 0; i < dataset.variables().size(); ++i) {
    const Variable& variable = dataset.variables()[i];
    if (size(variable.values) == 0) continue;
    check(std::visit(ValueWriter{id, static_cast<int>(i), classic}, variable.values),
          "variable " + label(variable.name));
  }
}

// ------------------------------------------------------------------------------------- reading

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
    if (variable != NC_GLOBAL &&
        (std::string_view(name) == "_FillValue" || std::string_view(name) == encoding_name))
      continue;
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

/// `row`: of texts in the classic form, the characters of each.
Values read_values(int file, int variable, nc_type type, std::size_t count, std::size_t row,
                   const std::string& what, const Checker& check) {
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
    case NC_CHAR: {
      std::string rows(count * row, '\0');
      if (count > 0) check(nc_get_var_text(file, variable, rows.data()), what);
      std::vector<std::string> list(count);
      for (std::size_t i = 0; i < count; ++i) {
        list[i] = rows.substr(i * row, row);
        list[i].resize(list[i].find_last_not_of('\0') + 1);
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

/// `bytes`: the file's size.
Dataset read_open_file(int file, std::size_t bytes, const Checker& check) {
  const std::size_t most_values = bytes * values_in_a_byte;
  int dimension_count = 0;
  int variable_count = 0;
  int attribute_count = 0;
  check(nc_inq(file, &dimension_count, &variable_count, &attribute_count, nullptr));
  std::array<int, NC_MAX_VAR_DIMS> dimensions{};
  // The last dimension of an array of characters counts those of each text.
  std::set<int> characters;
  for (int i = 0; i < variable_count; ++i) {
    nc_type type = NC_NAT;
    int rank = 0;
    check(nc_inq_varndims(file, i, &rank));
    if (rank > NC_MAX_VAR_DIMS) check.fail("a variable has too many dimensions", {});
    check(nc_inq_var(file, i, nullptr, &type, &rank, dimensions.data(), nullptr));
    if (type == NC_CHAR && rank > 0)
      characters.insert(dimensions[static_cast<std::size_t>(rank) - 1]);
  }
  Dataset dataset;
  std::vector<Dimension> known;
  std::array<char, NC_MAX_NAME + 1> name{};
  for (int i = 0; i < dimension_count; ++i) {
    std::size_t length = 0;
    check(nc_inq_dim(file, i, name.data(), &length));
    known.push_back({name.data(), length});
    if (characters.count(i) == 0) dataset.add_dimension(name.data(), length);
  }
  for (int i = 0; i < variable_count; ++i) {
    nc_type type = NC_NAT;
    int rank = 0;
    int attributes = 0;
    check(nc_inq_var(file, i, name.data(), &type, &rank, dimensions.data(), &attributes));
    const std::string what = "variable " + label(name.data());
    Variable variable;
    variable.name = name.data();
    std::size_t count = 1, row = 1;
    for (int d = 0; d < rank; ++d) {
      const int id = dimensions[static_cast<std::size_t>(d)];
      if (id < 0 || id >= dimension_count) check.fail("has an unknown dimension", what);
      const Dimension& dimension = known[static_cast<std::size_t>(id)];
      // More than the file can hold is never asked of the memory.
      if (dimension.length != 0 && count * row > most_values / dimension.length) {
        check.fail("is larger than the file can hold", what);
      }
      if (type == NC_CHAR && d == rank - 1) {
        row = dimension.length;
      } else {
        variable.dimensions.push_back(dimension.name);
        count *= dimension.length;
      }
    }
    variable.values = read_values(file, i, type, count, row, what, check);
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

void write_netcdf(const Dataset& dataset, const fs::path& path) {
  FileReplacement replacement(path);
  const Checker check(path, "cannot be written");
  // netCDF takes backslashes for those of another operating system and looks elsewhere.
  if (replacement.temporary().native().find('\\') != std::string::npos) {
    check.fail("netCDF does not take paths with a backslash", {});
  }
  // HDF5 cannot close a file that it cannot finish, and then refuses later ones too.
  replacement.reserve(size_bound(dataset));
  {
    const std::lock_guard lock(library_mutex());
    require_memory(library_bytes + static_cast<double>(size_bound(dataset)));
    silence_hdf5();
    int id = -1;
    check(nc_create(replacement.temporary().c_str(), NC_NETCDF4 | NC_CLOBBER, &id));
    OpenFile file(id);
    fill(id, dataset, false, check);
    check(file.close());
  }
  replacement.append_checksum();
  replacement.commit();
}

std::optional<std::string> small_netcdf(const Dataset& dataset, const fs::path& path) {
  if (!has_classic_form(dataset)) return std::nullopt;
  const Checker check(path, "cannot be written");
  NC_memio image{};
  {
    const std::lock_guard lock(library_mutex());
    require_memory(library_bytes + static_cast<double>(size_bound(dataset)));
    int id = -1;
    // From size 0, so that the image has the file's length and no byte that nobody wrote.
    check(nc_create_mem(path.filename().c_str(), NC_64BIT_DATA, 0, &id));
    OpenFile file(id);
    fill(id, dataset, true, check);
    check(file.close(image));
  }
  const std::unique_ptr<void, void (*)(void*)> owner(image.memory, std::free);
  std::string bytes(static_cast<const char*>(image.memory), image.size);
  Checksum checksum;
  checksum.add(bytes);
  return bytes + checksum.trailer();
}

void write_small_netcdf(const Dataset& dataset, const fs::path& path) {
  if (const auto bytes = small_netcdf(dataset, path))
    write_file_atomically(path, *bytes);
  else
    write_netcdf(dataset, path);
}

Dataset read_netcdf(const fs::path& path) {
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
    return read_open_file(id, bytes.size(), check);
  } catch (const std::logic_error& error) {  // two arrays of one name, ...
    check.fail(error.what(), {});
  }
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
