#include "numerics/short_number.hpp"

#include <cstdio>

namespace gradflow {

std::string short_number(double value, int digits) {
  char text[48];
  std::snprintf(text, sizeof text, "%.*g", digits, value);
  return text;
}

}  // namespace gradflow
