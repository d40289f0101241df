#pragma once

#include <functional>
#include <type_traits>
#include <utility>
#include <vector>

#include "flow/parameters.hpp"

namespace gradflow {

/// An option of a section of the config: its declaration, and the member of the section's struct
/// that it sets. The default is that member's in the struct, so that it is written there alone.
template <class Settings>
struct Option {
  ParameterInfo info;
  std::function<void(Settings&, const Parameters&)> set;
};

/// The member as a value of a config.
template <class T>
ParameterValue option_value(const T& value) {
  if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>)
    return static_cast<std::int64_t>(value);
  else
    return value;
}

/// `info` without its default, which is the member's.
template <class Settings, class T>
Option<Settings> option(T Settings::*member, ParameterInfo info) {
  info.default_value = option_value(Settings{}.*member);
  const std::string name = info.name;
  return {std::move(info), [member, name](Settings& settings, const Parameters& parameters) {
            T& value = settings.*member;
            if constexpr (std::is_same_v<T, bool>)
              value = parameters.boolean(name);
            else if constexpr (std::is_integral_v<T>)
              value = static_cast<T>(parameters.integer(name));
            else if constexpr (std::is_same_v<T, double>)
              value = parameters.real(name);
            else if constexpr (std::is_same_v<T, std::string>)
              value = parameters.text(name);
            else if constexpr (std::is_same_v<T, std::vector<double>>)
              value = parameters.reals(name);
            else
              value = parameters.texts(name);
          }};
}

template <class Settings>
std::vector<ParameterInfo> declaration_of(const std::vector<Option<Settings>>& options) {
  std::vector<ParameterInfo> all;
  for (const Option<Settings>& option : options) all.push_back(option.info);
  return all;
}

template <class Settings>
Settings settings_from(const std::vector<Option<Settings>>& options, const Parameters& parameters) {
  Settings settings;
  for (const Option<Settings>& option : options) option.set(settings, parameters);
  return settings;
}

}  // namespace gradflow
