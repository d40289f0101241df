#include "solve/stationary_point.hpp"

#include <algorithm>

#include "solve/stepper.hpp"

namespace gradflow {

StationaryPoint flow_limit(System& system, const SolverSettings& settings, ConstVectorRef y0,
                           double speed, double longest,
                           const std::function<bool()>& interrupted) {
  StationaryPoint point;
  Vector slope(y0.size());
  const SolverSettings used = tightened(settings, y0);
  const std::unique_ptr<Stepper> stepper = make_stepper(system, used);
  IntegrationControl control;
  control.times = {0, longest};
  control.sample = [](std::size_t, double, ConstVectorRef) {};
  control.interrupted = interrupted;
  control.stop = [&](double t, ConstVectorRef y) {
    system.rhs(t, y, slope);
    point.speed = slope.norm();
    return point.speed <= speed * std::max(1.0, y.norm());
  };
  point.outcome = integrate(system, *stepper, used, y0, control);
  point.y = point.outcome.final_state;
  point.t = point.outcome.t_end;
  point.converged = point.outcome.status == Status::ok && point.outcome.stopped_early;
  return point;
}

}  // namespace gradflow
