#pragma once

/// A build with sanitizers is slow: tests that say the same many times over say it there less often
/// (tools/sanitize.sh).
namespace gradflow::testing {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif

/// How often, with and without.
constexpr int repetitions(int full, int shorter) {
  return sanitized ? shorter : full;
}

}  // namespace gradflow::testing
