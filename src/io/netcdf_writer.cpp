#include <algorithm>
#include <array>
#include <limits>
#include <string>
#include <vector>

#include "io/atomic_file.hpp"
#include "io/checksum.hpp"
#include "io/netcdf_file.hpp"
#include "io/netcdf_library.hpp"
#include "io/shape.hpp"
#include "numerics/memory.hpp"

namespace gradflow {

using namespace netcdf;

namespace {

namespace fs = std::filesystem;

// Below this size, compressing costs more (a chunk index, a filter pipeline) than it saves, and so
// does a checksum for each chunk.
constexpr std::size_t checked_from_bytes = 65536;
// Level 1 after shuffling: higher levels take several times longer for a few per cent.
constexpr int compression_level = 1;
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

/// What a variable is, without its values.
struct Definition {
  const std::string& name;
  const std::vector<Attribute>& attributes;
  nc_type type;
  std::vector<int> dimensions;
  std::vector<std::size_t> shape;
};

/// Chunks of about half a MiB: whole in the last dimensions, so that values that come in row-major
/// order fill one after the other.
std::vector<std::size_t> chunks_of(const std::vector<std::size_t>& shape, std::size_t entry_bytes) {
  constexpr std::size_t chunk_bytes = 1 << 19;
  std::size_t left = chunk_bytes / entry_bytes;
  std::vector<std::size_t> chunks(shape.size());
  for (std::size_t d = shape.size(); d-- > 0;) {
    chunks[d] = std::clamp<std::size_t>(shape[d], 1, left);
    left = std::max<std::size_t>(1, left / chunks[d]);
  }
  return chunks;
}

/// Storage of large arrays of numbers: with a checksum of HDF5's, compressed where they are reals.
void define_storage(int file, int id, const Definition& variable, const Checker& check,
                    const std::string& what) {
  // A chunk or two of each variable, not the library's 16 MiB.
  constexpr std::size_t cache_bytes = 1 << 20, cache_slots = 101;
  constexpr float preemption = 0.75F;
  const std::size_t entry = variable.type == NC_INT ? 4 : 8;
  if (variable.shape.empty() || entries_of(variable.shape) * entry < checked_from_bytes) return;
  if (std::count(variable.shape.begin(), variable.shape.end(), 0U) > 0) return;
  const std::vector<std::size_t> chunks = chunks_of(variable.shape, entry);
  check(nc_def_var_chunking(file, id, NC_CHUNKED, chunks.data()), what);
  check(nc_def_var_fletcher32(file, id, NC_FLETCHER32), what);
  if (variable.type == NC_DOUBLE)
    check(nc_def_var_deflate(file, id, 1, 1, compression_level), what);
  check(nc_set_var_chunk_cache(file, id, cache_bytes, cache_slots, preemption), what);
}

int define_variable(int file, const Definition& variable, const Checker& check) {
  const std::string what = "variable " + label(variable.name);
  int id = -1;
  check(nc_def_var(file, variable.name.c_str(), variable.type,
                   static_cast<int>(variable.dimensions.size()), variable.dimensions.data(), &id),
        what);
  if (variable.type == NC_DOUBLE) {
    const double missing = std::numeric_limits<double>::quiet_NaN();
    check(nc_def_var_fill(file, id, NC_FILL, &missing), what);
  } else if (variable.type != NC_STRING) {
    check(nc_def_var_fill(file, id, NC_NOFILL, nullptr), what);
  }
  if (variable.type != NC_STRING) define_storage(file, id, variable, check, what);
  for (const Attribute& attribute : variable.attributes) {
    check(std::visit(AttributeWriter{file, id, attribute.name.c_str()}, attribute.value),
          what + ", attribute " + label(attribute.name));
  }
  return id;
}

/// A box of a variable's entries, from values that follow one another.
struct BoxWriter {
  int file;
  int variable;
  const std::vector<std::size_t>& start;
  const std::vector<std::size_t>& count;
  std::size_t offset = 0;  ///< of the box in the values

  int operator()(const std::vector<double>& list) const {
    return nc_put_vara_double(file, variable, start.data(), count.data(), list.data() + offset);
  }
  int operator()(const std::vector<std::int32_t>& list) const {
    return nc_put_vara_int(file, variable, start.data(), count.data(), list.data() + offset);
  }
  int operator()(const std::vector<std::int64_t>& list) const {
    static_assert(sizeof(long long) == sizeof(std::int64_t));
    return nc_put_vara_longlong(file, variable, start.data(), count.data(),
                                reinterpret_cast<const long long*>(list.data() + offset));
  }
  int operator()(const std::vector<std::string>& list) const {
    std::vector<const char*> pointers;
    const std::size_t entries = entries_of(count);
    pointers.reserve(entries);
    for (std::size_t i = offset; i < offset + entries; ++i) pointers.push_back(list[i].c_str());
    return nc_put_vara_string(file, variable, start.data(), count.data(), pointers.data());
  }
};

nc_type type_of(const Values& values) {
  return std::visit([](const auto& list) { return type_of(list); }, values);
}

nc_type type_of_index(std::size_t index) {
  constexpr std::array<nc_type, 4> types{NC_DOUBLE, NC_INT, NC_INT64, NC_STRING};
  return types.at(index);
}

/// A new file, its dimensions and variables defined.
class Writer {
 public:
  Writer(int file, const Dataset& dataset, const Checker& check)
      : file_(file), dataset_(dataset), check_(check) {
    for (const Dimension& dimension : dataset.dimensions()) {
      const std::size_t length = dimension.length == 0 ? NC_UNLIMITED : dimension.length;
      check(nc_def_dim(file, dimension.name.c_str(), length, &dimensions_.emplace_back(-1)),
            "dimension " + label(dimension.name));
    }
  }

  int define(const std::string& name, const std::vector<std::string>& dimensions, nc_type type,
             const std::vector<Attribute>& attributes) const {
    Definition definition{name, attributes, type, {}, {}};
    for (const std::string& dimension : dimensions) {
      const Dimension* found = dataset_.find_dimension(dimension);
      definition.dimensions.push_back(
          dimensions_[static_cast<std::size_t>(found - dataset_.dimensions().data())]);
      definition.shape.push_back(found->length);
    }
    return define_variable(file_, definition, check_);
  }

  void attribute(const Attribute& attribute) const {
    check_(std::visit(AttributeWriter{file_, NC_GLOBAL, attribute.name.c_str()}, attribute.value),
           "attribute " + label(attribute.name));
  }

  void put(int id, const Variable& variable) const {
    if (size(variable.values) == 0) return;
    const std::vector<std::size_t> count = dataset_.shape(variable);
    const std::vector<std::size_t> start(count.size(), 0);
    put(id, variable.name, variable.values, start, count, 0);
  }
  void put(int id, const std::string& name, const Values& values,
           const std::vector<std::size_t>& start, const std::vector<std::size_t>& count,
           std::size_t offset) const {
    check_(std::visit(BoxWriter{file_, id, start, count, offset}, values),
           "variable " + label(name));
  }

 private:
  int file_;
  const Dataset& dataset_;
  const Checker& check_;
  std::vector<int> dimensions_;
};

/// Calls `box(start, count, first)` for boxes that make up the entries `first` to `last` (not
/// included) of row-major dimensions, in order.
template <class Box>
void for_boxes(const std::vector<std::size_t>& lengths, std::size_t first, std::size_t last,
               const Box& box) {
  std::vector<std::size_t> strides(lengths.size(), 1);
  for (std::size_t d = lengths.size(); d-- > 1;) strides[d - 1] = strides[d] * lengths[d];
  while (first < last) {
    // The outermost dimension along which whole rows can be taken; the innermost always can.
    std::size_t d = 0;
    while (d + 1 < lengths.size() && (first % strides[d] != 0 || last - first < strides[d])) ++d;
    std::vector<std::size_t> start, count;
    for (std::size_t k = 0; k < lengths.size(); ++k) {
      start.push_back(first / strides[k] % lengths[k]);
      count.push_back(k < d ? 1 : k > d ? lengths[k] : 0);
    }
    std::size_t taken = 1;
    if (!lengths.empty()) {
      count[d] = std::min((last - first) / strides[d], lengths[d] - start[d]);
      taken = count[d] * strides[d];
    }
    box(start, count, first);
    first += taken;
  }
}

/// A new NetCDF file in the place of an old one, once `fill` has written all of it.
template <class Fill>
void replace_netcdf(const fs::path& path, std::uint64_t most_bytes, double memory,
                    const Fill& fill) {
  FileReplacement replacement(path);
  const Checker check(path, "cannot be written");
  // netCDF takes backslashes for those of another operating system and looks elsewhere.
  if (replacement.temporary().native().find('\\') != std::string::npos) {
    check.fail("netCDF does not take paths with a backslash", {});
  }
  // HDF5 cannot close a file that it cannot finish, and then refuses later ones too.
  replacement.reserve(most_bytes);
  {
    const std::lock_guard lock(library_mutex());
    require_memory(library_bytes + memory);
    silence_hdf5();
    int id = -1;
    check(nc_create(replacement.temporary().c_str(), NC_NETCDF4 | NC_CLOBBER, &id));
    OpenFile file(id);
    fill(id, check);
    check(file.close());
  }
  replacement.append_checksum();
  replacement.commit();
}

}  // namespace

void write_netcdf(const Dataset& dataset, const fs::path& path) {
  const std::uint64_t bytes = size_bound(dataset);
  replace_netcdf(path, bytes, static_cast<double>(bytes), [&](int id, const Checker& check) {
    const Writer writer(id, dataset, check);
    std::vector<int> variables;
    for (const Variable& variable : dataset.variables())
      variables.push_back(writer.define(variable.name, variable.dimensions,
                                        type_of(variable.values), variable.attributes));
    for (const Attribute& attribute : dataset.attributes()) writer.attribute(attribute);
    check(nc_enddef(id));
    for (std::size_t v = 0; v < variables.size(); ++v)
      writer.put(variables[v], dataset.variables()[v]);
  });
}

void write_netcdf(const Dataset& dataset, const BlockSource& source, const fs::path& path) {
  const std::vector<Dimension>& dimensions = dataset.dimensions();
  std::vector<std::size_t> leading;
  for (std::size_t d = 0; d < source.leading; ++d) leading.push_back(dimensions[d].length);
  std::uint64_t bytes = size_bound(dataset);
  std::vector<std::vector<std::size_t>> rests;  // lengths behind the leading dimensions
  for (const Layout::Array& variable : source.variables) {
    std::vector<std::size_t> rest;
    for (std::size_t d = source.leading; d < variable.dimensions.size(); ++d)
      rest.push_back(dataset.find_dimension(variable.dimensions[d])->length);
    bytes += 8 * entries_of(leading) * entries_of(rest) + 4096;
    rests.push_back(std::move(rest));
  }
  constexpr double for_blocks = 1 << 26;
  replace_netcdf(
      path, bytes, static_cast<double>(size_bound(dataset)) + for_blocks,
      [&](int id, const Checker& check) {
        const Writer writer(id, dataset, check);
        const auto define = [&](const Variable& variable) {
          return writer.define(variable.name, variable.dimensions, type_of(variable.values),
                               variable.attributes);
        };
        // As one reads them: coordinates, then what is over them.
        std::vector<int> own(dataset.variables().size()), streamed;
        for (std::size_t v = 0; v < own.size(); ++v)
          if (dataset.variables()[v].is_coordinate()) own[v] = define(dataset.variables()[v]);
        for (const Layout::Array& variable : source.variables)
          streamed.push_back(writer.define(variable.name, variable.dimensions,
                                           type_of_index(variable.type), variable.attributes));
        for (std::size_t v = 0; v < own.size(); ++v)
          if (!dataset.variables()[v].is_coordinate()) own[v] = define(dataset.variables()[v]);
        for (const Attribute& attribute : dataset.attributes()) writer.attribute(attribute);
        check(nc_enddef(id));
        for (std::size_t v = 0; v < own.size(); ++v) writer.put(own[v], dataset.variables()[v]);
        std::size_t first = 0;
        for (Block block = source.next(); block.count > 0; block = source.next()) {
          for (std::size_t v = 0; v < streamed.size(); ++v) {
            const std::size_t entry = entries_of(rests[v]);
            if (entry == 0) continue;
            for_boxes(leading, first, first + block.count,
                      [&](std::vector<std::size_t> start, std::vector<std::size_t> count,
                          std::size_t at) {
                        start.resize(start.size() + rests[v].size(), 0);
                        count.insert(count.end(), rests[v].begin(), rests[v].end());
                        writer.put(streamed[v], source.variables[v].name, block.values[v], start,
                                   count, (at - first) * entry);
                      });
          }
          first += block.count;
        }
        for (const Attribute& attribute : source.last_attributes()) writer.attribute(attribute);
      });
}

}  // namespace gradflow
