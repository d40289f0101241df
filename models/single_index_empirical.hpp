#pragma once

#include <optional>

#include "flow/system.hpp"
#include "models/relu_pieces.hpp"
#include "models/single_index.hpp"
#include "models/single_index_activation.hpp"
#include "models/single_index_sphere.hpp"

namespace gradflow {

/// The population flow (single_index_population.hpp) with the risk of n samples, R = 1/(2n) sum (y
/// - f)^2. Four products of n m d flops a right-hand side. With ReLU or leaky ReLU it is smooth
/// between the surfaces <u_i, x_p> = 0, of which a weight that turns by an angle of order 1 meets
/// about n.
class EmpiricalFlow final : public System,
                            public sphere::Spheres,
                            public Resumable,
                            private FlowPieces,
                            private LayeredNetwork {
 public:
  EmpiricalFlow(SingleIndexProblem problem, std::shared_ptr<const Matrix> inputs,
                std::shared_ptr<const Vector> targets);

  Index dimension() const override { return m_ + m_ * d_; }
  void rhs(double t, ConstVectorRef y, VectorRef dydt) override;
  void jacobian_times(double t, ConstVectorRef y, ConstVectorRef v, VectorRef out) override;
  bool has_energy() const override { return true; }
  double energy(ConstVectorRef y) override;
  void metric(ConstVectorRef y, VectorRef diagonal) override;
  std::vector<NewtonOffer> newton_offers() const override;
  std::unique_ptr<NewtonMatrix> newton_matrix(LinearKind kind) override;
  std::string preferred_method() const override;

  void exchange(Archive& archive) override;
  FlowPieces* pieces() override { return smooth() ? nullptr : this; }

  void second_layer_matrix(ConstVectorRef y, Matrix& k);
  void second_layer_coupling(ConstVectorRef y, ConstVectorRef v, VectorRef out);

 private:
  /// Of a product with the Jacobian.
  double product_flops() const;
  bool smooth() const { return !problem_.activation || problem_.activation->smooth(); }
  void hold(double tolerance) override;
  double margin(double t, ConstVectorRef y) override;
  void enter(double t, VectorRef y, bool afresh) override;
  struct Point {
    Vector y;
    Matrix s0, s1, s2;  ///< sigma, sigma', sigma'' of the pre-activations, (n, m)
    Matrix z;           ///< pre-activations, (m, n), where there are pieces
    std::uint64_t revision = 0;
    Vector e;                     ///< y - f
    RowMatrix g;                  ///< (1/n) sum_p e_p sigma'(z_pi) x_p, (m, d)
    Vector radial, force, along;  ///< <u_i, g_i>, |g_i|, and what u_i loses of itself
  };
  const Point& at(ConstVectorRef y, bool derivatives);
  void move_to(ConstVectorRef w) override {
    filled_ = false;
    at(w, false);
  }
  const Matrix& layer_input(Index) const override { return *columns_; }
  const Matrix& preactivation(Index) const override { return point_.z; }
  void loss_gradient(ConstVectorRef u, VectorRef g) override;
  const Matrix& activation_gradient(Index) const override { return pulled_; }
  void project(VectorRef v);

  SingleIndexProblem problem_;
  Index m_, d_, n_;
  std::shared_ptr<const Matrix> inputs_;
  std::shared_ptr<const Vector> targets_;
  NetworkActivation activation_;
  Point point_;
  bool filled_ = false, with_derivatives_ = false;
  Matrix dz_, work_;
  Vector de_, by_a_, dalong_;
  RowMatrix dg_;
  std::shared_ptr<ReluPieces> pieces_;     ///< those of the Newton matrices' copies too
  std::shared_ptr<const Matrix> columns_;  ///< X^T
  std::optional<SlidingSurface> surface_;
  std::uint64_t surface_of_revision_ = 0;
  Matrix pulled_;
};

}  // namespace gradflow
