#include "solve/stationary_point.hpp"

#include <algorithm>
#include <limits>

#include "flow/newton_choice.hpp"
#include "solve/saddle.hpp"
#include "solve/stepper.hpp"

namespace gradflow {

Certificate certify(System& system, double t, ConstVectorRef y) {
  constexpr double slowest = 1e-8;
  Certificate found;
  Vector slope(y.size());
  system.rhs(t, y, slope);
  found.speed = slope.norm();
  found.distance = std::numeric_limits<double>::quiet_NaN();
  const GrowingMode mode = fastest_growing_mode(system, t, y);
  found.growth_rate = mode.rate;
  found.growing_amplitude = mode.amplitude;
  found.fastest_rate = mode.fastest;
  if (!(mode.fastest > 0)) return found;
  for (const LinearKind kind : direct_kinds(system, flops_of_some_seconds)) {
    const std::unique_ptr<NewtonMatrix> newton = system.newton_matrix(kind);
    const double gamma = 1 / (slowest * mode.fastest);
    newton->linearise(t, y);
    if (!newton->factorise(gamma)) continue;
    found.unstable_modes = newton->negative_eigenvalues();
    slope *= gamma;
    if (newton->solve(slope, 0)) found.distance = slope.norm() / std::max(y.norm(), 1e-300);
    break;
  }
  return found;
}

StationaryPoint flow_limit(System& system, const SolverSettings& settings, ConstVectorRef y0,
                           double speed, double longest, const std::function<bool()>& interrupted,
                           Checkpoints* checkpoints) {
  StationaryPoint point;
  Vector slope(y0.size());
  IntegrationControl control;
  control.times = {0, longest};
  control.sample = [](std::size_t, double, ConstVectorRef) {};
  control.interrupted = interrupted;
  control.checkpoints = checkpoints;
  control.stop = [&](double t, ConstVectorRef y) {
    system.rhs(t, y, slope);
    point.speed = slope.norm();
    return point.speed <= speed * std::max(1.0, y.norm());
  };
  point.outcome = integrate(system, settings, y0, control);
  point.y = point.outcome.final_state;
  point.t = point.outcome.t_end;
  point.converged = point.outcome.status == Status::ok && point.outcome.stopped_early;
  if (point.converged) point.certificate = certify(system, point.t, point.y);
  return point;
}

InterpolatingLimit interpolating_limit(System& descent, System& slow,
                                       const SolverSettings& settings, ConstVectorRef y0,
                                       double speed, const std::function<bool()>& interrupted,
                                       Checkpoints* checkpoints) {
  using Missing = InterpolatingLimit::Missing;
  const StationaryPoint point =
      flow_limit(descent, settings, y0, speed, 1e12, interrupted, checkpoints);
  if (point.outcome.status != Status::ok)
    throw SolverError(point.outcome.status, point.outcome.message, "");
  InterpolatingLimit limit;
  limit.y = point.y;
  limit.speed = point.speed;
  limit.t = point.t;
  if (!point.converged) {
    limit.missing = Missing::limit;
    limit.reason = "the flow without weight decay has not converged by t = 1e12";
    return limit;
  }
  limit.saddle = !point.certificate.stable();
  slow.correct(0, limit.y);
  if (!((limit.y - point.y).norm() <= 1e-3 * point.y.norm()) || !(slow.misfit(limit.y) < 1e-8)) {
    limit.missing = Missing::fit;
    limit.reason = "the limit of the flow without weight decay does not fit the data";
  }
  return limit;
}

}  // namespace gradflow
