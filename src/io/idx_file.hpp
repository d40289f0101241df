#pragma once

#include <filesystem>

#include "numerics/types.hpp"

namespace gradflow {

/// Does the name end in .idx or -ubyte, or in one of these and .gz?
bool is_idx_name(const std::filesystem::path& path);

/// Reads a file in the IDX format of the MNIST data (http://yann.lecun.com/exdb/mnist/), gzipped
/// where its name ends in .gz: unsigned bytes in an array whose first dimension counts samples.
/// One dimension (labels) gives n x 1, the bytes as they are; more (images) give a row for each
/// sample, divided by 255. No more is read than the header promises. Errors: DataFileError,
/// FileError.
Matrix read_idx(const std::filesystem::path& path);

}  // namespace gradflow
