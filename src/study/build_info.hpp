#pragma once

#include <string>
#include <utility>
#include <vector>

namespace gradflow {

/// Version, commit, build type and flags of gradflow, and the versions of the libraries it is
/// linked with, as (name, text).
std::vector<std::pair<std::string, std::string>> build_info();

/// Keeps the program's command line for `call_info`.
void note_call(int argc, char** argv);
/// `created`, the time by ISO 8601 in UTC, and `command`, the command line, where it is known.
std::vector<std::pair<std::string, std::string>> call_info();

/// A text as one word for a shell, in quotes where it needs them.
std::string shell_word(const std::string& text);

/// Where examples/ and plots/ are: beside the installed binary, or in the source tree.
std::string data_folder();

}  // namespace gradflow
