#pragma once

#include <string>

namespace gradflow {

/// A number for a message, to so many digits: "0.35", "1e-08".
std::string short_number(double value, int digits = 6);

}  // namespace gradflow
