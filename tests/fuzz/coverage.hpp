#pragma once

/// Which code an input has reached.
namespace gradflow::testing::coverage {

/// Has anything been reached since the last call that never was before?
bool take_new();

}  // namespace gradflow::testing::coverage
