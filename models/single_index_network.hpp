#pragma once

#include <optional>

#include "flow/model.hpp"
#include "models/relu_pieces.hpp"
#include "models/single_index.hpp"
#include "models/single_index_overlaps.hpp"
#include "numerics/random.hpp"

namespace gradflow {

/// sigma with two derivatives: a named function, or a finite Hermite series.
class NetworkActivation {
 public:
  explicit NetworkActivation(const SingleIndexProblem& problem);
  /// first and second may be null.
  void evaluate(const double* z, Index n, double* value, double* first, double* second) const;

 private:
  std::optional<Activation> named_;
  Vector sigma_;
};

/// phi(z) by its series.
double target_value(const Vector& phi, double z);

/// The population flow of the weights: epsilon a_i' = -m dR/da_i, u_i' = -m (I - u_i u_i^T) dR/du_i
/// with R of the overlaps in closed form. State: a (m), U (m, d) row by row, |u_i| = 1, which the
/// flow keeps. Descends m R in the metric epsilon on a and 1 on u. Two m x m x d products a
/// right-hand side. Newton: GMRES with the exact block of a and its coupling to u.
class NetworkFlow final : public System {
 public:
  explicit NetworkFlow(SingleIndexProblem problem);

  Index dimension() const override { return m_ + m_ * d_; }
  void rhs(double t, ConstVectorRef y, VectorRef dydt) override;
  void jacobian_times(double t, ConstVectorRef y, ConstVectorRef v, VectorRef out) override;
  bool has_energy() const override { return true; }
  double energy(ConstVectorRef y) override;
  double inner_product(ConstVectorRef y, ConstVectorRef u, ConstVectorRef v) override;
  std::vector<LinearKind> linear_kinds() const override;
  std::unique_ptr<NewtonMatrix> newton_matrix(LinearKind kind) override;
  LinearKind preferred_linear_kind(std::string& reason) const override;

  /// (1/m) U(r), the matrix K of epsilon a' = V(s) - K a, and d(epsilon a') by a move of u alone.
  void second_layer_matrix(ConstVectorRef y, Matrix& k);
  void second_layer_coupling(ConstVectorRef y, ConstVectorRef v, VectorRef out);

 private:
  struct Point {
    Vector y;
    Matrix r, u, u1, u2, w;
    Vector s, v, v1, v2;
    RowMatrix wu;                 ///< W U
    Vector radial, force, along;  ///< <u_i, force_i>, a bound of |force_i|, and what u_i loses
  };
  const Point& at(ConstVectorRef y, bool derivatives);
  void overlap_change(ConstVectorRef y, ConstVectorRef v);

  SingleIndexProblem problem_;
  Index m_, d_;
  TargetOverlap target_;
  OverlapKernel kernel_;
  Point point_;
  bool filled_ = false, with_derivatives_ = false;
  Matrix dr_, dw_, product_;
  RowMatrix dwu_;
  Vector dv1_, dalong_;
};

/// The same on n samples: R = 1/(2n) sum (y - f)^2. Four products of n m d flops a right-hand side.
/// With ReLU or leaky ReLU it is smooth between the surfaces <u_i, x_p> = 0, of which a weight that
/// turns by an angle of order 1 meets about n.
class EmpiricalFlow final : public System, private ReluNetwork {
 public:
  EmpiricalFlow(SingleIndexProblem problem, std::shared_ptr<const Matrix> inputs,
                std::shared_ptr<const Vector> targets);

  Index dimension() const override { return m_ + m_ * d_; }
  void rhs(double t, ConstVectorRef y, VectorRef dydt) override;
  void jacobian_times(double t, ConstVectorRef y, ConstVectorRef v, VectorRef out) override;
  bool has_energy() const override { return true; }
  double energy(ConstVectorRef y) override;
  double inner_product(ConstVectorRef y, ConstVectorRef u, ConstVectorRef v) override;
  std::vector<LinearKind> linear_kinds() const override;
  std::unique_ptr<NewtonMatrix> newton_matrix(LinearKind kind) override;
  LinearKind preferred_linear_kind(std::string& reason) const override;
  std::string preferred_method() const override;

  bool piecewise() const override;
  void hold_piece(double tolerance) override;
  double piece_margin(double t, ConstVectorRef y) override;
  void enter_piece(double t, VectorRef y, bool afresh) override;

  void second_layer_matrix(ConstVectorRef y, Matrix& k);
  void second_layer_coupling(ConstVectorRef y, ConstVectorRef v, VectorRef out);

 private:
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

/// SGD with step eta, t = k eta: each step draws a batch, e = y - f, and
/// a_i += (eta/epsilon) <e sigma(z_i)>, u_i += eta a_i <e sigma'(z_i) x>, then u_i back to the
/// sphere. One pass (fresh Gaussian inputs, "batch" stream), or drawn with replacement from given
/// samples. The draws of step k are a function of seed and k: a restart needs nothing but t.
class NetworkSgd final : public System {
 public:
  NetworkSgd(SingleIndexProblem problem, std::shared_ptr<const Matrix> inputs,
             std::shared_ptr<const Vector> targets, Index batch, std::uint64_t seed);

  Index dimension() const override { return m_ + m_ * d_; }
  /// The population's slope: what the steps average to.
  void rhs(double t, ConstVectorRef y, VectorRef dydt) override { mean_.rhs(t, y, dydt); }
  void jacobian_times(double t, ConstVectorRef y, ConstVectorRef v, VectorRef out) override {
    mean_.jacobian_times(t, y, v, out);
  }
  void discrete_step(double t, double step, VectorRef y) override;
  bool stochastic() const override { return true; }

 private:
  SingleIndexProblem problem_;
  Index m_, d_, batch_;
  std::shared_ptr<const Matrix> inputs_;
  std::shared_ptr<const Vector> targets_;
  NetworkActivation activation_;
  NetworkFlow mean_;
  RandomStream stream_;
  Matrix x_, z_, s0_, s1_;
  Vector e_;
};

ModelInfo single_index_network();

}  // namespace gradflow
