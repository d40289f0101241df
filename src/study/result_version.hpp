#pragma once

namespace gradflow {

/// Raised by every change that can change a bit of a result: points of another version are never
/// taken for those that this program would compute (docs/extending.md).
constexpr int result_version = 12;

}  // namespace gradflow
