#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

/// Where the results in a folder keep the parts of a point in several, such as the values of a
/// sweep (io/packed_file.hpp), until the point itself is on disk: parts/NNNNNN/NAME.part.
namespace gradflow {

/// The folder of a point's parts.
std::filesystem::path parts_of_point(const std::filesystem::path& folder, std::size_t point);

/// A part of a point.
std::filesystem::path part_file(const std::filesystem::path& folder, std::size_t point,
                                const std::string& part);

}  // namespace gradflow
