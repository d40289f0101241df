#pragma once

#include <string>

#include "flow/parameters.hpp"

namespace gradflow {

/// The numbers of the file `name`, one for each of n samples, which a message calls `samples`.
/// \throws ParameterError for another number of them
inline Vector read_sample_values(const Parameters& p, const std::string& name, Index n,
                                 const std::string& samples = "samples") {
  Vector values = p.file_vector(name);
  if (values.size() != n)
    throw ParameterError(name, "has " + std::to_string(values.size()) + " entries, but there are " +
                                   std::to_string(n) + " " + samples);
  return values;
}

}  // namespace gradflow
