#include "models/single_index_mean_field.hpp"

#include <cmath>
#include <memory>

#include "flow/jacobian_newton.hpp"
#include "models/initial_state.hpp"
#include "models/single_index_measurements.hpp"
#include "models/single_index_packs.hpp"
#include "numerics/factorisations.hpp"
#include "numerics/long_vectors.hpp"

namespace gradflow {
namespace {

using packs::horner;
using packs::load;
using packs::Pack;
using packs::PowerSums;
using packs::store;

/// Solves (I - gamma J) x = b. In the metric G = diag(epsilon, 1/(1 - s^2)),
///
///   J = D - G^{-1} B S B^T,  S = diag(sigma_k^2/m),  B_k = (s_i^k; k a_i s_i^{k-1}),
///
/// with D of one 2x2 block a neuron. With Q = I - gamma D and E = Q^{-1} G^{-1} (symmetric blocks)
/// Woodbury's identity leaves C = I + gamma S^{1/2} B^T E B S^{1/2} of size K + 1, whose entries
/// are sums of E times powers of s only: Hankel sums, O(mK) and not O(mK^2).
class MeanFieldMatrix final : public NewtonMatrix {
 public:
  explicit MeanFieldMatrix(const SingleIndexProblem& problem)
      : NewtonMatrix(offer_of(problem)),
        per_epsilon_(1 / problem.epsilon),
        m_(problem.width),
        phi_(problem.phi),
        sigma_(problem.sigma),
        root_weight_(sigma_ / std::sqrt(static_cast<double>(m_))),
        y_(2 * m_),
        slope_(m_),
        curvature_(m_),
        inverse_det_(m_),
        q22_(m_),
        coupling_(m_),
        g_(sigma_.size()),
        sums11_(2 * sigma_.size() - 1),
        sums12_(2 * sigma_.size() - 1),
        sums22_(2 * sigma_.size() - 1),
        projection_(sigma_.size()),
        coefficients_(sigma_.size()),
        negative_in_chunk_(packs::chunks(m_)) {
    for (PowerSums* sums : {&e11_, &e12_, &e22_}) sums->reset(sums11_.size(), m_);
    for (PowerSums* sums : {&first_, &second_}) sums->reset(sigma_.size(), m_);
  }

  void linearise(double, ConstVectorRef y) override {
    long_vectors::copy(y, y_);
    power_moments(y.head(m_), y.tail(m_), g_);
    g_ = sigma_.array() * (phi_.array() - sigma_.array() * g_.array());
    packs::for_each(m_, [&](Index i, Index count, Index) {
      const Pack a = load(y_.data() + i, count), s = load(y_.data() + m_ + i, count);
      Pack p, d1, half_d2;
      horner(g_, s, p, d1, half_d2);
      store(d1, slope_.data() + i, count);
      store(a * (2 * (1 - s * s) * half_d2 - 2 * s * d1), curvature_.data() + i, count);
    });
  }

  bool factorise(double gamma) override {
    gamma_ = gamma;
    const Index size = sigma_.size();
    e11_.clear();
    e12_.clear();
    e22_.clear();
    negative_in_chunk_.setZero();
    packs::for_each(m_, [&](Index i, Index count, Index chunk) {
      const Pack a = load(y_.data() + i, count), s = load(y_.data() + m_ + i, count);
      const Pack d1 = load(slope_.data() + i, count), d2 = load(curvature_.data() + i, count);
      const Pack area = 1 - s * s;
      const Pack corner = 1 - gamma * d2;
      const Pack off = gamma * d1;
      const Pack det = corner - area * off * off * per_epsilon_;
      Pack inverse = 1 / det;
      negative_in_chunk_[chunk] += (packs::entries(det) < 0).count();
      const Pack scaled_corner = corner * inverse, scaled_off = off * inverse;
      store(inverse, inverse_det_.data() + i, count);
      store(scaled_corner, q22_.data() + i, count);
      store(scaled_off, coupling_.data() + i, count);
      Pack w11 = scaled_corner * per_epsilon_;
      if (count < packs::width) {  // a = s = 0 does not clear this one
        const packs::Entries all = packs::entries(w11);
        w11 = load(all.data(), count);
      }
      e11_.add(w11, s, chunk);
      e12_.add(area * scaled_off * a * per_epsilon_, s, chunk);
      e22_.add(area * inverse * a * a, s, chunk);
    });
    e11_.total(sums11_);
    e12_.total(sums12_);
    e22_.total(sums22_);
    Matrix& c = small_;
    c.resize(size, size);
    for (Index k = 0; k < size; ++k)
      for (Index l = 0; l <= k; ++l) {
        double sum = sums11_[k + l];
        if (k + l >= 1) sum += static_cast<double>(k + l) * sums12_[k + l - 1];
        if (l >= 1) sum += static_cast<double>(k * l) * sums22_[k + l - 2];
        c(k, l) = c(l, k) = gamma * root_weight_[k] * root_weight_[l] * sum + (k == l ? 1.0 : 0.0);
      }
    if (!c.allFinite()) return false;
    // The entries range over many decades (powers of small s over epsilon); with a unit diagonal
    // the factorisation is accurate whatever the range.
    scale_ = c.diagonal().cwiseAbs().cwiseMax(1e-300).cwiseSqrt().cwiseInverse();
    c = scale_.asDiagonal() * c * scale_.asDiagonal();
    definite_ = cholesky_.factorise(c);
    negative_ = negative_in_chunk_.sum();
    if (!definite_) {
      lu_.factorise(c);
      // Inertia of B + U U^T is that of the blocks less the negative ones of C.
      negative_ -= (symmetric_eigenvalues(c).array() < 0).count();
    }
    return true;
  }

  bool solve(VectorRef b, double) override {
    first_.clear();
    second_.clear();
    packs::for_each(m_, [&](Index i, Index count, Index chunk) {
      const Pack a = load(y_.data() + i, count), s = load(y_.data() + m_ + i, count);
      const Pack ba = load(b.data() + i, count), bs = load(b.data() + m_ + i, count);
      const Pack off = load(coupling_.data() + i, count);
      const Pack ta = load(q22_.data() + i, count) * ba + off * bs * per_epsilon_;
      const Pack ts = (1 - s * s) * off * ba + load(inverse_det_.data() + i, count) * bs;
      first_.add(ta, s, chunk);
      second_.add(a * ts, s, chunk);
    });
    first_.total(projection_);
    second_.total(coefficients_);
    for (Index k = 1; k < sigma_.size(); ++k)
      projection_[k] += static_cast<double>(k) * coefficients_[k - 1];
    projection_.array() *= root_weight_.array() * scale_.array();
    if (definite_)
      cholesky_.solve(projection_);
    else
      lu_.solve(projection_);
    coefficients_ = gamma_ * root_weight_.array() * scale_.array() * projection_.array();
    packs::for_each(m_, [&](Index i, Index count, Index) {
      const Pack a = load(y_.data() + i, count), s = load(y_.data() + m_ + i, count);
      const Pack off = load(coupling_.data() + i, count);
      const Pack q22 = load(q22_.data() + i, count), inverse = load(inverse_det_.data() + i, count);
      const Pack area = 1 - s * s;
      Pack q, d1;
      horner(coefficients_, s, q, d1);
      const Pack ba = load(b.data() + i, count) - q * per_epsilon_;
      const Pack bs = load(b.data() + m_ + i, count) - area * a * d1;
      store(q22 * ba + off * bs * per_epsilon_, b.data() + i, count);
      store(area * off * ba + inverse * bs, b.data() + m_ + i, count);
    });
    return true;
  }

  std::string name() const override { return "2x2 blocks plus rank K + 1"; }
  std::optional<Index> negative_eigenvalues() const override { return negative_; }
  static NewtonOffer offer_of(const SingleIndexProblem& problem) {
    const double m = static_cast<double>(problem.width);
    const double k = static_cast<double>(problem.sigma.size());
    return {.kind = LinearKind::structured,
            .counts_inertia = true,
            .cost = {8 * m * k, 12 * m * k + k * k * k / 3, 8 * m * k, 56 * m},
            .taken = NewtonOffer::Taken::first,
            .about = "2x2 blocks plus rank " + std::to_string(problem.sigma.size()) +
                     ", exact, linear in m"};
  }

 private:
  double per_epsilon_;  ///< 1 / epsilon
  Index m_;
  Vector phi_, sigma_, root_weight_;
  Vector y_, slope_, curvature_, inverse_det_, q22_, coupling_;
  Vector g_, sums11_, sums12_, sums22_, projection_, coefficients_, scale_;
  PowerSums e11_, e12_, e22_, first_, second_;
  Matrix small_;
  Cholesky cholesky_;
  Lu lu_;
  bool definite_ = true;
  Index negative_ = 0;
  Eigen::Array<Index, Eigen::Dynamic, 1> negative_in_chunk_;
  double gamma_ = 0;
};

/// 1 - s^2. |s| < 1 is invariant, but a step's error may reach beyond, and near 1 the quotient of
/// two small numbers is all error: a neuron counts as if it were 5e-11 away.
EIGEN_ALWAYS_INLINE Pack area_off_the_rim(const Pack& s) {
  return max(Pack::constant(1e-10), max(1 - s * s, s * s - 1));
}

class MeanFieldModel final : public Model {
 public:
  MeanFieldModel(SingleIndexProblem problem, Vector initial)
      : problem_(std::move(problem)),
        initial_(std::move(initial)),
        theory_(problem_, initial_.head(problem_.width)) {}

  Vector initial_state(const FlowSettings&) override { return initial_; }
  std::unique_ptr<System> system(const FlowSettings& flow) override {
    if (flow.kind != "gradient")
      throw ParameterError(
          "kind", "is \"" + flow.kind + "\", but the reduced system has only \"gradient\"");
    refuse_weight_decay(flow);
    return std::make_unique<MeanFieldFlow>(problem_);
  }
  std::vector<Observable> observables(const FlowSettings&) override {
    const Index m = problem_.width;
    auto all = single_index_observables(problem_, [m](const State& s) {
      return NeuronView{s.y.head(m), s.y.segment(m, m)};
    });
    const auto flow = std::make_shared<MeanFieldFlow>(problem_);
    all.insert(all.begin(), {"risk",
                             "population risk 1/2 E (y - f)^2 of the reduced system",
                             {},
                             true,
                             [flow, m](const State& s, double* out) {
                               *out = flow->energy(s.y) / static_cast<double>(m);
                             }});
    all.push_back(
        {"spectrum",
         "ends of the Jacobian's spectrum: fastest decay, the next, fastest growth",
         {counting_axis("spectrum_end", 3, "0: most negative eigenvalue, 1: the next, 2: largest")},
         false,
         [flow](const State& s, double* out) {
           const SpectrumEnds ends = spectrum_ends(*flow, s.t, s.y);
           out[0] = ends.lowest;
           out[1] = ends.second_lowest;
           out[2] = ends.highest;
         }});
    for (Observable& observable : asymptotic_observables(theory_, problem_.phi.size()))
      all.push_back(std::move(observable));
    return all;
  }
  std::vector<Measurement> constants(const FlowSettings&) override {
    return single_index_constants(problem_, theory_());
  }
  std::vector<Measurement> measure(const FlowSettings&, const Trajectory& trajectory) override {
    return single_index_measurements(problem_, theory_(), trajectory);
  }

 private:
  SingleIndexProblem problem_;
  Vector initial_;
  SharedAsymptotics theory_;
};

std::unique_ptr<Model> make(Parameters& p, std::uint64_t seed) {
  if (p.has_file("initial")) {
    p.fix_size("width", initial_sets(p, 2, "an even number 2m: a, s"), "initial");
    p.unused("initial_second_layer", "initial");
    p.unused("dimension", "initial");
  }
  SingleIndexProblem problem = single_index_problem(p);
  const Index m = problem.width;
  Vector initial = Vector::Zero(2 * m);
  if (p.has_file("initial")) {
    initial = p.file_vector("initial");
    if (!(initial.tail(m).cwiseAbs().maxCoeff() <= 1))
      throw ParameterError("initial", "has alignments s outside of [-1, 1]");
  } else {
    initial.head(m) = initial_second_layer(p, m, initial_seed(p, seed));
    if (problem.dimension > 0)
      initial.tail(m) = initial_alignments(m, problem.dimension, initial_seed(p, seed));
  }
  return std::make_unique<MeanFieldModel>(std::move(problem), std::move(initial));
}

}  // namespace

MeanFieldFlow::MeanFieldFlow(SingleIndexProblem problem)
    : problem_(std::move(problem)),
      moments_(problem_.sigma.size()),
      g_(problem_.sigma.size()),
      dg_(problem_.sigma.size()) {
  for (packs::PowerSums* sums : {&sums_, &slope_sums_})
    sums->reset(problem_.sigma.size(), problem_.width);
}

void MeanFieldFlow::residual_coefficients(ConstVectorRef y) {
  const Index m = problem_.width;
  power_moments(y.head(m), y.tail(m), moments_);
  g_ = problem_.sigma.array() * (problem_.phi.array() - problem_.sigma.array() * moments_.array());
}

void MeanFieldFlow::rhs(double, ConstVectorRef y, VectorRef dydt) {
  const Index m = problem_.width;
  residual_coefficients(y);
  const double per_epsilon = 1 / problem_.epsilon;
  packs::for_each(m, [&](Index i, Index count, Index) {
    const Pack a = load(y.data() + i, count), s = load(y.data() + m + i, count);
    Pack p, d1;
    horner(g_, s, p, d1);
    store(per_epsilon * p, dydt.data() + i, count);
    store(a * (1 - s * s) * d1, dydt.data() + m + i, count);
  });
}

void MeanFieldFlow::jacobian_times(double, ConstVectorRef y, ConstVectorRef v, VectorRef out) {
  const Index m = problem_.width;
  residual_coefficients(y);
  sums_.clear();
  slope_sums_.clear();
  packs::for_each(m, [&](Index i, Index count, Index chunk) {
    const Pack s = load(y.data() + m + i, count);
    sums_.add(load(v.data() + i, count), s, chunk);
    slope_sums_.add(load(y.data() + i, count) * load(v.data() + m + i, count), s, chunk);
  });
  sums_.total(dg_);
  slope_sums_.total(moments_);
  for (Index k = 1; k < dg_.size(); ++k) dg_[k] += static_cast<double>(k) * moments_[k - 1];
  dg_.array() *= -problem_.sigma.array().square() / static_cast<double>(m);
  const double per_epsilon = 1 / problem_.epsilon;
  packs::for_each(m, [&](Index i, Index count, Index) {
    const Pack a = load(y.data() + i, count), s = load(y.data() + m + i, count);
    const Pack va = load(v.data() + i, count), vs = load(v.data() + m + i, count);
    Pack p, d1, half_d2, q, dq;
    horner(g_, s, p, d1, half_d2);
    horner(dg_, s, q, dq);
    store(per_epsilon * (d1 * vs + q), out.data() + i, count);
    store((1 - s * s) * (d1 * va + a * (2 * half_d2 * vs + dq)) - 2 * s * a * d1 * vs,
          out.data() + m + i, count);
  });
}

double MeanFieldFlow::energy(ConstVectorRef y) {
  const Index m = problem_.width;
  power_moments(y.head(m), y.tail(m), moments_);
  return 0.5 * static_cast<double>(m) *
         (problem_.phi.array() - problem_.sigma.array() * moments_.array()).square().sum();
}

void MeanFieldFlow::metric(ConstVectorRef y, VectorRef diagonal) {
  const Index m = problem_.width;
  diagonal.head(m).setConstant(problem_.epsilon);
  packs::for_each(m, [&](Index i, Index count, Index) {
    const Pack s = load(y.data() + m + i, count);
    store(1 / area_off_the_rim(s), diagonal.data() + m + i, count);
  });
}

double MeanFieldFlow::inner_product(ConstVectorRef y, ConstVectorRef u, ConstVectorRef v) {
  const Index m = problem_.width;
  parts_.setZero(packs::width, packs::chunks(m));
  packs::for_each(m, [&](Index i, Index count, Index chunk) {
    const Pack s = load(y.data() + m + i, count);
    const Pack of_a = load(u.data() + i, count) * load(v.data() + i, count);
    const Pack of_s = load(u.data() + m + i, count) * load(v.data() + m + i, count);
    double* part = parts_.col(chunk).data();
    (Pack::at(part) + (problem_.epsilon * of_a + of_s / area_off_the_rim(s))).write(part);
  });
  return parts_.sum();
}

std::vector<NewtonOffer> MeanFieldFlow::newton_offers() const {
  return {MeanFieldMatrix::offer_of(problem_), dense_newton_offer(dimension(), product_flops())};
}

double MeanFieldFlow::product_flops() const {
  return 16 * static_cast<double>(problem_.width) * static_cast<double>(problem_.sigma.size());
}

std::unique_ptr<NewtonMatrix> MeanFieldFlow::newton_matrix(LinearKind kind) {
  if (kind == LinearKind::structured) return std::make_unique<MeanFieldMatrix>(problem_);
  if (kind == LinearKind::dense) return make_dense_newton_matrix(*this, product_flops());
  return System::newton_matrix(kind);
}

std::string MeanFieldFlow::preferred_method() const {
  // At equal error the Rosenbrock method is twice as fast, and still ahead here
  // (docs/benchmarks.md, mean_field_1000_*). Below, the two are level at an error of 1e-5, and at
  // equal tolerance its steps grow as neurons switch within epsilon, those of BDF less.
  return problem_.epsilon >= 1e-8 ? "rodas" : "cvode";
}

ModelInfo single_index_mean_field() {
  std::vector<ParameterInfo> parameters = single_index_parameters(1000);
  parameters.push_back(file_parameter("initial", "(2m): a, s", "a(0), s(0)"));
  return {"single_index_mean_field",
          "wide two-layer network on a single-index target, in the limit of infinite dimension and "
          "width: learning in plateaus as epsilon falls",
          "epsilon a_i' = P(s_i),  s_i' = a_i (1 - s_i^2) P'(s_i),  P(s) = sum_k sigma_k (phi_k - "
          "sigma_k M_k) s^k,  M_k = (1/m) sum_j a_j s_j^k;  risk 1/2 sum_k (phi_k - sigma_k "
          "M_k)^2",
          "Berthier, Montanari, Zhou, arXiv 2303.00055",
          {"gradient"},
          std::move(parameters),
          make,
          single_index_numbers()};
}

}  // namespace gradflow
