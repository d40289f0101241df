#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "io/dataset.hpp"

/// A dataset taken apart: what many datasets share (names, types, attributes) and what each has of
/// its own (lengths and values). So the points of a study are stored and put together.
namespace gradflow {

/// Names, dimensions, types and attributes, without lengths and values.
struct Layout {
  struct Array {
    std::string name;
    std::vector<std::string> dimensions;
    std::size_t type = 0;  ///< which of `Values`
    std::vector<Attribute> attributes;
  };

  std::vector<std::string> dimensions;
  std::vector<Array> variables;
  std::vector<Attribute> attributes;
};

/// Lengths of the layout's dimensions and values of its variables, in its order.
struct Contents {
  std::vector<std::size_t> lengths;
  std::vector<Values> values;
};

Layout layout_of(const Dataset& data);
/// Refers to the dataset's values by copying them.
Contents contents_of(const Dataset& data);
/// Errors: std::logic_error where the two do not fit.
Dataset joined(const Layout& layout, Contents contents);

/// Bytes of a layout, of the contents of a dataset, and back. Equal ones give equal bytes, on
/// machines of either byte order. Errors: std::runtime_error for bytes that none of these made;
/// whoever reads from a disk checks them before.
std::string encoded(const Layout& layout);
std::string encoded_contents(const Dataset& data);
Layout decoded_layout(std::string_view bytes);
Contents decoded_contents(std::string_view bytes);

}  // namespace gradflow
