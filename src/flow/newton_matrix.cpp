#include "flow/newton_matrix.hpp"

namespace gradflow {

const char* linear_kind_name(LinearKind kind) {
  switch (kind) {
    case LinearKind::automatic:
      return "auto";
    case LinearKind::dense:
      return "dense";
    case LinearKind::structured:
      return "structured";
    case LinearKind::gauss_newton:
      return "gauss_newton";
    case LinearKind::krylov:
      return "krylov";
  }
  return "";
}

}  // namespace gradflow
