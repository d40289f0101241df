#include "measure/two_phases.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "flow/warning.hpp"
#include "numerics/types.hpp"
#include "solve/stationary_point.hpp"
#include "solve/stepper.hpp"

namespace gradflow {
namespace {

std::vector<double> geometric(double from, double to, int count) {
  std::vector<double> times;
  for (int k = 0; k < count; ++k)
    times.push_back(k + 1 == count ? to : from * std::pow(to / from, k / (count - 1.0)));
  return times;
}

std::vector<double> distances(const Matrix& a, const Matrix& b) {
  std::vector<double> out;
  for (Index i = 0; i < a.cols(); ++i) out.push_back((a.col(i) - b.col(i)).norm());
  return out;
}

double largest(const std::vector<double>& values) {
  double top = 0;
  for (const double v : values)
    if (std::isnan(v))
      return nan;
    else
      top = std::max(top, v);
  return top;
}

/// w^GF at the given times: integrated to where it has converged, Phi(w0) beyond.
Matrix gradient_flow_at(System& flow, const SolverSettings& settings, ConstVectorRef y0,
                        const PhaseReference& reference, const std::vector<double>& times,
                        const RunsControl& runs, const std::string& name) {
  std::vector<double> before;
  for (const double t : times)
    if (t < reference.limit_time) before.push_back(t);
  Matrix states(y0.size(), static_cast<Index>(times.size()));
  if (!before.empty())
    states.leftCols(static_cast<Index>(before.size())) =
        states_at(flow, settings, y0, before, runs, name);
  for (std::size_t i = before.size(); i < times.size(); ++i)
    states.col(static_cast<Index>(i)) = reference.limit;
  return states;
}

}  // namespace

std::vector<double> PhaseWindows::fast_times() const {
  return geometric(1e-3 * std::min(1.0, fast_end), fast_end, 60);
}

std::vector<double> PhaseWindows::slow_times() const {
  return geometric(slow_from, slow_to, 60);
}

Matrix states_at(System& system, const SolverSettings& settings, ConstVectorRef y0,
                 const std::vector<double>& times, const RunsControl& runs,
                 const std::string& name) {
  Matrix states = Matrix::Constant(y0.size(), static_cast<Index>(times.size()), nan);
  IntegrationControl control;
  const bool with_start = times.front() > 0;
  if (with_start) control.times = {0.0};
  std::copy(times.begin(), times.end(), std::back_inserter(control.times));
  control.sample = [&](std::size_t index, double t, ConstVectorRef y) {
    if (t != control.times[index]) return;  // an early end
    const Index column = static_cast<Index>(index) - (with_start ? 1 : 0);
    if (column >= 0) states.col(column) = y;
  };
  control.interrupted = runs.interrupted;
  if (runs.checkpoints) control.checkpoints = runs.checkpoints(name);
  control.recorded = [&](Archive& archive, std::size_t next) {
    const Index count = static_cast<Index>(next) - (with_start ? 1 : 0);
    Matrix first = states.leftCols(count);
    archive("states", first);
    if (archive.reading() && first.rows() == states.rows() && first.cols() == count)
      states.leftCols(count) = first;
    else if (archive.reading())
      throw ArchiveError("\"states\" has not the shape that it should have");
  };
  const Outcome outcome = integrate(system, settings, y0, control);
  if (outcome.status != Status::ok) throw SolverError(outcome.status, outcome.message, "");
  return states;
}

PhaseReference phase_reference(System& gradient_flow, System& riemannian, ConstVectorRef y0,
                               const SolverSettings& settings, const PhaseWindows& windows,
                               const RunsControl& runs) {
  PhaseReference reference;
  const InterpolatingLimit limit =
      interpolating_limit(gradient_flow, riemannian, settings, y0, 1e-11, runs.interrupted,
                          runs.checkpoints ? runs.checkpoints("limit") : nullptr);
  reference.limit = limit.y;
  using Missing = InterpolatingLimit::Missing;
  if (limit.missing != Missing::nothing) {
    reference.missing = limit.reason;
    reference.warning = limit.missing == Missing::limit ? limit_not_reached : assumption_broken;
    return reference;
  }
  reference.limit_speed = limit.speed;
  reference.limit_time = limit.t;
  reference.fast_times = windows.fast_times();
  reference.fast_states =
      gradient_flow_at(gradient_flow, settings, y0, reference, reference.fast_times, runs, "fast");
  reference.slow_times = windows.slow_times();
  reference.slow_states =
      states_at(riemannian, settings, reference.limit, reference.slow_times, runs, "slow");
  return reference;
}

TwoPhaseErrors two_phase_errors(System& decayed, System& gradient_flow, System& riemannian,
                                ConstVectorRef y0, double lambda, const PhaseReference& reference,
                                const PhaseWindows& windows, const SolverSettings& settings,
                                const RunsControl& runs) {
  TwoPhaseErrors errors;
  const Index nf = static_cast<Index>(reference.fast_times.size());
  std::vector<double> slow = reference.slow_times;
  for (double& t : slow) t /= lambda;
  const std::vector<double> all = geometric(1e-3, windows.slow_to / lambda, 200);

  std::vector<double> times = reference.fast_times;
  std::copy(slow.begin(), slow.end(), std::back_inserter(times));
  std::copy(all.begin(), all.end(), std::back_inserter(times));
  std::sort(times.begin(), times.end());
  times.erase(std::unique(times.begin(), times.end()), times.end());
  const Matrix states = states_at(decayed, settings, y0, times, runs, "decayed");
  const auto at = [&](const std::vector<double>& wanted) {
    Matrix out(y0.size(), static_cast<Index>(wanted.size()));
    for (std::size_t i = 0; i < wanted.size(); ++i)
      out.col(static_cast<Index>(i)) =
          states.col(std::lower_bound(times.begin(), times.end(), wanted[i]) - times.begin());
    return out;
  };
  errors.fast_distance = distances(at(reference.fast_times), reference.fast_states.leftCols(nf));
  errors.slow_distance = distances(at(slow), reference.slow_states);
  errors.fast = largest(errors.fast_distance);
  errors.slow = largest(errors.slow_distance);

  std::vector<double> tau = all;
  for (double& t : tau) t *= lambda;
  const Matrix outer = states_at(riemannian, settings, reference.limit, tau, runs, "outer");
  const Matrix inner = gradient_flow_at(gradient_flow, settings, y0, reference, all, runs, "inner");
  const Matrix composite = (outer + inner).colwise() - reference.limit;
  errors.composite = largest(distances(at(all), composite));
  return errors;
}

}  // namespace gradflow
