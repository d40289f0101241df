#pragma once

#include <memory>

#include "flow/jacobian_newton.hpp"
#include "flow/manifold.hpp"
#include "numerics/factorisations.hpp"
#include "numerics/types.hpp"

/// What the flows of single-index networks share whose weights u_i lie on the sphere. State: a (m),
/// U (m, d) row by row.
namespace gradflow::sphere {

inline Eigen::Map<const RowMatrix> weights(ConstVectorRef y, Index m, Index d) {
  return {y.data() + m, m, d};
}
inline Eigen::Map<RowMatrix> weights_of(VectorRef y, Index m, Index d) {
  return {y.data() + m, m, d};
}

/// The metric epsilon on a and 1 on u.
inline void layered_metric(double epsilon, Index m, VectorRef diagonal) {
  diagonal.head(m).setConstant(epsilon);
  diagonal.tail(diagonal.size() - m).setOnes();
}

inline double sign(double x) {
  return static_cast<double>(x > 0) - static_cast<double>(x < 0);
}

/// What u_i is multiplied by so that its motion stays tangent to the sphere, from <u_i, force_i>:
/// divided by |u_i|^2 the force loses its radial part also beside the sphere, where the formula for
/// |u_i| = 1 would make |u_i|^2 - 1 grow like exp(2 int a_i <u_i, force_i>) from rounding; and a
/// pull back at the rate of the motion itself takes the errors of the steps out again. On the
/// sphere both are nothing.
inline double tangential(double radial, double square, double force, double a) {
  return radial / square + sign(a) * force * (square - 1);
}

/// Its derivative at the sphere, beside that of `radial`: for each <u_i, du_i>.
inline double tangential_slope(double radial, double force, double a) {
  return 2 * (sign(a) * force - radial);
}

/// |u_i| = 1 for the m rows of U in R^d.
class Spheres : public OnManifold {
 public:
  Spheres(Index m, Index d) : m_(m), d_(d) {}
  void to_manifold(VectorRef y) const override {
    auto U = weights_of(y, m_, d_);
    for (Index i = 0; i < m_; ++i) U.row(i).normalize();
  }
  void to_tangent(ConstVectorRef y, VectorRef v) const override {
    const auto U = weights(y, m_, d_);
    auto dU = weights_of(v, m_, d_);
    for (Index i = 0; i < m_; ++i) dU.row(i) -= dU.row(i).dot(U.row(i)) * U.row(i);
  }

 private:
  Index m_, d_;
};

/// What the block of m second-layer weights costs, beside the products of its coupling.
inline NewtonCost second_layer_cost(Index width) {
  const double m = static_cast<double>(width);
  return {0, 2 * m * m * m / 3, 2 * m * m, 24 * m * m};
}

inline std::vector<NewtonOffer> second_layer_offers(Index dimension, Index m,
                                                    double product_flops) {
  NewtonOffer krylov = gmres_newton_offer(dimension, product_flops, second_layer_cost(m));
  krylov.taken = NewtonOffer::Taken::first;
  krylov.about = "the second layer's block exactly, the weights on the sphere by GMRES";
  return {krylov, dense_newton_offer(dimension, product_flops)};
}

/// P = [[I + gamma K/epsilon, -gamma C], [0, I]] in the order a, u.
template <class Flow>
class SecondLayerPreconditioner final : public Preconditioner {
 public:
  SecondLayerPreconditioner(Flow& flow, double epsilon, Index m)
      : flow_(flow), epsilon_(epsilon), m_(m), coupling_(m) {}

  void linearise(double, ConstVectorRef y) override {
    y_ = y;
    flow_.second_layer_matrix(y, k_);
  }
  bool factorise(double gamma) override {
    gamma_ = gamma;
    matrix_ = gamma / epsilon_ * k_;
    matrix_.diagonal().array() += 1;
    if (!matrix_.allFinite()) return false;
    lu_.factorise(matrix_);
    return true;
  }
  void solve(VectorRef b) override {
    flow_.second_layer_coupling(y_, b, coupling_);
    coupling_ = b.head(m_) + gamma_ / epsilon_ * coupling_;
    lu_.solve(coupling_);
    b.head(m_) = coupling_;
  }
  NewtonCost cost() const override { return second_layer_cost(m_); }
  std::string name() const override { return "the block of the second layer"; }

 private:
  Flow& flow_;
  double epsilon_, gamma_ = 0;
  Index m_;
  Vector y_, coupling_;
  Matrix k_, matrix_;
  Lu lu_;
};

template <class Flow>
std::unique_ptr<NewtonMatrix> second_layer_newton(std::unique_ptr<Flow> flow, double epsilon,
                                                  Index m, double product_flops) {
  auto block = std::make_unique<SecondLayerPreconditioner<Flow>>(*flow, epsilon, m);
  return make_gmres_newton_matrix(std::move(flow), std::move(block), product_flops);
}

}  // namespace gradflow::sphere
