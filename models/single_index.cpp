#include "models/single_index.hpp"

#include <algorithm>
#include <cmath>
#include <memory>

#include "models/formulas.hpp"
#include "models/initial_state.hpp"
#include "models/single_index_packs.hpp"
#include "numerics/hermite.hpp"
#include "numerics/random.hpp"
#include "numerics/types.hpp"

namespace gradflow {
namespace {

bool is_formula(const Parameters& p, const std::string& name) {
  const std::vector<std::string>& choices = p.find(name)->choices;
  return std::find(choices.begin(), choices.end(), p.text(name)) == choices.end();
}

/// Calls f(column) for the d columns of the directions' normal entries, a few at a time.
template <class F>
void for_direction_columns(Index width, Index dimension, std::uint64_t seed, F f) {
  RandomStream stream(seed, "directions");
  const Index at_once = std::clamp<Index>(4'000'000 / width, 1, dimension);
  Matrix block(width, at_once);
  for (Index start = 0; start < dimension; start += at_once) {
    const Index count = std::min(at_once, dimension - start);
    stream.fill_normal(block.leftCols(count));
    f(start, block.leftCols(count));
  }
}

}  // namespace

std::vector<ParameterInfo> single_index_parameters(std::int64_t default_width) {
  return {
      integer_parameter("width", default_width, "number m of neurons"),
      initial_seed_parameter(),
      positive_parameter("epsilon", 1e-4,
                         "ratio of the rates of the first and the second layer: epsilon a' = -m "
                         "dR/da"),
      activation_parameter(
          "target", "hermite",
          "the target phi: target_hermite, or a function by name or formula, cut at the degree of "
          "the series",
          {"hermite"}),
      list_parameter("target_hermite", std::vector<double>{1, -1, 0.6666666666666666},
                     "coefficients phi_k of the target, in the normalised basis He_k/sqrt(k!)"),
      activation_parameter("activation", "relu", "the activation sigma"),
      list_parameter("activation_hermite", std::nullopt,
                     "coefficients sigma_k of the activation, instead of model.activation"),
      integer_parameter("degree", 20,
                        "last degree K of the series of functions given by name or formula", 0,
                        400),
      law_parameter("initial_second_layer", "uniform_quantiles",
                    {"uniform", "gaussian", "rademacher", "constant", "uniform_quantiles",
                     "gaussian_quantiles", "rademacher_quantiles"},
                    true,
                    "law of a(0): on [-1, 1], N(0, 1), +-1, or 1; _quantiles: the quantile "
                    "function at (i + 1/2)/m, without a draw; u is uniform on (0, 1), z standard "
                    "normal, q = (i + 1/2)/m"),
      integer_parameter("dimension", 0,
                        "input dimension d of the random unit vectors u_i(0); 0: infinite, u_i "
                        "orthogonal to each other and to the target's direction",
                        0, 1e9),
  };
}

SingleIndexProblem single_index_problem(Parameters& p) {
  SingleIndexProblem problem;
  problem.width = static_cast<Index>(p.integer("width"));
  problem.epsilon = p.real("epsilon");
  problem.dimension = p.has("dimension") ? static_cast<Index>(p.integer("dimension")) : 0;
  const bool named_target = p.text("target") != "hermite";
  const bool listed_activation = p.has("activation_hermite");
  if (named_target) p.unused("target_hermite", "target");
  if (listed_activation) p.unused("activation", "activation_hermite");
  if (listed_activation && !named_target) p.unused("degree", "activation_hermite");

  Index size = p.has("degree") ? static_cast<Index>(p.integer("degree")) + 1 : 1;
  const auto list = [&](const char* name) {
    const std::vector<double>& values = p.reals(name);
    if (values.empty()) throw ParameterError(name, "is empty, expected at least one coefficient");
    size = std::max(size, static_cast<Index>(values.size()));
    return Vector(Eigen::Map<const Vector>(values.data(), static_cast<Index>(values.size())));
  };
  Vector phi, sigma;
  if (!named_target) phi = list("target_hermite");
  if (listed_activation) sigma = list("activation_hermite");
  const auto series = [&](const char* name, double& tail) -> Vector {
    const HermiteSeries found = hermite_series(activation_of(p.text(name)), size - 1);
    // exp(x^2/4) and what grows faster is of infinite norm.
    constexpr double most_beyond = 1e-8;
    if (!found.coefficients.allFinite() || !std::isfinite(found.tail) ||
        !(found.beyond <= most_beyond))
      throw ParameterError(name, "is \"" + p.text(name) +
                                     "\", which has no Hermite series that can be had: it grows "
                                     "faster than exp(x^2/8)");
    tail = found.tail;
    problem.quadrature_error = std::max(problem.quadrature_error, found.quadrature_error);
    if (!is_formula(p, name)) return found.coefficients;
    // What symmetry makes 0 is rounding in a quadrature: no feature that would be learnt in 1e17.
    return Vector((found.coefficients.array().abs() <= found.quadrature_error)
                      .select(0, found.coefficients.array()));
  };
  if (named_target) phi = series("target", problem.target_tail);
  if (!listed_activation) {
    sigma = series("activation", problem.activation_tail);
    problem.activation = activation_of(p.text("activation"));
  }
  problem.phi = Vector::Zero(size);
  problem.sigma = Vector::Zero(size);
  problem.phi.head(phi.size()) = phi;
  problem.sigma.head(sigma.size()) = sigma;
  return problem;
}

Vector initial_second_layer(const Parameters& p, Index width, std::uint64_t seed) {
  const std::string& law = p.text("initial_second_layer");
  Vector a(width);
  RandomStream stream(seed, "second layer");
  if (is_formula(p, "initial_second_layer")) {
    draw_by_formula(p, "initial_second_layer", stream, a);
    return a;
  }
  const double m = static_cast<double>(width);
  for (Index i = 0; i < width; ++i) {
    const double quantile = (static_cast<double>(i) + 0.5) / m;
    if (law == "uniform")
      a[i] = stream.uniform(-1, 1);
    else if (law == "gaussian")
      a[i] = stream.normal();
    else if (law == "rademacher")
      a[i] = stream.uniform() < 0.5 ? -1 : 1;
    else if (law == "constant")
      a[i] = 1;
    else if (law == "uniform_quantiles")
      a[i] = 2 * quantile - 1;
    else if (law == "gaussian_quantiles")
      a[i] = normal_quantile(quantile);
    else
      a[i] = quantile < 0.5 ? -1 : 1;
  }
  return a;
}

RowMatrix initial_directions(Index width, Index dimension, std::uint64_t seed) {
  RowMatrix directions(width, dimension);
  for_direction_columns(width, dimension, seed, [&](Index start, ConstMatrixRef columns) {
    directions.middleCols(start, columns.cols()) = columns;
  });
  for (Index i = 0; i < width; ++i) directions.row(i) /= directions.row(i).norm();
  return directions;
}

Vector initial_alignments(Index width, Index dimension, std::uint64_t seed) {
  Vector first(width), squares = Vector::Zero(width);
  for_direction_columns(width, dimension, seed, [&](Index start, ConstMatrixRef columns) {
    if (start == 0) first = columns.col(0);
    squares += columns.rowwise().squaredNorm();
  });
  return first.array() / squares.array().sqrt();
}

Matrix initial_overlaps(Index width, Index dimension, std::uint64_t seed, Vector& alignments) {
  Matrix gram = Matrix::Zero(width, width);
  for_direction_columns(width, dimension, seed, [&](Index start, ConstMatrixRef columns) {
    if (start == 0) alignments = columns.col(0);
    gram.noalias() += columns * columns.transpose();
  });
  const Vector norms = gram.diagonal().cwiseSqrt();
  alignments.array() /= norms.array();
  gram.array().colwise() /= norms.array();
  gram.array().rowwise() /= norms.array().transpose();
  gram.diagonal().setOnes();
  return gram;
}

void power_moments(ConstVectorRef a, ConstVectorRef s, VectorRef moments) {
  using namespace packs;
  const Index m = a.size(), size = moments.size();
  thread_local PowerSums own;  // no allocation in a right-hand side
  PowerSums& sums = own;       // this thread's, also where others add to it
  sums.reset(size, m);
  for_each(m, [&](Index i, Index count, Index chunk) {
    sums.add(load(a.data() + i, count), load(s.data() + i, count), chunk);
  });
  sums.total(moments);
  moments /= static_cast<double>(m);
}

void risk_components(const SingleIndexProblem& problem, ConstVectorRef moments, VectorRef out) {
  out = 0.5 * (problem.phi.array() - problem.sigma.array() * moments.array()).square();
}

void refuse_weight_decay(const FlowSettings& flow) {
  if (flow.weight_decay != 0)
    throw ParameterError("weight_decay", "does not go with the single-index models");
  if (!flow.learning_rates.empty())
    throw ParameterError("learning_rates",
                         "does not go with the single-index models; use "
                         "model.epsilon");
  if (!flow.weight_decays.empty())
    throw ParameterError("weight_decays", "does not go with the single-index models");
}

std::vector<Observable> single_index_observables(const SingleIndexProblem& problem,
                                                 std::function<NeuronView(const State&)> read) {
  const Index size = problem.phi.size(), m = problem.width;
  const auto moments = [read, size, cache = std::make_shared<OncePerSample<Vector>>()](
                           const State& s) -> const Vector& {
    return cache->at(s, [&](Vector& made) {
      const NeuronView view = read(s);
      made.resize(size);
      power_moments(view.a, view.s, made);
    });
  };
  const Axis degree = counting_axis("degree", size, "Hermite degree");
  const Axis neuron = counting_axis("neuron", m, "neuron");
  return {
      {"risk_component",
       "component (phi_k - sigma_k M_k)^2/2 of the risk",
       {degree},
       true,
       [problem, moments](const State& s, double* out) {
         Eigen::Map<Vector> components(out, problem.phi.size());
         risk_components(problem, moments(s), components);
       }},
      {"alignment",
       "moments M_k = (1/m) sum_i a_i s_i^k",
       {degree},
       true,
       [moments, size](const State& s, double* out) {
         Eigen::Map<Vector>(out, size) = moments(s);
       }},
      {"second_layer",
       "second layer a_i",
       {neuron},
       false,
       [read, m](const State& s, double* out) { Eigen::Map<Vector>(out, m) = read(s).a; }},
      {"neuron_alignment",
       "alignment s_i = <u_i, u*> of the neurons with the target",
       {neuron},
       false,
       [read, m](const State& s, double* out) { Eigen::Map<Vector>(out, m) = read(s).s; }},
  };
}

}  // namespace gradflow
