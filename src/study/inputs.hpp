#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "io/toml_document.hpp"
#include "numerics/types.hpp"

namespace gradflow {

/// The data files that a config names, each read once for all points. May be asked from several
/// threads; copies share what has been read.
class Inputs {
 public:
  /// Of a config in this folder, which relative paths are relative to.
  explicit Inputs(std::filesystem::path folder = {}) : folder_(std::move(folder)) {}

  /// The absolute path of a file that is named at `position`: relative to the config, or to where
  /// an option was typed.
  std::filesystem::path locate(std::filesystem::path file, const SourcePosition& position) const;
  /// The numbers of a file or, of a folder of results, the state in which its single run ended; of
  /// a study "FOLDER[axis=value, ...]" that of one point.
  /// Valid as long as any copy of this. \throws FileError
  const Matrix& numbers(const std::filesystem::path& path) const;
  /// A hash of what `numbers` gives, in hexadecimal digits: equal for equal numbers, whatever the
  /// file's name. \throws FileError
  std::string content_hash(const std::filesystem::path& path) const;

  /// A line for each file whose numbers had to be converted. \throws FileError
  std::vector<std::string> notes() const;

 private:
  struct Files {
    std::mutex mutex;
    std::map<std::string, Matrix> read;
    std::map<std::string, std::string> hashes;
  };

  std::filesystem::path folder_;
  std::shared_ptr<Files> files_ = std::make_shared<Files>();
};

}  // namespace gradflow
