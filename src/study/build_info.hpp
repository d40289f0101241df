#pragma once

#include <string>
#include <utility>
#include <vector>

namespace gradflow {

/// Version, commit, build type and flags of gradflow, and the versions of the libraries it is
/// linked with, as (name, text).
std::vector<std::pair<std::string, std::string>> build_info();

/// Where examples/ and plots/ are: beside the installed binary, or in the source tree.
std::string data_folder();

}  // namespace gradflow
