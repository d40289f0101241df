#pragma once

/// All that changes between SUNDIALS 6 and 7, in one place.
#include <cvode/cvode.h>
#include <cvode/cvode_ls.h>
#include <nvector/nvector_serial.h>
#include <sundials/sundials_context.h>
#include <sundials/sundials_linearsolver.h>
#include <sundials/sundials_matrix.h>
#include <sundials/sundials_version.h>
#include <sunnonlinsol/sunnonlinsol_fixedpoint.h>

namespace gradflow::sundials {

inline SUNContext make_context() {
  SUNContext context = nullptr;
#if SUNDIALS_VERSION_MAJOR >= 7
  SUNContext_Create(SUN_COMM_NULL, &context);
  SUNContext_ClearErrHandlers(context);
#else
  SUNContext_Create(nullptr, &context);
#endif
  return context;
}

/// Failures come back as codes and are reported by us; nothing goes to the terminal.
inline void silence([[maybe_unused]] void* cvode) {
#if SUNDIALS_VERSION_MAJOR < 7
  CVodeSetErrHandlerFn(
      cvode, [](int, const char*, const char*, char*, void*) {}, nullptr);
#endif
}

}  // namespace gradflow::sundials
