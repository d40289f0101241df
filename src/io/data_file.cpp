#include "io/data_file.hpp"

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "io/csv_file.hpp"
#include "io/data_conversion.hpp"
#include "io/idx_file.hpp"
#include "io/input_file.hpp"

namespace gradflow {

namespace {

namespace fs = std::filesystem;

struct NpyHeader {
  std::string descr;
  bool fortran_order = false;
  std::vector<std::uint64_t> shape;
};

/// Reads the header's Python dictionary, {'descr': '<f8', 'fortran_order': False, 'shape': (3, 4)}
/// and nothing else: a parser of this one form has nothing to execute and little to get wrong.
class NpyHeaderParser {
 public:
  NpyHeaderParser(const fs::path& path, std::string_view text) : path_(path), text_(text) {}

  NpyHeader parse() {
    NpyHeader header;
    bool has_descr = false;
    bool has_order = false;
    bool has_shape = false;
    expect('{');
    while (!accept('}')) {
      const std::string key = string();
      expect(':');
      if (key == "descr" && !has_descr) {
        has_descr = true;
        if (peek() == '[') fail("structured arrays are not supported; save it as float64");
        header.descr = string();
      } else if (key == "fortran_order" && !has_order) {
        has_order = true;
        header.fortran_order = boolean();
      } else if (key == "shape" && !has_shape) {
        has_shape = true;
        header.shape = tuple();
      } else {
        fail("unexpected key " + shown(key) + " in the header");
      }
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    if (peek() != '\0' || !text_.empty()) fail("damaged header: text after its end");
    if (!has_descr || !has_order || !has_shape) {
      fail("damaged header: 'descr', 'fortran_order' or 'shape' is missing");
    }
    return header;
  }

 private:
  [[noreturn]] void fail(const std::string& reason) const { throw DataFileError(path_, reason); }

  /// The next character that is not blank; NUL at the end.
  char peek() {
    while (!text_.empty() && (text_.front() == ' ' || text_.front() == '\n')) {
      text_.remove_prefix(1);
    }
    return text_.empty() ? '\0' : text_.front();
  }

  bool accept(char c) {
    if (peek() != c) return false;
    text_.remove_prefix(1);
    return true;
  }

  void expect(char c) {
    if (!accept(c)) fail(std::string("damaged header: '") + c + "' expected");
  }

  std::string string() {
    const char quote = peek();
    if (quote != '\'' && quote != '"') fail("damaged header: a string expected");
    text_.remove_prefix(1);
    const std::size_t end = text_.find(quote);
    if (end == std::string_view::npos) fail("damaged header: a string has no end");
    std::string result(text_.substr(0, end));
    text_.remove_prefix(end + 1);
    return result;
  }

  bool boolean() {
    peek();
    for (const auto& [word, value] :
         {std::pair{std::string_view("True"), true}, std::pair{std::string_view("False"), false}}) {
      if (text_.substr(0, word.size()) == word) {
        text_.remove_prefix(word.size());
        return value;
      }
    }
    fail("damaged header: True or False expected");
  }

  std::vector<std::uint64_t> tuple() {
    std::vector<std::uint64_t> result;
    expect('(');
    while (!accept(')')) {
      peek();
      std::uint64_t length = 0;
      const auto [stop, error] = std::from_chars(text_.data(), text_.data() + text_.size(), length);
      if (error != std::errc()) fail("damaged header: the shape is not a tuple of lengths");
      text_.remove_prefix(static_cast<std::size_t>(stop - text_.data()));
      accept('L');  // Python 2 wrote long integers so
      result.push_back(length);
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    return result;
  }

  const fs::path& path_;
  std::string_view text_;
};

std::string shape_text(const std::vector<std::uint64_t>& shape) {
  std::string result = "(";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    result += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  }
  return result + (shape.size() == 1 ? ",)" : ")");
}

std::uint32_t little_endian(std::string_view bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) {
    value = (value << 8) | static_cast<unsigned char>(bytes[i]);
  }
  return value;
}

/// The header's text; behind it the file's next bytes are the entries.
/// Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
std::string npy_header(InputFile& file) {
  const fs::path& path = file.path();
  const auto read = [&](std::size_t count) {
    std::string bytes(count, '\0');
    bytes.resize(file.read(bytes.data(), count));
    return bytes;
  };
  constexpr std::string_view magic = "\x93NUMPY";
  const std::string start = read(magic.size() + 2);
  if (start.size() < magic.size() + 2 || !start.starts_with(magic)) {
    throw DataFileError(path, "is not a .npy file");
  }
  const int version = static_cast<unsigned char>(start[magic.size()]);
  if (version < 1 || version > 3 || start.back() != '\0') {
    throw DataFileError(path, "is of an unknown version of the .npy format");
  }
  // Version 1 has a header length of two bytes, the later ones of four; none that is ours is long.
  constexpr std::uint32_t longest = 65536;
  const std::size_t length_bytes = version == 1 ? 2 : 4;
  const std::string length_text = read(length_bytes);
  const std::uint32_t length = little_endian(length_text);
  if (length_text.size() < length_bytes || length > file.left()) {
    throw DataFileError(path, "the file is cut off in its header");
  }
  if (length > longest) {
    throw DataFileError(path, "damaged header: its length is " + std::to_string(length) +
                                  ", expected at most " + std::to_string(longest));
  }
  return read(length);
}

/// Types of entries, as NumPy writes them in the header and calls them.
struct EntryType {
  std::string_view descr, name;
  std::size_t bytes;
  /// Entry `index` of those that begin at `data`.
  double (*read)(const char* data, std::size_t index);
};

template <class T>
double entry_at(const char* data, std::size_t index) {
  T value{};
  std::memcpy(&value, data + index * sizeof(T), sizeof(T));
  return static_cast<double>(value);
}

constexpr std::array entry_types{
    EntryType{"<f8", "float64", 8, entry_at<double>},
    EntryType{"<f4", "float32", 4, entry_at<float>},
    EntryType{"<i8", "int64", 8, entry_at<std::int64_t>},
    EntryType{"<i4", "int32", 4, entry_at<std::int32_t>},
    EntryType{"<i2", "int16", 2, entry_at<std::int16_t>},
    EntryType{"|i1", "int8", 1, entry_at<std::int8_t>},
    EntryType{"<u8", "uint64", 8, entry_at<std::uint64_t>},
    EntryType{"<u4", "uint32", 4, entry_at<std::uint32_t>},
    EntryType{"<u2", "uint16", 2, entry_at<std::uint16_t>},
    EntryType{"|u1", "uint8", 1, entry_at<std::uint8_t>},
    EntryType{"|b1", "bool", 1, entry_at<std::uint8_t>},
};

const EntryType& entry_type(const fs::path& path, const NpyHeader& header) {
  for (const EntryType& type : entry_types)
    if (type.descr == header.descr) return type;
  throw DataFileError(path, "has entries of type " + shown(header.descr) +
                                " where little-endian real numbers are needed (in NumPy: "
                                "array.astype('<f8'))");
}

Matrix read_npy(const fs::path& path) {
  static_assert(std::endian::native == std::endian::little, "the entries are copied as they are");
  InputFile file(path);
  const std::string text = npy_header(file);
  const NpyHeader header = NpyHeaderParser(path, text).parse();
  const EntryType& type = entry_type(path, header);
  if (header.shape.empty() || header.shape.size() > 2) {
    throw DataFileError(
        path, "has " + std::to_string(header.shape.size()) + " dimensions where 1 or 2 are needed");
  }
  const std::uint64_t rows = header.shape[0];
  const std::uint64_t columns = header.shape.size() == 2 ? header.shape[1] : 1;
  if (rows == 0 || columns == 0) {
    throw DataFileError(path, "holds no numbers: its shape is " + shape_text(header.shape));
  }
  // Before any of them is read, and by division, so that no product of hostile lengths overflows.
  const std::uint64_t bytes = file.left();
  const std::uint64_t entries = bytes / type.bytes;
  if (bytes % type.bytes != 0 || entries % columns != 0 || entries / columns != rows) {
    throw DataFileError(path, "holds " + std::to_string(bytes) +
                                  " bytes of data, which is not what " + std::string(type.name) +
                                  " of shape " + shape_text(header.shape) + " needs");
  }

  const auto read_entries = [&](double* target) {
    // Float64 goes where it belongs; what is converted is held in between.
    std::string held(&type == entry_types.data() ? 0 : bytes, '\0');
    char* const to = held.empty() ? reinterpret_cast<char*>(target) : held.data();
    if (file.read(to, bytes) != bytes) {
      throw DataFileError(path, "became shorter while it was read");
    }
    if (held.empty()) return;
    for (std::size_t i = 0; i < entries; ++i) target[i] = type.read(to, i);
  };
  Matrix result(static_cast<Index>(rows), static_cast<Index>(columns));
  if (header.fortran_order) {
    read_entries(result.data());
  } else {
    RowMatrix by_rows(result.rows(), result.cols());
    read_entries(by_rows.data());
    result = by_rows;
  }
  for (Index i = 0; i < result.rows(); ++i) {
    for (Index j = 0; j < result.cols(); ++j) {
      if (!std::isfinite(result(i, j))) {
        throw DataFileError(path, "row " + std::to_string(i + 1) + ", column " +
                                      std::to_string(j + 1) +
                                      ": not a finite number: " + std::to_string(result(i, j)));
      }
    }
  }
  return result;
}

std::string lower_extension(const fs::path& path) {
  std::string extension = path.extension().string();
  for (char& c : extension) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return extension;
}

}  // namespace

Matrix read_data_file(const fs::path& path) {
  std::error_code unreadable;  // told by who reads it
  const fs::file_status kind = fs::status(path, unreadable);
  if (kind.type() == fs::file_type::not_found) throw DataFileError(path, "does not exist");
  if (fs::is_directory(kind)) throw DataFileError(path, "is a folder");
  const std::string extension = lower_extension(path);
  if (is_idx_name(path)) return read_idx(path);
  if (extension == ".npy") return read_npy(path);
  if (extension == ".csv") return read_csv(path);
  throw DataFileError(path, "is neither .npy nor .csv nor IDX (.idx, -ubyte, gzipped with .gz)");
}

std::string converted_type(const fs::path& path) {
  if (lower_extension(path) != ".npy" || !fs::is_regular_file(path)) return "";
  InputFile file(path);
  const std::string text = npy_header(file);
  const EntryType& type = entry_type(path, NpyHeaderParser(path, text).parse());
  return &type == entry_types.data() ? "" : std::string(type.name);
}

}  // namespace gradflow
