#pragma once

#include <filesystem>

#include "io/data_file_error.hpp"
#include "numerics/types.hpp"

namespace gradflow {

/// Reads inputs, targets, masks and initial values: every entry a finite number, at least one.
///
/// - `.npy`, NumPy's format (numpy.lib.format, versions 1 to 3): little-endian float64 in either
///   memory order, or float32, integers and truth values, which are converted
///   (io/data_conversion.hpp); shape (n) gives n x 1, shape (n, d) gives n x d.
/// - `.csv`: fields separated by commas or, in a file whose last line has none, by semicolons, tabs
///   or blanks; lines of equal length, LF or CRLF, blanks around fields
///   and blank lines at the end allowed. A first line without any number is a header; one that
///   mixes numbers and words is an error, since it may be a row with a slip or a missing value.
///   No more than 1 GiB.
/// - IDX, the format of the MNIST data, by the names of io/idx_file.hpp.
///
/// No more is read of a file than its header promises, and only regular files are.
/// Errors: DataFileError for contents, FileError for a file that cannot be read.
Matrix read_data_file(const std::filesystem::path& path);

}  // namespace gradflow
