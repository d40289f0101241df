#pragma once

#include <memory>
#include <vector>

#include "flow/loss.hpp"
#include "flow/output_map.hpp"

namespace gradflow {

/// A deep linear network whose hidden units are each multiplied by noise of mean 1 and the given
/// variance, independent of all else (as dropout does). The mean of 1/2 |W_L D_{L-1} ... D_1 W_1 R
/// - T|_F^2 over the noise is exactly
///
///   1/2 |W_L ... W_1 R - T|_F^2 + q,   q = 1/2 (tr A_L - |W_L ... W_1 R|_F^2),
///   M_0 = R R^T,  A_l = W_l M_{l-1} W_l^T,  M_l = A_l + variance diag(A_l):
///
/// q >= 0 is what the outputs' variance adds. The map's outputs are those of `make_deep_linear_map`
/// and q behind them.
std::unique_ptr<OutputMap> make_noisy_linear_map(std::vector<Index> widths,
                                                 std::shared_ptr<const Matrix> right,
                                                 double variance);

/// l(f, q) = 1/2 |f - target|^2 + q + constant, q the last of the outputs.
std::shared_ptr<const OutputLoss> make_noisy_linear_loss(Vector target, double constant);

}  // namespace gradflow
