#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "io/dataset.hpp"

namespace gradflow {

/// What the points of a study are put together with: its axes, what is fitted along them, and the
/// texts that the result carries. Kept beside the points (points/study), so that a result can be
/// made without the config and the files that it names.
struct StudyHead {
  struct Axis {
    std::string key;  ///< "flow.weight_decay"
    /// By its name; units and meaning go with it. Of values that are lists the first.
    StudyAxis axis;

    std::size_t length() const;
    /// A value in short: "0.001", "tanh".
    std::string text(std::size_t index) const;
  };

  std::string fingerprint;   ///< of what can change a number
  std::string prolongs;      ///< a single run's fingerprint before it was prolonged; not kept
  std::int64_t version = 0;  ///< result_version
  std::vector<Axis> axes;    ///< none: a single run
  std::string model, paper, config, resolved;
  std::vector<std::string> exponents;  ///< measure.exponents
  std::size_t against = 0;             ///< number of the axis that they are fitted along
  bool arrhenius = false;

  std::size_t points() const;
  /// Index of each axis's value at a point (row-major, the last axis fastest).
  std::vector<std::size_t> coordinates(std::size_t point) const;
  /// The values of a point's axes: "weight_decay = 0.001, seed = 2".
  std::string where(std::size_t point) const;
};

/// DIR/points/study. Errors: FileError; DamagedFile where its checksum does not fit.
StudyHead read_study_head(const std::filesystem::path& folder);
std::string encoded(const StudyHead& head);

}  // namespace gradflow
