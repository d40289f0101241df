#include "flow/system.hpp"

#include <stdexcept>

#include "numerics/long_vectors.hpp"

namespace gradflow {

void System::metric(ConstVectorRef, VectorRef diagonal) {
  diagonal.setOnes();
}

double System::inner_product(ConstVectorRef y, ConstVectorRef u, ConstVectorRef v) {
  metric_.resize(y.size());
  metric(y, metric_);
  return long_vectors::sum_of_stretches(y.size(), [&](Index first, Index count) {
    auto weighted = metric_.segment(first, count);
    weighted.array() *= v.segment(first, count).array();
    return u.segment(first, count).dot(weighted);
  });
}

std::unique_ptr<NewtonMatrix> System::newton_matrix(LinearKind) {
  throw std::invalid_argument("this system offers no Newton matrix");
}

std::string System::preferred_method() const {
  // BDF's steps do not grow with stiffness on curved slow manifolds; a Rosenbrock method's do.
  return newton_offers().empty() ? "dopri5" : "cvode";
}

void System::discrete_step(double t, double step, VectorRef y) {
  euler_slope_.resize(y.size());
  rhs(t, y, euler_slope_);
  y += step * euler_slope_;
}

double growth_rate(System& system, double t, ConstVectorRef y, ConstVectorRef v, VectorRef work) {
  const double size = system.inner_product(y, v, v);
  if (!(size > 0)) return 0;
  system.jacobian_times(t, y, v, work);
  return system.inner_product(y, v, work) / size;
}

}  // namespace gradflow
