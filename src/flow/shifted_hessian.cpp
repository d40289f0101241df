#include "flow/shifted_hessian.hpp"

#include <stdexcept>

namespace gradflow {

std::vector<NewtonOffer> newton_offers_of(const Loss& loss) {
  std::vector<NewtonOffer> offers;
  if (loss.map().curvature_blocks() != nullptr) offers.push_back(block_hessian_offer(loss));
  offers.push_back(gauss_newton_hessian_offer(loss));
  offers.push_back(dense_hessian_offer(loss));
  offers.push_back(krylov_hessian_offer(loss));
  const std::string sizes =
      "p = " + std::to_string(loss.dimension()) + ", residuals = " + std::to_string(loss.outputs());
  for (NewtonOffer& offer : offers) offer.about = sizes;
  return offers;
}

std::unique_ptr<ShiftedHessian> make_shifted_hessian(const Loss& loss, LinearKind kind) {
  const bool blocks = loss.map().curvature_blocks() != nullptr;
  if (kind == LinearKind::dense) return make_dense_hessian(loss);
  if (kind == LinearKind::structured && blocks) return make_block_hessian(loss);
  if (kind == LinearKind::gauss_newton) return make_gauss_newton_hessian(loss);
  if (kind == LinearKind::krylov) return make_krylov_hessian(loss);
  throw std::invalid_argument(std::string("this model has no Newton matrix of the kind '") +
                              linear_kind_name(kind) + "'");
}

}  // namespace gradflow
