#pragma once

#include <filesystem>
#include <string>

namespace gradflow {

/// Of what type the entries of a data file are where that is not float64: "int64"; empty for all
/// else. Errors: those of `read_data_file`.
std::string converted_type(const std::filesystem::path& path);

}  // namespace gradflow
