#pragma once

#include <cereal/archives/portable_binary.hpp>
#include <cereal/types/string.hpp>
#include <cereal/types/utility.hpp>
#include <cereal/types/variant.hpp>
#include <cereal/types/vector.hpp>
#include <istream>
#include <sstream>
#include <stdexcept>
#include <streambuf>
#include <string>
#include <string_view>

#include "io/dataset.hpp"

/// Values as bytes and back, by cereal: the same bytes on machines of either byte order. Costly to
/// compile, so to be included by few files. What a struct consists of, its `serialize` says, which
/// stands in the struct's namespace.
namespace gradflow {

template <class Archive>
void serialize(Archive& archive, Attribute& attribute) {
  archive(attribute.name, attribute.value);
}

template <class... T>
std::string packed(const T&... values) {
  std::ostringstream out;
  cereal::PortableBinaryOutputArchive archive(out);
  archive(values...);
  return std::move(out).str();
}

/// Errors: std::runtime_error for bytes that `packed` has not made of such a value; whoever reads
/// from a disk checks them before.
template <class T>
T unpacked(std::string_view bytes) {
  /// Bytes read where they lie.
  struct View : std::streambuf {
    explicit View(std::string_view all) {
      char* const begin = const_cast<char*>(all.data());  // only read
      setg(begin, begin, begin + all.size());
    }
  } view(bytes);
  std::istream in(&view);
  T value;
  cereal::PortableBinaryInputArchive archive(in);
  archive(value);
  return value;
}

}  // namespace gradflow
