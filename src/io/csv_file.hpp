#pragma once

#include <filesystem>

#include "numerics/types.hpp"

namespace gradflow {

/// Reads a table of numbers: a line a row, with commas, semicolons, tabs or blanks between the
/// fields, and a line of names before it or none. Errors: DataFileError, FileError.
Matrix read_csv(const std::filesystem::path& path);

}  // namespace gradflow
