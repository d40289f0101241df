#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "io/checksum.hpp"
#include "io/netcdf_file.hpp"
#include "io/netcdf_library.hpp"
#include "numerics/memory.hpp"

namespace gradflow {

using namespace netcdf;

namespace {

namespace fs = std::filesystem;

// Below this size, compressing costs more (a chunk index, a filter pipeline) than it saves.
constexpr std::size_t compressed_from_bytes = 65536;
// Level 1 after shuffling: higher levels take several times longer for a few per cent.
constexpr int compression_level = 1;
// The classic form is put together in memory: no more of it than this.
constexpr std::uint64_t classic_up_to_bytes = 1 << 20;

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

}  // namespace gradflow
