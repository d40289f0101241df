#include "models/single_index_measurements.hpp"

#include <algorithm>
#include <cmath>

#include "numerics/plateaus.hpp"
#include "numerics/types.hpp"

namespace gradflow {
namespace {

const NumberInfo activation_tail{"activation_tail", "L2 norm of the activation beyond its series"};
const NumberInfo target_tail{"target_tail", "L2 norm of the named target beyond its series"};
const NumberInfo coefficient_error{"coefficient_error",
                                   "quadrature error of the coefficients; 0: closed form"};
const NumberInfo predicted_blow_up{
    "predicted_blow_up", "T* of the outer problem: t_2 ~ T* epsilon^(1/4) as epsilon goes to 0"};
const NumberInfo initial_spread{"initial_spread", "Var a(0), plus 1/(d epsilon) at finite d"};
const NumberInfo canonical_expected{
    "canonical_expected", "1 where the conditions of the canonical learning order hold, else 0"};
const NumberInfo canonical_degrees{
    "canonical_degrees",
    "number of leading degrees learnt in the canonical order: one by one, at the predicted levels "
    "and times"};

}  // namespace

std::vector<NumberInfo> single_index_numbers() {
  return {activation_tail, target_tail,        coefficient_error, predicted_blow_up,
          initial_spread,  canonical_expected, canonical_degrees};
}

std::vector<Measurement> single_index_constants(const SingleIndexProblem& problem,
                                                const SingleIndexAsymptotics& theory) {
  const Index size = problem.phi.size();
  const Axis degree = counting_axis("degree", size, "Hermite degree");
  const auto list = [](const Vector& v) { return std::vector<double>(v.begin(), v.end()); };
  Vector levels(size), times = Vector::Constant(size, nan);
  double level = 0;
  for (Index k = size - 1; k >= 0; --k) {
    level += 0.5 * problem.phi[k] * problem.phi[k];
    levels[k] = level;
  }
  const double predicted[] = {theory.t0(), theory.t1(), theory.t2()};
  for (Index k = 0; k < std::min<Index>(3, size); ++k) times[k] = predicted[k];
  return {
      {"target_coefficient",
       "Hermite coefficients phi_k of the target",
       {degree},
       list(problem.phi)},
      {"activation_coefficient",
       "Hermite coefficients sigma_k of the activation",
       {degree},
       list(problem.sigma)},
      measured(activation_tail, problem.activation_tail),
      measured(target_tail, problem.target_tail),
      measured(coefficient_error, problem.quadrature_error),
      {"predicted_plateau_level",
       "risk before component k is learnt, half the sum of phi_j^2, j >= k",
       {degree},
       list(levels)},
      {"predicted_component_time",
       "half time of component k in the small-epsilon theory (degrees 0, 1, 2)",
       {degree},
       list(times)},
      measured(predicted_blow_up, theory.blow_up()),
      measured(initial_spread, theory.spread()),
      measured(canonical_expected, theory.canonical() ? 1 : 0),
  };
}

std::vector<Measurement> single_index_measurements(const SingleIndexProblem& problem,
                                                   const SingleIndexAsymptotics& theory,
                                                   const Trajectory& trajectory) {
  std::vector<Measurement> all;
  const std::vector<double>& times = trajectory.times();
  const std::vector<double>* risk = trajectory.values("risk");
  const std::vector<double>* components = trajectory.values("risk_component");
  const Index size = problem.phi.size();
  const auto degrees = static_cast<std::size_t>(size);

  std::vector<double> half(degrees, nan);
  if (components != nullptr) {
    std::vector<double> column(times.size());
    for (std::size_t k = 0; k < degrees; ++k) {
      if (problem.phi[static_cast<Index>(k)] == 0) continue;  // nothing to learn
      for (std::size_t i = 0; i < times.size(); ++i) column[i] = (*components)[i * degrees + k];
      half[k] = half_time(times, column);
    }
    all.push_back({"component_time",
                   "first time at which component k of the risk is half of its initial value",
                   {counting_axis("degree", size, "Hermite degree")},
                   half});
  }
  if (risk == nullptr) return all;

  std::vector<Plateau> plateaus = find_plateaus(times, *risk);
  Index steps = 0;
  for (Index k = 0; k < size; ++k) steps += problem.phi[k] != 0;
  const auto slots = static_cast<std::size_t>(steps + 2);
  std::vector<double> start(slots, nan), end(slots, nan), level(slots, nan);
  for (std::size_t i = 0; i < std::min(slots, plateaus.size()); ++i) {
    start[i] = plateaus[i].start;
    end[i] = plateaus[i].end;
    level[i] = plateaus[i].level;
  }
  const Axis axis = counting_axis("plateau", static_cast<Index>(slots), "plateau");
  all.push_back({"plateau_start", "start of the plateaus of the risk", {axis}, start});
  all.push_back({"plateau_end", "end of the plateaus of the risk", {axis}, end});
  all.push_back({"plateau_level", "risk on the plateaus", {axis}, level});

  // How many degrees were learnt in the canonical way: one after the other, with a plateau at the
  // predicted level before each (closer to it than a quarter of the smaller of the two drops beside
  // it), and in time: t_1 within a factor of 2 of its prediction, t_2 - t_1 below 2 T*
  // epsilon^{1/4}.
  Index canonical = 0;
  double remaining = 0.5 * problem.phi.squaredNorm();
  for (std::size_t k = 0; k < degrees; ++k) {
    const auto index = static_cast<Index>(k);
    if (problem.phi[index] == 0 || !std::isfinite(half[k])) break;
    if (k > 0) {
      const double own = 0.5 * problem.phi[index] * problem.phi[index];
      const double last = 0.5 * problem.phi[index - 1] * problem.phi[index - 1];
      bool there = false;
      for (const Plateau& plateau : plateaus)
        there = there || (plateau.end > half[k - 1] && plateau.start < half[k] &&
                          std::abs(plateau.level - remaining) < 0.25 * std::min(own, last));
      if (!(half[k] > half[k - 1]) || !there) break;
    }
    if (k == 1 && !(std::abs(std::log(half[1] / theory.t1())) < std::log(2.0))) break;
    if (k == 2 && !(half[2] - half[1] < 2 * theory.blow_up() * std::pow(problem.epsilon, 0.25)))
      break;
    ++canonical;
    remaining -= 0.5 * problem.phi[index] * problem.phi[index];
  }
  all.push_back(measured(canonical_degrees, static_cast<double>(canonical)));
  return all;
}

}  // namespace gradflow
