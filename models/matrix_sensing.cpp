#include "models/matrix_sensing.hpp"

#include <algorithm>
#include <cmath>

#include "flow/loss_model.hpp"
#include "flow/mini_batch.hpp"
#include "models/initial_state.hpp"
#include "models/matrix_factors.hpp"
#include "models/supervised_data.hpp"
#include "numerics/random.hpp"

namespace gradflow {
namespace {

class MatrixSensingMap final : public OutputMap {
 public:
  MatrixSensingMap(std::shared_ptr<const Matrix> operators, const MatrixFactors& factors)
      : operators_(std::move(operators)),
        factors_(factors),
        w_(factors.parameters()),
        product_(factors.rows, factors.columns),
        back_(factors.rows * factors.columns) {}
  std::unique_ptr<OutputMap> clone() const override {
    return std::make_unique<MatrixSensingMap>(operators_, factors_);
  }
  Index parameters() const override { return factors_.parameters(); }
  Index outputs() const override { return operators_->rows(); }

  void evaluate(ConstVectorRef w, VectorRef f) override {
    w_ = w;
    product_.noalias() = u(w_) * v(w_).transpose();
    measure(f);
  }
  void jacobian_times(ConstVectorRef d, VectorRef jv) override {
    product_.noalias() = u(d) * v(w_).transpose();
    product_.noalias() += u(w_) * v(d).transpose();
    measure(jv);
  }
  void transpose_times(ConstVectorRef c, VectorRef jtu) override {
    back_.noalias() = operators_->transpose() * c;
    pull(w_, jtu);
  }
  void curvature_times(ConstVectorRef c, ConstVectorRef d, VectorRef out) override {
    back_.noalias() = operators_->transpose() * c;
    pull(d, out);
  }
  void transposed_jacobian(MatrixRef jt) override {
    for (Index s = 0; s < outputs(); ++s) {
      back_ = operators_->row(s).transpose();
      pull(w_, jt.col(s));
    }
  }
  Index samples() const override { return outputs(); }
  std::unique_ptr<BatchMap> batch_map() const override {
    return make_row_batch_map(operators_, [factors = factors_](const auto& operators) {
      return std::make_unique<MatrixSensingMap>(operators, factors);
    });
  }
  double evaluate_flops() const override {
    return 2.0 * static_cast<double>(operators_->size()) +
           2.0 * static_cast<double>(factors_.rows * factors_.columns * factors_.rank);
  }
  double gram_flops() const override {
    const double n = static_cast<double>(outputs());
    return n * n * static_cast<double>(parameters()) +
           4 * n * static_cast<double>(factors_.rows * factors_.columns * factors_.rank);
  }

 private:
  Eigen::Map<const RowMatrix> u(ConstVectorRef w) const { return factors_.u(w.data()); }
  Eigen::Map<const RowMatrix> v(ConstVectorRef w) const { return factors_.v(w.data()); }
  void measure(VectorRef f) const {
    f.noalias() = *operators_ * Eigen::Map<const Vector>(product_.data(), product_.size());
  }
  /// With G = sum_s c_s A_s: (G V, G^T U), or (G + G^T) U, for the U, V of w.
  void pull(ConstVectorRef w, VectorRef out) const {
    const auto [rows, columns, rank, symmetric] = factors_;
    const Eigen::Map<const Matrix> g(back_.data(), rows, columns);
    Eigen::Map<RowMatrix> of_u(out.data(), rows, rank);
    of_u.noalias() = g * v(w);
    if (symmetric)
      of_u.noalias() += g.transpose() * u(w);
    else
      Eigen::Map<RowMatrix>(out.data() + rows * rank, columns, rank).noalias() =
          g.transpose() * u(w);
  }

  std::shared_ptr<const Matrix> operators_;
  MatrixFactors factors_;
  Vector w_;
  Matrix product_;
  Vector back_;
};

class MatrixSensing final : public LossModel {
 public:
  MatrixSensing(std::shared_ptr<const Matrix> operators, Matrix target,
                const MatrixFactors& factors, Vector initial)
      : LossModel(Loss(std::make_unique<MatrixSensingMap>(operators, factors),
                       std::make_shared<SquaredLoss>(1.0, measurements_of(*operators, target))),
                  std::move(initial), factors.groups()),
        target_(std::move(target)),
        measured_(measurements_of(*operators, target_)),
        factors_(factors) {}

  std::vector<Observable> own_observables() override {
    std::vector<Observable> all;
    all.push_back({"train_error",
                   "mean squared error over the measurements",
                   {},
                   true,
                   [this](const State& s, double* out) {
                     *out = mean_squared_error(outputs_at(s), measured_);
                   }});
    all.push_back({"test_error",
                   "mean squared error over the entries of the matrix",
                   {},
                   true,
                   [this](const State& s, double* out) {
                     *out = (factors_.product(s) - target_).squaredNorm() /
                            static_cast<double>(target_.size());
                   }});
    factors_.add_observables(all, "singular values of the matrix, by size");
    return all;
  }

  std::vector<Measurement> constants(const FlowSettings&) override {
    return {singular_values_of_target(target_)};
  }

 private:
  static Vector measurements_of(const Matrix& operators, const Matrix& target) {
    return operators * Eigen::Map<const Vector>(target.data(), target.size());
  }
  Matrix target_;
  Vector measured_;
  MatrixFactors factors_;
};

std::unique_ptr<Model> make(Parameters& p, std::uint64_t seed) {
  const bool symmetric = p.boolean("symmetric");
  if (p.has_file("target")) {
    p.fix_size("rows", p.file("target").rows(), "target");
    p.fix_size("columns", p.file("target").cols(), "target");
  } else if (symmetric && !p.given("columns")) {
    p.resolve("columns", p.integer("rows"));
  }
  const Index rows = p.integer("rows"), columns = p.integer("columns"), rank = p.integer("rank");
  if (symmetric && rows != columns)
    throw ParameterError("columns", "is " + std::to_string(columns) +
                                        ", but a symmetric matrix has as many as rows, " +
                                        std::to_string(rows));
  RandomStream data(seed, "data"), drawing(seed, "operators"),
      start(initial_seed(p, seed), "initial");
  Matrix target(rows, columns);
  if (p.has_file("target")) {
    p.unused("true_rank", "target");
    target = p.file("target");
    if (symmetric && target != target.transpose())
      throw ParameterError("target", "is not symmetric, but model.symmetric = true");
  } else {
    target = draw_low_rank(p, data, rows, columns, symmetric);
  }
  if (p.has_file("operators")) {
    p.require_shape("operators", -1, rows * columns);
    p.fix_size("measurements", p.file("operators").rows(), "operators");
  }
  const Index n = p.integer("measurements");
  auto operators = std::make_shared<Matrix>(n, rows * columns);
  if (p.has_file("operators")) {
    // The file has each A_s row by row.
    for (Index s = 0; s < n; ++s)
      for (Index i = 0; i < rows; ++i)
        for (Index j = 0; j < columns; ++j)
          (*operators)(s, i + j * rows) = p.file("operators")(s, i * columns + j);
  } else {
    drawing.fill_normal(*operators, 1 / std::sqrt(static_cast<double>(n)));
  }

  const MatrixFactors factors{rows, columns, rank, symmetric};
  const Index size = factors.parameters();
  Vector initial(size);
  if (p.has_file("initial")) {
    initial = read_initial(p, size, symmetric ? "rows rank" : "(rows + columns) rank");
    p.unused("initial_variance", "initial");
  } else {
    start.fill_normal(initial, std::sqrt(p.real("initial_variance")));
  }
  return std::make_unique<MatrixSensing>(operators, std::move(target), factors, std::move(initial));
}

}  // namespace

std::unique_ptr<OutputMap> make_matrix_sensing_map(std::shared_ptr<const Matrix> operators,
                                                   Index rows, Index columns, Index rank,
                                                   bool symmetric) {
  return std::make_unique<MatrixSensingMap>(std::move(operators),
                                            MatrixFactors{rows, columns, rank, symmetric});
}

ModelInfo matrix_sensing() {
  return {
      "matrix_sensing",
      "a low-rank matrix from random linear measurements, as a product of two factors",
      "F(U, V) = |A(U V^T) - y|^2, or F(U) = |A(U U^T) - y|^2;  A(M)_s = <A_s, M>, y = A(M*)",
      "Boursier, Pesme, Dragomir, arXiv 2505.20172",
      LossModel::flows(),
      {
          integer_parameter("rows", 10, "rows of the matrix"),
          integer_parameter("columns", 10, "columns of the matrix; rows where it is symmetric"),
          integer_parameter("rank", 10, "columns of the factors U and V"),
          integer_parameter("true_rank", 1, "rank of the target, a product of Gaussian factors"),
          integer_parameter("measurements", 60, "number n of measurements"),
          boolean_parameter("symmetric", false, "V = U"),
          nonnegative_parameter("initial_variance", 1.0, "variance of the entries of U(0), V(0)"),
          file_parameter("target", "(rows, columns)", "the target matrix M*"),
          file_parameter("operators", "(n, rows columns): each A_s row by row",
                         "the measurements; entries N(0, 1/n) without it"),
          initial_seed_parameter(),
          file_parameter("initial",
                         "((rows + columns) rank): U then V, each row by row; U alone "
                         "where it is symmetric",
                         "U(0), V(0), or the folder of an earlier result"),
      },
      make};
}

}  // namespace gradflow
