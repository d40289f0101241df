#include "study/part_files.hpp"

#include <cstdio>

namespace gradflow {

std::filesystem::path parts_of_point(const std::filesystem::path& folder, std::size_t point) {
  char text[32];
  std::snprintf(text, sizeof text, "%06zu", point);
  return folder / "parts" / text;
}

std::filesystem::path part_file(const std::filesystem::path& folder, std::size_t point,
                                const std::string& part) {
  return parts_of_point(folder, point) / (part + ".part");
}

}  // namespace gradflow
