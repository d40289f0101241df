#include "solve/sundials_vector.hpp"

#include <algorithm>
#include <cmath>

#include "numerics/types.hpp"

namespace gradflow::sundials {
namespace {

auto array(N_Vector v) {
  return Eigen::Map<Eigen::ArrayXd>(N_VGetArrayPointer(v), static_cast<Index>(N_VGetLength(v)));
}

void linear_sum(sunrealtype a, N_Vector x, sunrealtype b, N_Vector y, N_Vector z) {
  auto out = array(z);
  if (a == 1 && b == 1)
    out = array(x) + array(y);
  else if (a == 1 && b == -1)
    out = array(x) - array(y);
  else
    out = a * array(x) + b * array(y);
}

void scale(sunrealtype c, N_Vector x, N_Vector z) {
  if (c != 1)
    array(z) = c * array(x);
  else if (x != z)
    array(z) = array(x);
}

/// z = sum_j c_j x_j in stretches that stay in the first-level cache; z may be x_0.
int linear_combination(int count, sunrealtype* c, N_Vector* x, N_Vector z) {
  constexpr Index stretch = 512;
  auto out = array(z);
  Eigen::Array<double, stretch, 1> sum;
  for (Index start = 0; start < out.size(); start += stretch) {
    const Index n = std::min(stretch, out.size() - start);
    sum.head(n) = c[0] * array(x[0]).segment(start, n);
    for (int j = 1; j < count; ++j) sum.head(n) += c[j] * array(x[j]).segment(start, n);
    out.segment(start, n) = sum.head(n);
  }
  return 0;
}

}  // namespace

void use_vectorised_operations(N_Vector v) {
  auto* ops = v->ops;
  ops->nvlinearsum = linear_sum;
  ops->nvscale = scale;
  ops->nvlinearcombination = linear_combination;
  ops->nvconst = [](sunrealtype c, N_Vector z) { array(z) = c; };
  ops->nvprod = [](N_Vector x, N_Vector y, N_Vector z) { array(z) = array(x) * array(y); };
  ops->nvdiv = [](N_Vector x, N_Vector y, N_Vector z) { array(z) = array(x) / array(y); };
  ops->nvabs = [](N_Vector x, N_Vector z) { array(z) = array(x).abs(); };
  ops->nvinv = [](N_Vector x, N_Vector z) { array(z) = array(x).inverse(); };
  ops->nvaddconst = [](N_Vector x, sunrealtype b, N_Vector z) { array(z) = array(x) + b; };
  ops->nvdotprod = [](N_Vector x, N_Vector y) -> sunrealtype {
    return (array(x) * array(y)).sum();
  };
  ops->nvmaxnorm = [](N_Vector x) -> sunrealtype {
    return array(x).size() > 0 ? array(x).abs().maxCoeff() : 0;
  };
  ops->nvmin = [](N_Vector x) -> sunrealtype { return array(x).minCoeff(); };
  ops->nvwrmsnorm = [](N_Vector x, N_Vector w) -> sunrealtype {
    const auto values = array(x);
    return std::sqrt((values * array(w)).square().sum() / static_cast<double>(values.size()));
  };
}

}  // namespace gradflow::sundials
