#pragma once

#include <filesystem>

#include "io/dataset.hpp"

namespace gradflow {

/// A dataset in a file of gradflow's own, with a checksum: for what only gradflow reads again, a
/// hundred times cheaper to write than NetCDF. The file takes the place of an older one in one
/// step, and is on disk when the call returns. Errors: FileError.
void write_packed(const Dataset& data, const std::filesystem::path& path);

/// Errors: FileError, also where the checksum does not fit.
Dataset read_packed(const std::filesystem::path& path);

}  // namespace gradflow
