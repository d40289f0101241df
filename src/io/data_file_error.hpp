#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include "io/file_error.hpp"

/// What is wrong with a data file (io/data_file.hpp), of whatever format.
namespace gradflow {

/// A data file whose contents are not what a model can take. `what()` names the place where there
/// is one: "targets.csv:3:2: not a finite number: 'nan'" (line and field, counted from 1).
class DataFileError : public FileError {
 public:
  DataFileError(const std::filesystem::path& path, const std::string& reason)
      : FileError(path, reason) {}
  DataFileError(const std::filesystem::path& path, std::size_t line, std::size_t field,
                const std::string& reason)
      : FileError(path, ":" + std::to_string(line) + ":" + std::to_string(field) + ": ", reason) {}
};

/// Text of a file for a message: in quotes, of bounded length, printable whatever it holds.
std::string shown(std::string_view text);

}  // namespace gradflow
