#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "numerics/types.hpp"

namespace gradflow {

/// Reads a table of numbers: a line a row, with commas, semicolons, tabs or blanks between the
/// fields, and a line of names before it or none. Errors: DataFileError, FileError.
Matrix read_csv(const std::filesystem::path& path);

/// Text of a file for a message: in quotes, of bounded length, printable whatever it holds.
std::string shown(std::string_view text);

}  // namespace gradflow
