#include "models/single_index_empirical.hpp"

namespace gradflow {

using namespace sphere;

EmpiricalFlow::EmpiricalFlow(SingleIndexProblem problem, std::shared_ptr<const Matrix> inputs,
                             std::shared_ptr<const Vector> targets)
    : Spheres(problem.width, problem.dimension),
      problem_(std::move(problem)),
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

void EmpiricalFlow::metric(ConstVectorRef, VectorRef diagonal) {
  layered_metric(problem_.epsilon, m_, diagonal);
}

std::vector<NewtonOffer> EmpiricalFlow::newton_offers() const {
  return second_layer_offers(dimension(), m_, product_flops());
}

double EmpiricalFlow::product_flops() const {
  return 6 * static_cast<double>(n_) * static_cast<double>(m_) * static_cast<double>(d_);
}

std::unique_ptr<NewtonMatrix> EmpiricalFlow::newton_matrix(LinearKind kind) {
  if (kind == LinearKind::krylov) {
    auto copy = std::make_unique<EmpiricalFlow>(problem_, inputs_, targets_);
    copy->pieces_ = pieces_;
    copy->columns_ = columns_;
    copy->surface_ = surface_;
    return second_layer_newton(std::move(copy), problem_.epsilon, m_, product_flops());
  }
  if (kind == LinearKind::dense) return make_dense_newton_matrix(*this, product_flops());
  return System::newton_matrix(kind);
}

/// A step within a piece is short beside the stiffness: what counts is what it costs.
std::string EmpiricalFlow::preferred_method() const {
  return smooth() ? System::preferred_method() : "dopri5";
}

void EmpiricalFlow::exchange(Archive& archive) {
  if (pieces_) archive.part("pieces", *pieces_);
}

void EmpiricalFlow::hold(double tolerance) {
  const bool leaky = problem_.activation->kind() == Activation::Kind::leaky_relu;
  const std::vector<HiddenLayer> layers{{d_, m_, m_}};
  pieces_ = std::make_shared<ReluPieces>(layers, leaky ? Activation::leaky_slope : 0, tolerance, 0);
  columns_ = std::make_shared<Matrix>(inputs_->transpose());
  surface_.emplace(layers);
  filled_ = false;
}

double EmpiricalFlow::margin(double, ConstVectorRef y) {
  at(y, false);
  return pieces_->margin(*this, y, Vector());
}

void EmpiricalFlow::enter(double, VectorRef y, bool afresh) {
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

}  // namespace gradflow
