#pragma once

#include <string>
#include <vector>

#include "numerics/formula.hpp"

namespace gradflow {

/// The operations of a formula's text, the last of which is the formula's, each on the results of
/// earlier ones. \throws FormulaError
std::vector<Formula::Node> read_formula(const std::string& text,
                                        const std::vector<std::string>& variables,
                                        Formula::Functions allowed);

}  // namespace gradflow
