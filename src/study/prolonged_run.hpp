#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace gradflow {

/// The finished single run in a folder, to be prolonged: the same config with a later `time.end`,
/// whose `time.earlier_ends` are those that the run came to before.
struct ProlongedRun {
  std::vector<std::string> overrides;  ///< KEY=VALUE, of the config that the prolonged run has
  std::string prolongs;                ///< the fingerprint of the run before
};

/// Looks at the run in `folder`, which must be that of the config (the file, with these overrides),
/// prolonged before or not, and be done. A run that is on its way to `end` already, by an earlier
/// call, goes on. \throws FileError, ConfigError
ProlongedRun prolonged_run(const std::filesystem::path& config,
                           const std::vector<std::string>& overrides,
                           const std::filesystem::path& folder, double end);

}  // namespace gradflow
