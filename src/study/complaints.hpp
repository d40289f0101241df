#pragma once

#include <string>
#include <vector>

#include "io/toml_document.hpp"

namespace gradflow {

/// Several errors of one config: as an error it is the first of them.
class ConfigErrors : public ConfigError {
 public:
  ConfigErrors(const ConfigError& first, std::vector<std::string> others)
      : ConfigError(first), others_(std::move(others)) {}
  /// A line each, without the first.
  const std::vector<std::string>& others() const { return others_; }

 private:
  std::vector<std::string> others_;
};

/// What is wrong with a config, in the order in which it is found, so that all of it is told at
/// once.
class Complaints {
 public:
  /// Runs a check and keeps what it complains of. True where it had nothing to say.
  template <class Check>
  bool hear(Check&& check) {
    try {
      check();
      return true;
    } catch (const ConfigErrors& errors) {
      add(errors);
      for (const std::string& line : errors.others()) lines_.push_back(line);
    } catch (const ConfigError& error) {
      add(error);
    }
    return false;
  }
  bool none() const { return lines_.empty(); }
  /// \throws ConfigErrors where there was any
  void raise() const {
    if (!lines_.empty()) throw ConfigErrors(first_.front(), {lines_.begin() + 1, lines_.end()});
  }

 private:
  void add(const ConfigError& error) {
    if (first_.empty()) first_.push_back(error);
    lines_.emplace_back(error.what());
  }

  std::vector<ConfigError> first_;  ///< one, or none
  std::vector<std::string> lines_;
};

}  // namespace gradflow
