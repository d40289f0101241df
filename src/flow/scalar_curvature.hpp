#pragma once

#include <functional>

#include "numerics/random.hpp"
#include "numerics/types.hpp"

namespace gradflow {

/// v -> H v, the Hessian of F at a point.
using HessianTimes = std::function<void(ConstVectorRef v, VectorRef out)>;

/// The scalar (Ricci) curvature of the graph of F in R^{p+1}, whose metric is I + g g^T with the
/// gradient g of F:
///
///   R = {(tr H)^2 - tr H^2 - (2/W^2) [tr H g.Hg - |Hg|^2]} / W^2,   W^2 = 1 + |g|^2.
///
/// Exact, by p + 1 products and without a p x p matrix.
double scalar_curvature(ConstVectorRef gradient, const HessianTimes& hessian);

struct CurvatureEstimate {
  double value = 0;
  double error = 0;  ///< one standard error
};

/// The same without bias from `probes` >= 3 vectors z of random signs: tr H from z.Hz, (tr H)^2
/// from the products of two different ones, tr H^2 from |Hz|^2 (Hutchinson); its error by
/// jackknife. `probes` + 1 products. \throws std::invalid_argument for fewer than 3 probes
CurvatureEstimate estimate_scalar_curvature(ConstVectorRef gradient, const HessianTimes& hessian,
                                            Index probes, RandomStream& stream);

}  // namespace gradflow
