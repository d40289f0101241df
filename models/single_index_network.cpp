#include "models/single_index_network.hpp"

#include <algorithm>
#include <cmath>
#include <memory>

#include "flow/jacobian_newton.hpp"
#include "numerics/decompositions.hpp"
#include "numerics/hermite.hpp"

namespace gradflow {
namespace {

Eigen::Map<const RowMatrix> weights(ConstVectorRef y, Index m, Index d) {
  return {y.data() + m, m, d};
}
Eigen::Map<RowMatrix> weights_of(VectorRef y, Index m, Index d) {
  return {y.data() + m, m, d};
}

double layered_product(double epsilon, Index m, ConstVectorRef u, ConstVectorRef v) {
  return epsilon * u.head(m).dot(v.head(m)) + u.tail(u.size() - m).dot(v.tail(v.size() - m));
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
    lu_.compute(matrix_);
    return true;
  }
  void solve(VectorRef b) override {
    flow_.second_layer_coupling(y_, b, coupling_);
    coupling_ = b.head(m_) + gamma_ / epsilon_ * coupling_;
    b.head(m_) = lu_.solve(coupling_);
  }
  std::string name() const override { return "the block of the second layer"; }

 private:
  Flow& flow_;
  double epsilon_, gamma_ = 0;
  Index m_;
  Vector y_, coupling_;
  Matrix k_, matrix_;
  Eigen::PartialPivLU<Matrix> lu_;
};

template <class Flow>
std::unique_ptr<NewtonMatrix> second_layer_newton(std::unique_ptr<Flow> flow, double epsilon,
                                                  Index m, double product_flops) {
  auto block = std::make_unique<SecondLayerPreconditioner<Flow>>(*flow, epsilon, m);
  return make_gmres_newton_matrix(std::move(flow), std::move(block), product_flops);
}

class NetworkModel final : public Model {
 public:
  NetworkModel(SingleIndexProblem problem, Vector initial, std::shared_ptr<const Matrix> inputs,
               std::shared_ptr<const Vector> targets, std::uint64_t seed)
      : problem_(std::move(problem)),
        initial_(std::move(initial)),
        inputs_(std::move(inputs)),
        targets_(std::move(targets)),
        seed_(seed) {}

  Vector initial_state(const FlowSettings&) override { return initial_; }
  std::unique_ptr<System> system(const FlowSettings& flow) override {
    refuse_weight_decay(flow);
    if (flow.kind == "sgd")
      return std::make_unique<NetworkSgd>(problem_, inputs_, targets_, flow.batch, seed_);
    if (flow.kind == "gradient" || flow.kind == "gradient_descent") {
      if (inputs_ == nullptr) return std::make_unique<NetworkFlow>(problem_);
      return std::make_unique<EmpiricalFlow>(problem_, inputs_, targets_);
    }
    throw ParameterError("kind", "is \"" + flow.kind + "\", which this model does not offer");
  }
  std::vector<Observable> observables(const FlowSettings&) override {
    const Index m = problem_.width, d = problem_.dimension;
    struct Alignment {
      Vector s;
    };
    const auto kept = std::make_shared<Alignment>();
    auto all = single_index_observables(problem_, [m, d, kept](const State& s) {
      kept->s = weights(s.y, m, d).col(0);
      return NeuronView{s.y.head(m), kept->s};
    });
    const auto population = std::make_shared<NetworkFlow>(problem_);
    all.insert(all.begin(), {"risk",
                             "population risk 1/2 E (y - f)^2",
                             {},
                             true,
                             [population, m](const State& s, double* out) {
                               *out = population->energy(s.y) / static_cast<double>(m);
                             }});
    if (inputs_ != nullptr) {
      const auto empirical = std::make_shared<EmpiricalFlow>(problem_, inputs_, targets_);
      all.push_back({"train_loss",
                     "empirical risk 1/(2n) sum (y - f)^2",
                     {},
                     true,
                     [empirical, m](const State& s, double* out) {
                       *out = empirical->energy(s.y) / static_cast<double>(m);
                     }});
    }
    all.push_back({"sphere_defect",
                   "largest | |u_i|^2 - 1 |, which the flow keeps at 0",
                   {},
                   true,
                   [m, d](const State& s, double* out) {
                     *out =
                         (weights(s.y, m, d).rowwise().squaredNorm().array() - 1).abs().maxCoeff();
                   }});
    return all;
  }
  std::vector<Measurement> constants(const FlowSettings&) override {
    return single_index_constants(problem_, initial_.head(problem_.width));
  }
  std::vector<Measurement> measure(const FlowSettings&, const Trajectory& trajectory) override {
    return single_index_measurements(problem_, initial_.head(problem_.width), trajectory);
  }

 private:
  SingleIndexProblem problem_;
  Vector initial_;
  std::shared_ptr<const Matrix> inputs_;
  std::shared_ptr<const Vector> targets_;
  std::uint64_t seed_;
};

std::unique_ptr<Model> make(Parameters& p, std::uint64_t seed) {
  if (p.has_file("inputs")) {
    p.fix_size("samples", p.file("inputs").rows(), "inputs");
    p.fix_size("dimension", p.file("inputs").cols(), "inputs");
  } else if (p.has_file("targets")) {
    throw ParameterError("targets", "is there without model.inputs");
  }
  SingleIndexProblem problem = single_index_problem(p);
  const Index m = problem.width, d = problem.dimension;
  Vector initial(m + m * d);
  if (p.has_file("initial")) {
    initial = p.file_vector("initial");
    if (initial.size() != m + m * d)
      throw ParameterError("initial", "has " + std::to_string(initial.size()) +
                                          " entries, expected width (1 + dimension) = " +
                                          std::to_string(m + m * d) + ": a, U row by row");
    p.unused("initial_second_layer", "initial");
    const double off = (weights(initial, m, d).rowwise().norm().array() - 1).abs().maxCoeff();
    if (!(off < 1e-6)) throw ParameterError("initial", "has rows of U that are not unit vectors");
  } else {
    initial.head(m) = initial_second_layer(p, m, seed);
    weights_of(initial, m, d) = initial_directions(m, d, seed);
  }
  std::shared_ptr<Matrix> inputs;
  std::shared_ptr<Vector> targets;
  const Index n = static_cast<Index>(p.integer("samples"));
  if (n > 0) {
    inputs = std::make_shared<Matrix>(n, d);
    if (p.has_file("inputs")) {
      *inputs = p.file("inputs");
    } else {
      // Row by row: more samples keep the first ones.
      RandomStream stream(seed, "data");
      Vector row(d);
      for (Index i = 0; i < n; ++i) {
        stream.fill_normal(row);
        inputs->row(i) = row.transpose();
      }
    }
    targets = std::make_shared<Vector>(n);
    if (p.has_file("targets")) {
      *targets = p.file_vector("targets");
      if (targets->size() != n)
        throw ParameterError("targets", "has " + std::to_string(targets->size()) +
                                            " entries, but there are " + std::to_string(n) +
                                            " samples");
    } else {
      for (Index i = 0; i < n; ++i) (*targets)[i] = target_value(problem.phi, (*inputs)(i, 0));
    }
  }
  return std::make_unique<NetworkModel>(std::move(problem), std::move(initial), std::move(inputs),
                                        std::move(targets), seed);
}

}  // namespace

NetworkActivation::NetworkActivation(const SingleIndexProblem& problem)
    : named_(problem.activation), sigma_(problem.sigma) {}

void NetworkActivation::evaluate(const double* z, Index n, double* value, double* first,
                                 double* second) const {
  if (named_) {
    // The second derivative needs a place for the first.
    named_->evaluate(z, n, value, first, second);
    return;
  }
  // h_k' = sqrt(k) h_{k-1}, h_k'' = sqrt(k(k-1)) h_{k-2}.
  for (Index i = 0; i < n; ++i) {
    double h = 1, before = 0, before2 = 0, v = 0, d1 = 0, d2 = 0;
    for (Index k = 0; k < sigma_.size(); ++k) {
      const double root = std::sqrt(static_cast<double>(k));
      v += sigma_[k] * h;
      d1 += sigma_[k] * root * before;
      if (k >= 2) d2 += sigma_[k] * root * std::sqrt(static_cast<double>(k - 1)) * before2;
      const double next = (z[i] * h - root * before) / std::sqrt(static_cast<double>(k + 1));
      before2 = before;
      before = h;
      h = next;
    }
    value[i] = v;
    if (first != nullptr) first[i] = d1;
    if (second != nullptr) second[i] = d2;
  }
}

double target_value(const Vector& phi, double z) {
  double h = 1, before = 0, sum = 0;
  for (Index k = 0; k < phi.size(); ++k) {
    sum += phi[k] * h;
    const double next = (z * h - std::sqrt(static_cast<double>(k)) * before) /
                        std::sqrt(static_cast<double>(k + 1));
    before = h;
    h = next;
  }
  return sum;
}

namespace {

double sign(double x) {
  return static_cast<double>(x > 0) - static_cast<double>(x < 0);
}

/// What u_i is multiplied by so that its motion stays tangent to the sphere, from <u_i, force_i>:
/// divided by |u_i|^2 the force loses its radial part also beside the sphere, where the formula for
/// |u_i| = 1 would make |u_i|^2 - 1 grow like exp(2 int a_i <u_i, force_i>) from rounding; and a
/// pull back at the rate of the motion itself takes the errors of the steps out again. On the
/// sphere both are nothing.
double tangential(double radial, double square, double force, double a) {
  return radial / square + sign(a) * force * (square - 1);
}

/// Its derivative at the sphere, beside that of `radial`: for each <u_i, du_i>.
double tangential_slope(double radial, double force, double a) {
  return 2 * (sign(a) * force - radial);
}

}  // namespace

NetworkFlow::NetworkFlow(SingleIndexProblem problem)
    : problem_(std::move(problem)),
      m_(problem_.width),
      d_(problem_.dimension),
      target_(problem_),
      kernel_(overlap_kernel(problem_)) {}

const NetworkFlow::Point& NetworkFlow::at(ConstVectorRef y, bool derivatives) {
  Point& p = point_;
  if (filled_ && (with_derivatives_ || !derivatives) && p.y == y) return p;
  const double m = static_cast<double>(m_);
  p.y = y;
  const auto a = p.y.head(m_);
  const auto U = weights(p.y, m_, d_);
  p.r.setZero(m_, m_);
  p.r.selfadjointView<Eigen::Lower>().rankUpdate(U);
  p.u.resize(m_, m_);
  p.u1.resize(m_, m_);
  if (derivatives) p.u2.resize(m_, m_);
  for (Index j = 0; j < m_; ++j) {
    const Index k = j * m_ + j;
    kernel_.evaluate(p.r.data() + k, m_ - j, p.u.data() + k, p.u1.data() + k,
                     derivatives ? p.u2.data() + k : nullptr);
  }
  for (Matrix* matrix : {&p.r, &p.u, &p.u1})
    matrix->triangularView<Eigen::StrictlyUpper>() = matrix->transpose();
  if (derivatives) {
    p.u2.diagonal().setZero();  // r_ii does not move on the sphere
    p.u2.triangularView<Eigen::StrictlyUpper>() = p.u2.transpose();
  }
  p.s = U.col(0);
  target_.evaluate(p.s, p.v, p.v1, p.v2);
  p.w = p.u1 * (a / m).asDiagonal();
  p.wu.noalias() = p.w * U;
  p.radial.resize(m_);
  p.force.resize(m_);
  p.along.resize(m_);
  for (Index i = 0; i < m_; ++i) {
    p.radial[i] = p.v1[i] * p.s[i] - p.wu.row(i).dot(U.row(i));
    p.force[i] = std::abs(p.v1[i]) + p.wu.row(i).norm();
    p.along[i] = tangential(p.radial[i], p.r(i, i), p.force[i], a[i]);
  }
  filled_ = true;
  with_derivatives_ = derivatives;
  return p;
}

void NetworkFlow::rhs(double, ConstVectorRef y, VectorRef dydt) {
  const Point& p = at(y, false);
  const auto a = y.head(m_);
  const auto U = weights(y, m_, d_);
  auto da = dydt.head(m_);
  da.noalias() = p.u * a;
  da = (p.v - da / static_cast<double>(m_)) / problem_.epsilon;
  // u_i' = a_i (I - u_i u_i^T) [V'(s_i) e_1 - (WU)_i]
  auto dU = weights_of(dydt, m_, d_);
  dU = -p.wu - p.along.asDiagonal() * U;
  dU.col(0) += p.v1;
  dU.array().colwise() *= a.array();
}

/// dr_ij for a move of u, with 0 on the diagonal.
void NetworkFlow::overlap_change(ConstVectorRef y, ConstVectorRef v) {
  const auto U = weights(y, m_, d_);
  const auto dU = weights(v, m_, d_);
  product_.noalias() = dU * U.transpose();
  dr_ = product_ + product_.transpose();
  dr_.diagonal().setZero();
}

void NetworkFlow::second_layer_matrix(ConstVectorRef y, Matrix& k) {
  k = at(y, true).u / static_cast<double>(m_);
}

void NetworkFlow::second_layer_coupling(ConstVectorRef y, ConstVectorRef v, VectorRef out) {
  const Point& p = at(y, true);
  overlap_change(y, v);
  product_ = p.u1.cwiseProduct(dr_);
  out.noalias() = product_ * y.head(m_);
  out = p.v1.cwiseProduct(weights(v, m_, d_).col(0)) - out / static_cast<double>(m_);
}

void NetworkFlow::jacobian_times(double, ConstVectorRef y, ConstVectorRef v, VectorRef out) {
  const Point& p = at(y, true);
  const double m = static_cast<double>(m_);
  const auto a = y.head(m_), da = v.head(m_);
  const auto U = weights(y, m_, d_);
  const auto dU = weights(v, m_, d_);
  auto out_a = out.head(m_);
  second_layer_coupling(y, v, out_a);
  out_a *= m;
  out_a.noalias() -= p.u * da;
  out_a /= m * problem_.epsilon;

  dw_ = p.u2.cwiseProduct(dr_) * (a / m).asDiagonal();
  dw_ += p.u1 * (da / m).asDiagonal();
  dwu_.noalias() = dw_ * U;
  dwu_.noalias() += p.w * dU;
  dv1_ = p.v2.cwiseProduct(dU.col(0));
  dalong_.resize(m_);
  for (Index i = 0; i < m_; ++i)
    dalong_[i] = dv1_[i] * p.s[i] + p.v1[i] * dU(i, 0) - dwu_.row(i).dot(U.row(i)) -
                 p.wu.row(i).dot(dU.row(i)) +
                 tangential_slope(p.radial[i], p.force[i], a[i]) * U.row(i).dot(dU.row(i));
  // d(a_i H_i) with H_i = V' e_1 - (WU)_i - along u_i.
  auto out_u = weights_of(out, m_, d_);
  out_u = -dwu_ - dalong_.asDiagonal() * U;
  out_u -= p.along.asDiagonal() * dU;
  out_u.col(0) += dv1_;
  out_u.array().colwise() *= a.array();
  dwu_ = -p.wu - p.along.asDiagonal() * U;
  dwu_.col(0) += p.v1;
  out_u.array() += dwu_.array().colwise() * da.array();
}

double NetworkFlow::energy(ConstVectorRef y) {
  const Point& p = at(y, false);
  const double m = static_cast<double>(m_);
  const auto a = y.head(m_);
  return 0.5 * m * problem_.phi.squaredNorm() - a.dot(p.v) + 0.5 * a.dot(p.u * a) / m;
}

double NetworkFlow::inner_product(ConstVectorRef, ConstVectorRef u, ConstVectorRef v) {
  return layered_product(problem_.epsilon, m_, u, v);
}

std::vector<LinearKind> NetworkFlow::linear_kinds() const {
  return {LinearKind::krylov, LinearKind::dense};
}

std::unique_ptr<NewtonMatrix> NetworkFlow::newton_matrix(LinearKind kind) {
  const double m = static_cast<double>(m_), d = static_cast<double>(d_);
  if (kind == LinearKind::krylov)
    return second_layer_newton(std::make_unique<NetworkFlow>(problem_), problem_.epsilon, m_,
                               6 * m * m * d);
  if (kind == LinearKind::dense) return make_dense_newton_matrix(*this);
  return System::newton_matrix(kind);
}

LinearKind NetworkFlow::preferred_linear_kind(std::string& reason) const {
  reason = "the second layer's block exactly, the weights on the sphere by GMRES";
  return LinearKind::krylov;
}

EmpiricalFlow::EmpiricalFlow(SingleIndexProblem problem, std::shared_ptr<const Matrix> inputs,
                             std::shared_ptr<const Vector> targets)
    : problem_(std::move(problem)),
      m_(problem_.width),
      d_(problem_.dimension),
      n_(inputs->rows()),
      inputs_(std::move(inputs)),
      targets_(std::move(targets)),
      activation_(problem_) {}

const EmpiricalFlow::Point& EmpiricalFlow::at(ConstVectorRef y, bool derivatives) {
  Point& p = point_;
  const std::uint64_t revision = pieces_ ? pieces_->revision() : 0;
  if (filled_ && (with_derivatives_ || !derivatives) && p.revision == revision && p.y == y)
    return p;
  p.y = y;
  p.revision = revision;
  const auto U = weights(p.y, m_, d_);
  work_.noalias() = *inputs_ * U.transpose();
  p.s0.resize(n_, m_);
  p.s1.resize(n_, m_);
  if (derivatives) p.s2.resize(n_, m_);
  if (pieces_) p.z = work_.transpose();
  if (pieces_ && pieces_->entered()) {
    p.s1 = pieces_->slopes(0).transpose();
    p.s0 = p.s1.cwiseProduct(work_);
    if (derivatives) p.s2.setZero();
  } else {
    activation_.evaluate(work_.data(), n_ * m_, p.s0.data(), p.s1.data(),
                         derivatives ? p.s2.data() : nullptr);
  }
  p.e = *targets_;
  p.e *= static_cast<double>(m_);
  p.e.noalias() -= p.s0 * p.y.head(m_);
  p.e /= static_cast<double>(m_);
  work_ = p.s1.array().colwise() * p.e.array();
  p.g.noalias() = work_.transpose() * *inputs_;
  p.g /= static_cast<double>(n_);
  p.radial.resize(m_);
  p.force.resize(m_);
  p.along.resize(m_);
  for (Index i = 0; i < m_; ++i) {
    p.radial[i] = p.g.row(i).dot(U.row(i));
    p.force[i] = p.g.row(i).norm();
    p.along[i] = tangential(p.radial[i], U.row(i).squaredNorm(), p.force[i], p.y[i]);
  }
  filled_ = true;
  with_derivatives_ = derivatives;
  return p;
}

void EmpiricalFlow::rhs(double, ConstVectorRef y, VectorRef dydt) {
  const Point& p = at(y, false);
  auto da = dydt.head(m_);
  da.noalias() = p.s0.transpose() * p.e;
  da /= static_cast<double>(n_) * problem_.epsilon;
  auto dU = weights_of(dydt, m_, d_);
  dU = p.g - p.along.asDiagonal() * weights(y, m_, d_);
  dU.array().colwise() *= y.head(m_).array();
  project(dydt);
}

void EmpiricalFlow::second_layer_matrix(ConstVectorRef y, Matrix& k) {
  const Point& p = at(y, true);
  k.setZero(m_, m_);
  k.selfadjointView<Eigen::Lower>().rankUpdate(p.s0.transpose());
  k.triangularView<Eigen::StrictlyUpper>() = k.transpose();
  k /= static_cast<double>(n_) * static_cast<double>(m_);
}

void EmpiricalFlow::second_layer_coupling(ConstVectorRef y, ConstVectorRef v, VectorRef out) {
  const Point& p = at(y, true);
  dz_.noalias() = *inputs_ * weights(v, m_, d_).transpose();
  work_ = p.s1.cwiseProduct(dz_);
  de_.noalias() = work_ * y.head(m_);
  de_ /= -static_cast<double>(m_);
  out.noalias() = p.s0.transpose() * de_;
  out.noalias() += work_.transpose() * p.e;
  out /= static_cast<double>(n_);
}

void EmpiricalFlow::jacobian_times(double, ConstVectorRef y, ConstVectorRef v, VectorRef out) {
  const Point& p = at(y, true);
  const double m = static_cast<double>(m_), n = static_cast<double>(n_);
  const auto a = y.head(m_).array(), da = v.head(m_).array();
  const auto U = weights(y, m_, d_);
  const auto dU = weights(v, m_, d_);
  auto out_a = out.head(m_);
  second_layer_coupling(y, v, out_a);
  by_a_.noalias() = p.s0 * v.head(m_);
  by_a_ /= -m;
  out_a *= n;
  out_a.noalias() += p.s0.transpose() * by_a_;
  out_a /= n * problem_.epsilon;
  de_ += by_a_;

  work_ = p.s1.array().colwise() * de_.array() +
          p.s2.array() * dz_.array() * p.e.replicate(1, m_).array();
  dg_.noalias() = work_.transpose() * *inputs_;
  dg_ /= n;
  dalong_.resize(m_);
  for (Index i = 0; i < m_; ++i)
    dalong_[i] = dg_.row(i).dot(U.row(i)) + p.g.row(i).dot(dU.row(i)) +
                 tangential_slope(p.radial[i], p.force[i], y[i]) * U.row(i).dot(dU.row(i));
  auto out_u = weights_of(out, m_, d_);
  out_u = dg_ - dalong_.asDiagonal() * U;
  out_u -= p.along.asDiagonal() * dU;
  out_u.array().colwise() *= a;
  dg_ = p.g - p.along.asDiagonal() * U;
  out_u.array() += dg_.array().colwise() * da;
  project(out);
}

double EmpiricalFlow::energy(ConstVectorRef y) {
  return 0.5 * static_cast<double>(m_) * at(y, false).e.squaredNorm() / static_cast<double>(n_);
}

double EmpiricalFlow::inner_product(ConstVectorRef, ConstVectorRef u, ConstVectorRef v) {
  return layered_product(problem_.epsilon, m_, u, v);
}

std::vector<LinearKind> EmpiricalFlow::linear_kinds() const {
  return {LinearKind::krylov, LinearKind::dense};
}

std::unique_ptr<NewtonMatrix> EmpiricalFlow::newton_matrix(LinearKind kind) {
  const double work = static_cast<double>(n_) * static_cast<double>(m_) * static_cast<double>(d_);
  if (kind == LinearKind::krylov) {
    auto copy = std::make_unique<EmpiricalFlow>(problem_, inputs_, targets_);
    copy->pieces_ = pieces_;
    copy->columns_ = columns_;
    copy->surface_ = surface_;
    return second_layer_newton(std::move(copy), problem_.epsilon, m_, 6 * work);
  }
  if (kind == LinearKind::dense) return make_dense_newton_matrix(*this);
  return System::newton_matrix(kind);
}

LinearKind EmpiricalFlow::preferred_linear_kind(std::string& reason) const {
  reason = "the second layer's block exactly, the weights on the sphere by GMRES";
  return LinearKind::krylov;
}

/// A step within a piece is short beside the stiffness: what counts is what it costs.
std::string EmpiricalFlow::preferred_method() const {
  return piecewise() ? "dopri5" : System::preferred_method();
}

bool EmpiricalFlow::piecewise() const {
  return problem_.activation && !problem_.activation->smooth();
}

void EmpiricalFlow::hold_piece(double tolerance) {
  const bool leaky = problem_.activation->kind() == Activation::Kind::leaky_relu;
  const std::vector<HiddenLayer> layers{{d_, m_, m_}};
  pieces_ = std::make_shared<ReluPieces>(layers, leaky ? Activation::leaky_slope : 0, tolerance, 0);
  columns_ = std::make_shared<Matrix>(inputs_->transpose());
  surface_.emplace(layers);
  filled_ = false;
}

double EmpiricalFlow::piece_margin(double, ConstVectorRef y) {
  at(y, false);
  return pieces_->margin(*this, y, Vector());
}

void EmpiricalFlow::enter_piece(double, VectorRef y, bool afresh) {
  at(y, false);
  if (afresh)
    pieces_->enter_afresh(*this);
  else
    pieces_->enter_next(*this, y, Vector());
}

/// The gradient of m R; that on the sphere differs by multiples of u_i, and <u_i, x_p> = 0 on the
/// surfaces where it is asked for.
void EmpiricalFlow::loss_gradient(ConstVectorRef, VectorRef g) {
  const Point& p = point_;
  const auto a = p.y.head(m_);
  g.head(m_) = -(p.s0.transpose() * p.e) / static_cast<double>(n_);
  weights_of(g, m_, d_) = -(a.asDiagonal() * p.g);
  pulled_.noalias() = a * p.e.transpose();
  pulled_ /= -static_cast<double>(n_);
}

/// The normals x_p of the surfaces in which weights slide, out of a move of them.
void EmpiricalFlow::project(VectorRef v) {
  if (!pieces_ || pieces_->kinks().empty()) return;
  if (surface_of_revision_ != pieces_->revision()) {
    surface_->build(pieces_->kinks(), pieces_->slopes(), *this, point_.y);
    surface_of_revision_ = pieces_->revision();
  }
  surface_->project(v);
}

NetworkSgd::NetworkSgd(SingleIndexProblem problem, std::shared_ptr<const Matrix> inputs,
                       std::shared_ptr<const Vector> targets, Index batch, std::uint64_t seed)
    : problem_(std::move(problem)),
      m_(problem_.width),
      d_(problem_.dimension),
      batch_(batch),
      inputs_(std::move(inputs)),
      targets_(std::move(targets)),
      activation_(problem_),
      mean_(problem_),
      stream_(seed, "batch"),
      x_(d_, batch),
      z_(m_, batch),
      s0_(m_, batch),
      s1_(m_, batch),
      e_(batch) {}

void NetworkSgd::discrete_step(double t, double step, VectorRef y) {
  const auto k = static_cast<std::uint64_t>(std::llround(t / step));
  const auto batch = static_cast<std::uint64_t>(batch_);
  if (inputs_ == nullptr) {
    stream_.seek(k * batch * static_cast<std::uint64_t>(d_));
    stream_.fill_normal(x_);
    for (Index b = 0; b < batch_; ++b) e_[b] = target_value(problem_.phi, x_(0, b));
  } else {
    // One word a draw: the bias of a product is below n 2^-64.
    stream_.seek(k * batch);
    const auto n = static_cast<double>(inputs_->rows());
    for (Index b = 0; b < batch_; ++b) {
      const auto i = std::min(static_cast<Index>(n * stream_.uniform()), inputs_->rows() - 1);
      x_.col(b) = inputs_->row(i).transpose();
      e_[b] = (*targets_)[i];
    }
  }
  auto a = y.head(m_);
  auto U = weights_of(y, m_, d_);
  const double inverse_batch = 1 / static_cast<double>(batch_);
  if (batch_ == 1)
    z_.col(0).noalias() = U * x_.col(0);
  else
    z_.noalias() = U * x_;
  activation_.evaluate(z_.data(), z_.size(), s0_.data(), s1_.data(), nullptr);
  e_.noalias() -= s0_.transpose() * a / static_cast<double>(m_);
  s1_.array().rowwise() *= (step * inverse_batch * e_).transpose().array();
  s1_.array().colwise() *= a.array();
  a.noalias() += (step * inverse_batch / problem_.epsilon) * (s0_ * e_);
  // With |u| = 1 known, |u + b x|^2 = 1 + 2 b z + b^2 |x|^2: update and normalisation in one pass
  // over U. A deviation from 1 would be divided by that each time, and grow wherever it is below 1
  // for long; so now and then lengths are taken afresh.
  if (batch_ == 1 && k % 64 != 0) {
    const double square = x_.col(0).squaredNorm();
    const Eigen::Map<const Eigen::RowVectorXd> x(x_.data(), d_);
    for (Index i = 0; i < m_; ++i) {
      const double b = s1_(i, 0);
      const double scale = 1 / std::sqrt(1 + 2 * b * z_(i, 0) + b * b * square);
      U.row(i) = scale * U.row(i) + (scale * b) * x;
    }
    return;
  }
  U.noalias() += s1_ * x_.transpose();
  for (Index i = 0; i < m_; ++i) U.row(i) /= U.row(i).norm();
}

ModelInfo single_index_network() {
  std::vector<ParameterInfo> parameters = single_index_parameters(100);
  for (ParameterInfo& info : parameters)
    if (info.name == "dimension") {
      info = integer_parameter("dimension", 100, "input dimension d, at least 2", 2, 1e7);
    }
  parameters.push_back(integer_parameter(
      "samples", 0,
      "training samples n: the flow and the steps are those of the empirical risk; 0: population "
      "flow, one-pass SGD",
      0, 1e9));
  parameters.push_back(file_parameter("inputs", "(n, d)", "training inputs"));
  parameters.push_back(
      file_parameter("targets", "(n)", "training targets; phi of the first coordinate without it"));
  parameters.push_back(
      file_parameter("initial", "(m + m d): a, U row by row", "a(0), U(0), rows of norm 1"));
  return {"single_index_network",
          "two-layer network on a single-index target with its weights on the sphere in R^d: "
          "population flow, empirical flow, SGD",
          "f(x) = (1/m) sum_i a_i sigma(<u_i, x>), y = phi(x_1), x ~ N(0, I);  epsilon a_i' = -m "
          "dR/da_i,  u_i' = -m (I - u_i u_i^T) dR/du_i;  sgd: the same steps on batches",
          "Berthier, Montanari, Zhou, arXiv 2303.00055",
          {"gradient", "gradient_descent", "sgd"},
          std::move(parameters),
          make};
}

}  // namespace gradflow
