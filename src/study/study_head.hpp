#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "io/dataset.hpp"
#include "study/bisection.hpp"

namespace gradflow {

/// What the points of a study are put together with: its axes, what is fitted along them, and the
/// texts that the result carries. Kept beside the points (points/study), so that a result can be
/// made without the config and the files that it names.
struct StudyHead {
  /// A key of a group, with its values along the group's dimension.
  struct Key {
    std::string key;
    StudyAxis axis;
  };
  struct Axis {
    std::string key;  ///< "flow.weight_decay"; of a group "zip.size"
    /// By its name; units and meaning go with it. Of values that are lists the first; of a group
    /// 0, 1, ...
    StudyAxis axis;
    std::vector<Key> keys;  ///< of a group

    std::size_t length() const;
    /// A value in short: "weight_decay = 0.001"; of a group those of its keys.
    std::string text(std::size_t index) const;
  };
  /// A key that an expression gives.
  struct WorkedOut {
    std::string key, name;
    std::vector<std::uint64_t> axes;  ///< numbers of those that it depends on
    Values values;                    ///< row-major over these
  };

  std::string fingerprint;  ///< of what can change a number
  std::string prolongs;     ///< a single run's fingerprint before it was prolonged; not kept
  /// The keys of data files, and a hash of the numbers in them; not kept.
  std::map<std::string, std::string> inputs = {};
  std::int64_t version = 0;  ///< result_version
  std::vector<Axis> axes;    ///< none: a single run; of a bisection the last is that of its runs
  std::vector<WorkedOut> worked_out;
  std::optional<Bisection> bisection = {};
  std::string model, paper, config, resolved;
  std::vector<std::string> exponents;  ///< measure.exponents
  std::size_t against = 0;             ///< number of the axis that they are fitted along
  std::string against_key;             ///< the key there
  bool arrhenius = false;

  /// Of a bisection all runs that its chains may have.
  std::size_t points() const;
  /// Runs that belong together in a chain: 1 without a bisection.
  std::size_t chain_length() const { return bisection ? bisection->longest() : 1; }
  /// Index of each axis's value at a point (row-major, the last axis fastest).
  std::vector<std::size_t> coordinates(std::size_t point) const;
  /// The values of a point's axes: "weight_decay = 0.001, seed = 2".
  std::string where(std::size_t point) const;
  /// The same of a chain of runs.
  std::string where_chain(std::size_t chain) const;
};

/// DIR/points/study. Errors: FileError; DamagedFile where its checksum does not fit.
StudyHead read_study_head(const std::filesystem::path& folder);
std::string encoded(const StudyHead& head);

}  // namespace gradflow
