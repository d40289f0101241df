#pragma once

#include <map>
#include <string>

#include "io/toml_document.hpp"
#include "study/bisection.hpp"

namespace gradflow {

struct StudyReading;

/// [study.bisect] as a config gives it.
struct GivenBisection {
  Bisection bisection;
  std::map<std::string, SourcePosition> positions;  ///< of its keys, and of itself under ""

  /// Of a key of [study.bisect]; of the table where it is left out.
  const SourcePosition& position(const std::string& key) const;
  /// A line with file, position and key. \throws ConfigError
  [[noreturn]] void complain(const std::string& key, const std::string& what) const;
};

/// Reads [study.bisect]; the key is one that the config may give, to both ends of `between`.
/// \throws ConfigError
GivenBisection read_bisection(const TomlValue& value, const StudyReading& reading);

}  // namespace gradflow
