#pragma once

#include <chrono>
#include <thread>

#include "tests/sanitizer.hpp"

/// Waiting for what another process does.
namespace gradflow::testing {

/// Until the condition holds; false where it does not within so many seconds.
template <class Condition>
bool wait_for(Condition&& condition, double seconds = sanitized ? 600 : 60) {
  const auto began = std::chrono::steady_clock::now();
  while (!condition()) {
    if (std::chrono::steady_clock::now() - began > std::chrono::duration<double>(seconds))
      return false;
    std::this_thread::sleep_for(std::chrono::microseconds(300));
  }
  return true;
}

inline void sleep_milliseconds(double t) {
  std::this_thread::sleep_for(std::chrono::duration<double, std::milli>(t));
}

}  // namespace gradflow::testing
