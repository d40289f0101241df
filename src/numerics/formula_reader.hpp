#pragma once

#include <string>
#include <vector>

#include "numerics/formula_parts.hpp"

namespace gradflow {

/// The operations of a formula's text, the last of which is the formula's, each on the results of
/// earlier ones. \throws FormulaError
std::vector<formulas::Node> read_formula(const std::string& text,
                                         const std::vector<std::string>& variables,
                                         formulas::Functions allowed);

}  // namespace gradflow
