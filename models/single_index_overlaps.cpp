#include "models/single_index_overlaps.hpp"

#include <cmath>
#include <memory>

#include "flow/jacobian_newton.hpp"
#include "models/initial_state.hpp"
#include "models/single_index_measurements.hpp"
#include "models/single_index_risk.hpp"
#include "numerics/factorisations.hpp"

namespace gradflow {
namespace {

const NumberInfo kernel_error{"kernel_error", "bound of the error of U; 0: closed form"};

/// P = [[B, C], [0, I]] in the order (a, s), r: the block of (a, s) and what r does to it.
class OverlapPreconditioner final : public Preconditioner {
 public:
  OverlapPreconditioner(OverlapFlow& flow, double epsilon, Index m)
      : flow_(flow), epsilon_(epsilon), m_(m), jacobian_(2 * m, 2 * m) {}

  void linearise(double, ConstVectorRef y) override {
    p_ = flow_.at(y, true);
    const double m = static_cast<double>(m_);
    const auto a = p_.y.head(m_).array(), s = p_.y.segment(m_, m_).array();
    auto aa = jacobian_.topLeftCorner(m_, m_);
    auto as = jacobian_.topRightCorner(m_, m_);
    auto sa = jacobian_.bottomLeftCorner(m_, m_);
    auto ss = jacobian_.bottomRightCorner(m_, m_);
    aa = -p_.u / (m * epsilon_);
    as.setZero();
    as.diagonal() = p_.v1 / epsilon_;
    // -a_i U'_ip (s_p - r_ip s_i)/m, and the drive on the diagonal.
    sa = (p_.u1.array() * (p_.r.array().colwise() * s - s.transpose().replicate(m_, 1))).matrix() /
         m;
    sa.array().colwise() *= a;
    sa.diagonal() += p_.drive;
    ss = -(p_.w.array().colwise() * a).matrix();
    ss.diagonal().array() +=
        a * (p_.v2.array() * (1 - s * s) - 2 * s * p_.v1.array() + p_.c.array());
  }
  bool factorise(double gamma) override {
    gamma_ = gamma;
    matrix_ = -gamma * jacobian_;
    matrix_.diagonal().array() += 1;
    if (!matrix_.allFinite()) return false;
    lu_.factorise(matrix_);
    return true;
  }
  void solve(VectorRef b) override {
    const double m = static_cast<double>(m_);
    const auto a = p_.y.head(m_), s = p_.y.segment(m_, m_);
    OverlapFlow::unpack(b.tail(b.size() - 2 * m_), 0, dr_);
    // a: -(U' o dR) a/(eps m);  s: a_i sum_p [W_ip dr_ip s_i - a_p U''_ip dr_ip (s_p - r_ip s_i)/m]
    work_ = p_.u1.cwiseProduct(dr_);
    b.head(m_).noalias() -= gamma_ / (epsilon_ * m) * (work_ * a);
    product_.noalias() = work_ * a;
    auto rows = b.segment(m_, m_).array();
    rows += gamma_ / m * a.array() * s.array() * product_.array();
    work_ = p_.u2.cwiseProduct(dr_);
    scaled_ = a.cwiseProduct(s);
    product_.noalias() = work_ * scaled_;
    work_.array() *= p_.r.array();
    again_.noalias() = work_ * a;
    rows -= gamma_ / m * a.array() * (product_.array() - s.array() * again_.array());
    lu_.solve(b.head(2 * m_));
  }
  NewtonCost cost() const override { return cost_of(m_); }
  static NewtonCost cost_of(Index width) {
    const double m = static_cast<double>(width), n = 2 * m;
    return {0, 2 * n * n * n / 3, 2 * n * n + 14 * m * m, 24 * n * n + 56 * m * m};
  }
  std::string name() const override { return "the (a, s) block"; }

 private:
  OverlapFlow& flow_;
  double epsilon_;
  Index m_;
  double gamma_ = 0;
  OverlapFlow::Point p_;
  Matrix jacobian_, matrix_, dr_, work_;
  Vector product_, again_, scaled_;
  Lu lu_;
};

class OverlapModel final : public Model {
 public:
  OverlapModel(SingleIndexProblem problem, Vector initial)
      : problem_(std::move(problem)),
        initial_(std::move(initial)),
        theory_(problem_, initial_.head(problem_.width)) {}

  Vector initial_state(const FlowSettings&) override { return initial_; }
  std::unique_ptr<System> system(const FlowSettings& flow) override {
    if (flow.kind != "gradient")
      throw ParameterError("kind", "is \"" + flow.kind +
                                       "\", but the overlaps have only \"gradient\"; for sgd take "
                                       "single_index_network");
    refuse_weight_decay(flow);
    return std::make_unique<OverlapFlow>(problem_);
  }
  std::vector<Observable> observables(const FlowSettings&) override {
    const Index m = problem_.width;
    auto all = single_index_observables(problem_, [m](const State& s) {
      return NeuronView{s.y.head(m), s.y.segment(m, m)};
    });
    const auto flow = std::make_shared<OverlapFlow>(problem_);
    all.insert(
        all.begin(),
        {"risk", "population risk 1/2 E (y - f)^2", {}, true, [flow](const State& s, double* out) {
           *out = flow->risk(s.y);
         }});
    all.push_back({"overlap_defect",
                   "root mean square of r_ij - s_i s_j over i < j, 0 in the reduced system",
                   {},
                   true,
                   [m](const State& s, double* out) {
                     const auto align = s.y.segment(m, m);
                     double sum = 0;
                     Index k = 2 * m;
                     for (Index i = 0; i < m; ++i)
                       for (Index j = i + 1; j < m; ++j, ++k) {
                         const double q = s.y[k] - align[i] * align[j];
                         sum += q * q;
                       }
                     *out = std::sqrt(sum / static_cast<double>(std::max<Index>(1, k - 2 * m)));
                   }});
    return all;
  }
  std::vector<Measurement> constants(const FlowSettings&) override {
    auto all = single_index_constants(problem_, theory_());
    all.push_back(measured(kernel_error, overlap_kernel(problem_).bound()));
    return all;
  }
  std::vector<Measurement> measure(const FlowSettings&, const Trajectory& trajectory) override {
    return single_index_measurements(problem_, theory_(), trajectory);
  }

 private:
  SingleIndexProblem problem_;
  Vector initial_;
  SharedAsymptotics theory_;
};

/// m from the length of a, s, r: r without its diagonal or with it; 0 where there is none.
Index width_of(Index entries, bool& diagonal) {
  for (Index m = 1; m * (m + 3) / 2 <= entries; ++m) {
    diagonal = m * (m + 5) / 2 == entries;
    if (diagonal || m * (m + 3) / 2 == entries) return m;
  }
  return 0;
}

std::unique_ptr<Model> make(Parameters& p, std::uint64_t seed) {
  bool diagonal = false;
  if (p.has_file("initial")) {
    const Index entries = p.file_vector("initial").size();
    const Index m = width_of(entries, diagonal);
    if (m == 0)
      throw ParameterError("initial", "has " + std::to_string(entries) +
                                          " entries, expected m(m + 3)/2: a, s, and r_ij for i < "
                                          "j row by row (or m(m + 5)/2 with r_ii)");
    p.fix_size("width", m, "initial");
    p.unused("initial_second_layer", "initial");
    p.unused("dimension", "initial");
  }
  SingleIndexProblem problem = single_index_problem(p);
  const Index m = problem.width;
  if (m > 5000)
    throw ParameterError("width", "is " + std::to_string(m) +
                                      ", but the overlaps have m(m + 3)/2 unknowns and m^3 "
                                      "operations a step; expected at most 5000");
  const Index pairs = m * (m - 1) / 2;
  Vector initial = Vector::Zero(2 * m + pairs);
  if (p.has_file("initial")) {
    const Vector given = p.file_vector("initial");
    initial.head(2 * m) = given.head(2 * m);
    Index from = 2 * m, to = 2 * m;
    for (Index i = 0; i < m; ++i)
      for (Index j = diagonal ? i : i + 1; j < m; ++j, ++from) {
        if (j > i)
          initial[to++] = given[from];
        else if (!(std::abs(given[from] - 1) < 1e-9))
          throw ParameterError("initial", "has a diagonal r_ii that is not 1");
      }
    if (m > 0 && !(initial.tail(m + pairs).cwiseAbs().maxCoeff() <= 1))
      throw ParameterError("initial", "has overlaps outside of [-1, 1]");
  } else {
    initial.head(m) = initial_second_layer(p, m, initial_seed(p, seed));
    if (problem.dimension > 0) {
      Vector s;
      const Matrix r = initial_overlaps(m, problem.dimension, initial_seed(p, seed), s);
      initial.segment(m, m) = s;
      OverlapFlow::pack(r, initial.tail(pairs));
    }
  }
  return std::make_unique<OverlapModel>(std::move(problem), std::move(initial));
}

}  // namespace

void TargetOverlap::evaluate(ConstVectorRef s, Vector& v, Vector& v1, Vector& v2) const {
  v.setConstant(s.size(), c_[c_.size() - 1]);
  v1.setZero(s.size());
  v2.setZero(s.size());
  for (Index k = c_.size() - 2; k >= 0; --k) {
    v2.array() = v2.array() * s.array() + 2 * v1.array();
    v1.array() = v1.array() * s.array() + v.array();
    v.array() = v.array() * s.array() + c_[k];
  }
}

OverlapKernel overlap_kernel(const SingleIndexProblem& problem) {
  return problem.activation ? OverlapKernel(*problem.activation) : OverlapKernel(problem.sigma);
}

OverlapFlow::OverlapFlow(SingleIndexProblem problem)
    : problem_(std::move(problem)),
      m_(problem_.width),
      target_(problem_),
      kernel_(overlap_kernel(problem_)) {}

void OverlapFlow::unpack(ConstVectorRef upper, double diagonal, Matrix& r) {
  // n = m(m - 1)/2.
  const auto m = static_cast<Index>(
      std::lround(0.5 + std::sqrt(0.25 + 2 * static_cast<double>(upper.size()))));
  r.resize(m, m);
  Index k = 0;
  for (Index i = 0; i < m; ++i) {
    r(i, i) = diagonal;
    for (Index j = i + 1; j < m; ++j) r(j, i) = upper[k++];
  }
  r.triangularView<Eigen::StrictlyUpper>() = r.transpose();
}

void OverlapFlow::pack(const Matrix& r, VectorRef upper) {
  Index k = 0;
  for (Index i = 0; i < r.rows(); ++i)
    for (Index j = i + 1; j < r.rows(); ++j) upper[k++] = r(j, i);
}

const OverlapFlow::Point& OverlapFlow::at(ConstVectorRef y, bool derivatives) {
  Point& p = point_;
  if (filled_ && (with_derivatives_ || !derivatives) && p.y == y) return p;
  const double m = static_cast<double>(m_);
  p.y = y;
  const auto a = p.y.head(m_), s = p.y.segment(m_, m_);
  unpack(p.y.tail(p.y.size() - 2 * m_), 1, p.r);
  p.u.resize(m_, m_);
  p.u1.resize(m_, m_);
  if (derivatives) p.u2.resize(m_, m_);
  // The lower triangle, column by column; the matrices are symmetric.
  for (Index j = 0; j < m_; ++j) {
    const Index k = j * m_ + j;
    kernel_.evaluate(p.r.data() + k, m_ - j, p.u.data() + k, p.u1.data() + k,
                     derivatives ? p.u2.data() + k : nullptr);
  }
  p.u.triangularView<Eigen::StrictlyUpper>() = p.u.transpose();
  p.u1.triangularView<Eigen::StrictlyUpper>() = p.u1.transpose();
  if (derivatives) {
    p.u2.diagonal().setZero();  // r_ii does not move
    p.u2.triangularView<Eigen::StrictlyUpper>() = p.u2.transpose();
  }
  target_.evaluate(s, p.v, p.v1, p.v2);
  p.w = p.u1 * (a / m).asDiagonal();
  p.wr.noalias() = p.w * p.r;
  p.ws.noalias() = p.w * s;
  p.c = p.wr.diagonal();
  p.drive = p.v1.array() * (1 - s.array().square()) - p.ws.array() + s.array() * p.c.array();
  filled_ = true;
  with_derivatives_ = derivatives;
  return p;
}

void OverlapFlow::rhs(double, ConstVectorRef y, VectorRef dydt) {
  const Point& p = at(y, false);
  const double m = static_cast<double>(m_);
  const auto a = y.head(m_), s = y.segment(m_, m_);
  auto da = dydt.head(m_);
  da.noalias() = p.u * a;
  da = (p.v - da / m) / problem_.epsilon;
  dydt.segment(m_, m_) = a.cwiseProduct(p.drive);
  // G_ij = a_i [V'_i s_j - (WR)_ij + (c_i - V'_i s_i) r_ij]
  diagonal_ = p.c - p.v1.cwiseProduct(s);
  g_ = diagonal_.asDiagonal() * p.r - p.wr;
  g_.noalias() += p.v1 * s.transpose();
  g_.array().colwise() *= a.array();
  Index k = 2 * m_;
  for (Index i = 0; i < m_; ++i)
    for (Index j = i + 1; j < m_; ++j) dydt[k++] = g_(i, j) + g_(j, i);
}

void OverlapFlow::jacobian_times(double, ConstVectorRef y, ConstVectorRef v, VectorRef out) {
  const Point& p = at(y, true);
  const double m = static_cast<double>(m_);
  const auto a = y.head(m_).array(), s = y.segment(m_, m_).array();
  const auto da = v.head(m_).array(), ds = v.segment(m_, m_).array();
  unpack(v.tail(v.size() - 2 * m_), 0, dr_);

  product_ = p.u1.cwiseProduct(dr_);
  auto out_a = out.head(m_);
  out_a.noalias() = p.u * v.head(m_);
  out_a.noalias() += product_ * y.head(m_);
  out_a.array() = (p.v1.array() * ds - out_a.array() / m) / problem_.epsilon;

  dw_ = p.u2.cwiseProduct(dr_) * (a / m).matrix().asDiagonal();
  dw_ += p.u1 * (da / m).matrix().asDiagonal();
  product_.noalias() = dw_ * p.r;
  product_.noalias() += p.w * dr_;  // d(WR)
  dc_ = product_.diagonal();
  ddrive_ = p.v2.array() * ds * (1 - s * s) - 2 * s * p.v1.array() * ds + ds * p.c.array() +
            s * dc_.array();
  ddrive_.noalias() -= dw_ * y.segment(m_, m_);
  ddrive_.noalias() -= p.w * v.segment(m_, m_);
  out.segment(m_, m_) = da * p.drive.array() + a * ddrive_.array();

  // dG = diag(da) H + diag(a) dH, G = diag(a) H.
  diagonal_ = p.c.array() - p.v1.array() * s;
  ddiagonal_ = dc_.array() - p.v2.array() * ds * s - p.v1.array() * ds;
  g_ = ddiagonal_.asDiagonal() * p.r;
  g_ += diagonal_.asDiagonal() * dr_;
  g_ -= product_;
  ddiagonal_ = p.v2.array() * ds;
  g_.noalias() += ddiagonal_ * y.segment(m_, m_).transpose();
  g_.noalias() += p.v1 * v.segment(m_, m_).transpose();
  g_.array().colwise() *= a;
  product_ = diagonal_.asDiagonal() * p.r - p.wr;
  product_.noalias() += p.v1 * y.segment(m_, m_).transpose();
  g_.array() += product_.array().colwise() * da;
  Index k = 2 * m_;
  for (Index i = 0; i < m_; ++i)
    for (Index j = i + 1; j < m_; ++j) out[k++] = g_(i, j) + g_(j, i);
}

double OverlapFlow::risk(ConstVectorRef y) {
  const Point& p = at(y, false);
  const double m = static_cast<double>(m_);
  const auto a = y.head(m_), s = y.segment(m_, m_);
  return population_risk(problem_, a, s, 0.5 * problem_.phi.squaredNorm(), a.dot(p.v) / m,
                         0.5 * a.dot(p.u * a) / (m * m), [&](Matrix& across) {
                           // Of overlaps as they are stored: to their rounding.
                           across = p.r - s * s.transpose();
                           across.diagonal() = (1 - s.array()) * (1 + s.array());
                         });
}

std::vector<NewtonOffer> OverlapFlow::newton_offers() const {
  NewtonOffer krylov =
      gmres_newton_offer(dimension(), product_flops(), OverlapPreconditioner::cost_of(m_));
  krylov.taken = NewtonOffer::Taken::first;
  krylov.about =
      "the (a, s) block of size " + std::to_string(2 * m_) + " exactly, the overlaps by GMRES";
  return {krylov, dense_newton_offer(dimension(), product_flops())};
}

double OverlapFlow::product_flops() const {
  const double m = static_cast<double>(m_);
  return 4 * m * m * m;
}

std::unique_ptr<NewtonMatrix> OverlapFlow::newton_matrix(LinearKind kind) {
  if (kind == LinearKind::krylov) {
    auto flow = std::make_unique<OverlapFlow>(problem_);
    auto block = std::make_unique<OverlapPreconditioner>(*flow, problem_.epsilon, m_);
    return make_gmres_newton_matrix(std::move(flow), std::move(block), product_flops());
  }
  if (kind == LinearKind::dense) return make_dense_newton_matrix(*this, product_flops());
  return System::newton_matrix(kind);
}

ModelInfo single_index_overlaps() {
  std::vector<ParameterInfo> parameters = single_index_parameters(100);
  parameters.push_back(
      file_parameter("initial", "(m(m+3)/2): a, s, r_ij for i < j row by row", "a(0), s(0), r(0)"));
  std::vector<NumberInfo> numbers = single_index_numbers();
  numbers.push_back(kernel_error);
  return {"single_index_overlaps",
          "two-layer network on a single-index target at finite width and dimension, by its "
          "overlaps",
          "epsilon a_i' = V(s_i) - (1/m) sum_j a_j U(r_ij),  s_i = <u_i, u*>,  r_ij = <u_i, u_j>,  "
          "V(s) = sum_k phi_k sigma_k s^k,  U(r) = sum_k sigma_k^2 r^k (closed forms)",
          "Berthier, Montanari, Zhou, arXiv 2303.00055",
          {"gradient"},
          std::move(parameters),
          make,
          std::move(numbers)};
}

}  // namespace gradflow
