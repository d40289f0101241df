#include "models/separable_classification.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <sstream>

#include "flow/linear_map.hpp"
#include "flow/max_margin.hpp"
#include "flow/mirror_flow.hpp"
#include "numerics/fit.hpp"
#include "numerics/random.hpp"

namespace gradflow {
namespace {

using std::numbers::ln10;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double settled_angle = 1e-3;

/// Angle between unit vectors, to full relative accuracy near 0.
double angle_between(ConstVectorRef a, ConstVectorRef b) {
  return 2 * std::asin(std::min(1.0, 0.5 * (a - b).norm()));
}

std::string number(double value, int digits = 3) {
  std::ostringstream out;
  out.precision(digits);
  out << value;
  return out.str();
}

std::vector<double> list(ConstVectorRef v) {
  return {v.begin(), v.end()};
}

/// What the numbers of a run are.
namespace numbers {
const NumberInfo predicted_support{"predicted_support",
                                   "number of support vectors of the maximum-margin problem"};
const NumberInfo predicted_margin{"predicted_margin", "largest margin under phi_inf <= 1"};
const NumberInfo margin_residual{"margin_residual",
                                 "defect of the maximum-margin problem's conditions"};
const NumberInfo horizon_defect{
    "horizon_defect",
    "relative difference of phi_inf to the limit of its formula by numbers, at a "
    "vector without zeros"};
const NumberInfo horizon_defect_error{"horizon_defect_error",
                                      "error of that limit, as extrapolated"};
const NumberInfo separable{"separable", "1 where the data are linearly separable"};
const NumberInfo unique{"unique", "1 where the maximum-margin problem has one solution"};
const NumberInfo theorem_applies{
    "theorem_applies",
    "1 where the assumptions of the theorem hold: separable data, coercive gradient, "
    "non-degenerate limit shape, unique maximum margin, phi'' > 0"};
const NumberInfo final_angle{"final_angle", "angle to the predicted direction at the end",
                             "radian"};
const NumberInfo settled_time{
    "settled_time",
    "time from which on the angle is at most 1e-3 rad (NaN: never), between samples "
    "by a power of log t"};
const NumberInfo settled_log10_time{"settled_log10_time", "log10 t at settled_time"};
const NumberInfo angle_exponent{"angle_exponent",
                                "slope of log angle against log log t in the last third"};
const NumberInfo angle_exponent_error{
    "angle_exponent_error", "the larger of its standard error and its change in the later half"};
const NumberInfo loss_exponent{"loss_exponent", "slope of log L against log t in the last half"};
const NumberInfo loss_exponent_error{
    "loss_exponent_error", "the larger of its standard error and its change in the later half"};
const NumberInfo extrapolation_error{
    "extrapolation_error",
    "angle between the extrapolations from the last and from earlier sizes of beta, or "
    "to the last direction where samples without weight have less margin in between",
    "radian"};
const NumberInfo extrapolated_angle{
    "extrapolated_angle", "angle of the extrapolated to the predicted direction", "radian"};
const NumberInfo measured_support{"measured_support",
                                  "samples with a share above 1e-3 of the largest at the end"};
const NumberInfo support_agrees{
    "support_agrees",
    "1 where these are the support vectors of the maximum-margin problem "
    "with multipliers above 1e-3 of the largest"};
}  // namespace numbers

struct Problem {
  std::shared_ptr<const Matrix> inputs;  ///< x_i, (n, d)
  Vector labels;
  std::shared_ptr<const Matrix> margins;  ///< y_i x_i
  MarginLossKind loss;
  SeparablePotential potential;
  Vector initial;  ///< beta(0)
};

class SeparableClassification final : public Model {
 public:
  explicit SeparableClassification(Problem problem)
      : problem_(std::move(problem)),
        horizon_(problem_.potential),
        n_(problem_.margins->rows()),
        d_(problem_.margins->cols()),
        real_(real_flow()),
        accelerated_(accelerated_flow()) {}

  Vector initial_state(const FlowSettings& flow) override {
    const Vector x = MirrorFlow::chart(problem_.potential, problem_.initial);
    if (!flow.accelerated) return x;
    Vector y = Vector::Zero(d_ + 2);
    y.head(d_) = x;
    return y;
  }

  std::unique_ptr<System> system(const FlowSettings& flow) override {
    if (flow.weight_decay > 0) throw ParameterError("weight_decay", "does not go with mirror flow");
    if (flow.accelerated) return std::make_unique<AcceleratedMirrorFlow>(accelerated_flow());
    return std::make_unique<MirrorFlow>(real_flow());
  }

  std::vector<Observable> observables(const FlowSettings& flow) override {
    accelerated_run_ = flow.accelerated;
    const Axis coordinate = counting_axis("coordinate", d_, "coordinate of beta");
    const Axis sample = counting_axis("training_sample", n_, "training sample");
    return {
        {"direction",
         "unit vector along beta (at beta = 0 along its velocity)",
         {coordinate},
         true,
         [this](const State& s, double* out) { Eigen::Map<Vector>(out, d_) = at(s).direction; }},
        {"angle",
         "angle between beta and the predicted direction",
         {},
         true,
         [this](const State& s, double* out) { *out = angle(at(s).direction); },
         "radian"},
        {"log10_time",
         "log10 of the time t",
         {},
         true,
         [this](const State& s, double* out) { *out = at(s).log_time / ln10; }},
        {"log10_loss",
         "log10 of the training loss L",
         {},
         true,
         [this](const State& s, double* out) { *out = at(s).log_loss / ln10; }},
        {"norm",
         "2-norm of beta",
         {},
         true,
         [this](const State& s, double* out) { *out = at(s).beta.stableNorm(); }},
        {"margin_ratio",
         "margin min_i y_i <x_i, beta>/phi_inf(beta) over the largest that is possible",
         {},
         true,
         [this](const State& s, double* out) {
           const Reading& r = at(s);
           *out =
               has_margin() ? r.margins.minCoeff() / horizon_(r.beta) * prediction().horizon : nan;
         }},
        {"weight",
         "share -l'(z_i)/L of each sample in the gradient",
         {sample},
         false,
         [this](const State& s, double* out) { Eigen::Map<Vector>(out, n_) = at(s).weights; }},
        {"margin",
         "margin y_i <x_i, beta> of each sample over the norm of beta",
         {sample},
         false,
         [this](const State& s, double* out) {
           const Reading& r = at(s);
           Eigen::Map<Vector>(out, n_) = r.margins / r.beta.stableNorm();
         }},
        {"effective_vector",
         "beta",
         {coordinate},
         false,
         [this](const State& s, double* out) { Eigen::Map<Vector>(out, d_) = at(s).beta; }},
    };
  }

  std::vector<Measurement> constants(const FlowSettings&) override {
    const MaxMargin& p = prediction();
    const Axis coordinate = counting_axis("coordinate", d_, "coordinate of beta");
    const Axis sample = counting_axis("training_sample", n_, "training sample");
    const Vector none = Vector::Constant(d_, nan);
    Vector multipliers = Vector::Constant(n_, nan);
    if (p.multipliers.size() == n_) multipliers = p.multipliers;
    Vector rowwise(n_ * d_);
    Eigen::Map<RowMatrix>(rowwise.data(), n_, d_) = *problem_.inputs;
    std::vector<double> horizons;
    for (Index i = 0; i < d_; ++i) horizons.push_back(horizon_(Vector::Unit(d_, i)));
    std::vector<Measurement> all{
        {"predicted_direction",
         "direction of the phi_inf-maximum margin; NaN where the data are not separable or it is "
         "not unique",
         {coordinate},
         list(has_direction() ? p.direction : none)},
        {"maximum_margin_solution",
         "a minimiser of phi_inf under margins of at least 1",
         {coordinate},
         list(p.separable ? p.solution : none)},
        {"solution_lowest",
         "least value of each coordinate over all minimisers",
         {coordinate},
         list(p.separable ? p.lowest : none)},
        {"solution_highest",
         "largest value of each coordinate over all minimisers",
         {coordinate},
         list(p.separable ? p.highest : none)},
        {"predicted_weight",
         "multipliers of the maximum-margin problem, with sum 1",
         {sample},
         list(multipliers)},
        measured(numbers::predicted_support,
                 p.separable ? static_cast<double>(p.support.size()) : nan),
        measured(numbers::predicted_margin, p.separable ? 1 / p.horizon : nan),
        measured(numbers::margin_residual, p.separable ? p.residual : nan),
        measured(numbers::horizon_defect, horizon_check().value),
        measured(numbers::horizon_defect_error, horizon_check().error),
        measured(numbers::separable, p.separable ? 1 : 0),
        measured(numbers::unique, p.unique ? 1 : 0),
        measured(numbers::theorem_applies, broken().empty() ? 1 : 0),
        {"horizon_of_unit", "phi_inf of each unit vector", {coordinate}, horizons},
        {"input", "inputs x_i", {sample, coordinate}, list(rowwise)},
        {"label", "labels y_i", {sample}, list(problem_.labels)},
    };
    if (d_ == 2) add_shapes(all);
    return all;
  }

  std::vector<Measurement> measure(const FlowSettings& flow, const Trajectory& run) override {
    accelerated_run_ = flow.accelerated;
    const Summary s = summarise(run);
    const Axis coordinate = counting_axis("coordinate", d_, "coordinate of beta");
    const Axis sample = counting_axis("training_sample", n_, "training sample");
    const Reading last = read(run.times().back(), run.final_state());
    std::vector<Measurement> all{
        measured(numbers::final_angle, s.final_angle),
        measured(numbers::settled_time, s.settled_time),
        measured(numbers::settled_log10_time, s.settled_log10_time),
        measured(numbers::angle_exponent, s.angle.slope),
        measured(numbers::angle_exponent_error, s.angle.slope_error),
        measured(numbers::loss_exponent, s.loss.slope),
        measured(numbers::loss_exponent_error, s.loss.slope_error),
        {"extrapolated_direction",
         "limit of the direction extrapolated in a power of 1/|beta|",
         {coordinate},
         list(s.extrapolated)},
        measured(numbers::extrapolation_error, s.extrapolation_error),
        measured(numbers::extrapolated_angle, has_direction() ? angle(s.extrapolated) : nan),
        {"final_weight",
         "share of each sample in the gradient at the end",
         {sample},
         list(last.weights)},
        measured(numbers::measured_support,
                 static_cast<double>(support(last.weights, 1e-3).size())),
    };
    if (prediction().separable)
      all.push_back(
          measured(numbers::support_agrees,
                   prediction().multipliers.size() == n_ &&
                           support(last.weights, 1e-3) == support(prediction().multipliers, 1e-3)
                       ? 1
                       : 0));
    return all;
  }

  RunNotes notes(const FlowSettings& flow, const Trajectory& run) override {
    accelerated_run_ = flow.accelerated;
    RunNotes notes;
    for (const std::string& reason : broken()) {
      notes.warnings |= assumption_broken;
      notes.messages.push_back(reason);
    }
    const bool ends = flow.accelerated && accelerated_.arithmetic_ends(run.final_state());
    const std::string where =
        flow.accelerated
            ? "log10(1+s) = " + number(run.times().back()) + " (log10 t = " +
                  number(read(run.times().back(), run.final_state()).log_time / ln10) + ")"
            : "t = " + number(run.times().back());
    if (ends)
      notes.messages.push_back("the arithmetic ends at " + where +
                               ", where beta leaves the range of doubles");
    if (!has_direction()) return notes;
    const Summary s = summarise(run);
    if (flow.until_settled && std::isfinite(s.settled_time))
      notes.messages.push_back("the direction has settled within " + number(settled_angle) +
                               " rad of its prediction at log10(1+s) = " + number(s.settled_time) +
                               " (log10 t = " + number(s.settled_log10_time) + ")");
    if (s.final_angle > settled_angle) {
      notes.warnings |= limit_not_reached;
      std::string text = "the limit is not reached: at " + where + " the direction is " +
                         number(s.final_angle) + " rad from its prediction";
      if (std::isfinite(s.extrapolation_error))
        text += "; extrapolated it is " + number(angle(s.extrapolated)) + " rad from it, +- " +
                number(s.extrapolation_error);
      notes.messages.push_back(text);
    }
    return notes;
  }

  std::function<bool(double, ConstVectorRef)> stop_condition(const FlowSettings& flow) override {
    if (!flow.accelerated) return nullptr;
    auto system = std::make_shared<AcceleratedMirrorFlow>(accelerated_flow());
    if (!flow.until_settled)
      return [system](double, ConstVectorRef y) { return system->arithmetic_ends(y); };
    if (!has_direction())
      // Without a limit to wait for: until the loss is at its least value, which is not 0.
      return
          [system, reading = AcceleratedMirrorFlow::Reading()](double, ConstVectorRef y) mutable {
            system->read(y, reading);
            return system->arithmetic_ends(y) || (y[y.size() - 1] > 1 && reading.decay < 1e-12);
          };
    // Settled: within the angle while log t has grown by a tenth, and headed there too. A path that
    // only passes by the prediction has it in beta, but not in what beta gains as |beta| doubles.
    struct Passed {
      std::vector<Vector> beta;
      std::vector<double> size;
      double since = nan;
    };
    return [this, system, passed = Passed(), reading = AcceleratedMirrorFlow::Reading()](
               double, ConstVectorRef y) mutable {
      if (system->arithmetic_ends(y)) return true;
      system->read(y, reading);
      passed.beta.push_back(reading.beta);
      passed.size.push_back(reading.beta.stableNorm());
      std::size_t half = passed.size.size() - 1;
      while (half > 0 && passed.size[half] > 0.5 * passed.size.back()) --half;
      const Vector gain = passed.beta.back() - passed.beta[half];
      if (angle(reading.beta.stableNormalized()) > settled_angle ||
          angle(gain.stableNormalized()) > settled_angle) {
        passed.since = nan;
        return false;
      }
      if (std::isnan(passed.since)) passed.since = std::max(1.0, reading.log_time);
      return reading.log_time >= 1.1 * passed.since;
    };
  }

  std::optional<double> default_end(const FlowSettings& flow) override {
    if (!flow.accelerated) return std::nullopt;
    if (!prediction().separable) return 16;
    // Variables that grow like log s have no end in practice; duals overflow at s = 1e290.
    const bool slow = std::all_of(
        horizon_.classes().begin(), horizon_.classes().end(),
        [](const GrowthClass& part) { return part.family == Growth::Family::exponential; });
    return slow ? 1e5 : 290;
  }

 private:
  struct Reading : AcceleratedMirrorFlow::Reading {
    Vector direction;
  };

  struct Summary {
    double final_angle = nan, settled_time = nan, settled_log10_time = nan;
    double extrapolation_error = nan;
    LineFit angle{nan, nan, nan, nan, nan, 0}, loss{nan, nan, nan, nan, nan, 0};
    Vector extrapolated;
  };

  /// In the plane: sublevel sets of phi at growing levels and their limit, all of unit size.
  void add_shapes(std::vector<Measurement>& all) const {
    constexpr Index directions = 241;
    Axis angle{"polar_angle", {}, "polar angle in the plane of beta", false};
    const Axis level{"level", {0, 1, 2, 4, 8, 16, 64, 256}, "log10 of the level of phi", true};
    std::vector<double> limit, sublevel;
    Matrix u(2, directions);
    for (Index k = 0; k < directions; ++k) {
      const double phi = 2 * std::numbers::pi * static_cast<double>(k) / (directions - 1);
      angle.coordinate.push_back(phi);
      u.col(k) << std::cos(phi), std::sin(phi);
      // Exactly on the axes, where a degenerate shape is not zero.
      if (k % ((directions - 1) / 4) == 0) u.col(k) = u.col(k).array().round();
      limit.push_back(1 / horizon_(u.col(k)));
    }
    const auto to_unit_size = [](std::vector<double>& radius, std::size_t first) {
      const double most =
          *std::max_element(radius.begin() + static_cast<long>(first), radius.end());
      for (std::size_t k = first; k < radius.size(); ++k) radius[k] /= most;
    };
    to_unit_size(limit, 0);
    for (const double c : level.coordinate) {
      const std::size_t first = sublevel.size();
      for (Index k = 0; k < directions; ++k)
        sublevel.push_back(level_radius(problem_.potential, u.col(k), c * ln10));
      to_unit_size(sublevel, first);
    }
    all.push_back({"limit_shape", "radius of {phi_inf <= 1}, scaled to unit size", {angle}, limit});
    all.push_back({"sublevel_shape",
                   "radius of {phi <= level}, scaled to unit size",
                   {level, angle},
                   sublevel});
  }

  MirrorFlow real_flow() const {
    return MirrorFlow(Loss(std::make_unique<LinearMap>(problem_.margins),
                           std::make_shared<MarginLoss>(problem_.loss)),
                      problem_.potential);
  }
  AcceleratedMirrorFlow accelerated_flow() const {
    return AcceleratedMirrorFlow(
        problem_.margins, problem_.loss, problem_.potential,
        log_margin_loss(problem_.loss, *problem_.margins * problem_.initial));
  }

  const MaxMargin& prediction() {
    if (!prediction_) prediction_ = solve_max_margin(*problem_.margins, horizon_);
    return *prediction_;
  }
  bool has_direction() {
    return prediction().separable && prediction().unique && prediction().converged;
  }
  bool has_margin() { return prediction().separable && !horizon_.degenerate(); }
  double angle(ConstVectorRef direction) {
    if (!has_direction() || !direction.allFinite()) return nan;
    return angle_between(direction, prediction().direction);
  }

  /// phi_inf of a vector against the formula's limit by numbers: relative difference, and its
  /// error.
  Extrapolated horizon_check() {
    if (!has_margin() || !prediction().converged) return {nan, nan};
    // Not at the solution itself, which may be zero in most coordinates.
    const Vector& solution = prediction().solution;
    const Vector b = solution.cwiseAbs().array() + solution.lpNorm<Eigen::Infinity>();
    const double closed = horizon_(b) / horizon_(Vector::Unit(d_, 0));
    const Extrapolated formula = numeric_horizon(problem_.potential, b);
    return {std::abs(formula.value / closed - 1), formula.error / closed};
  }

  /// What of the theorem's assumptions does not hold, and what the run gives all the same.
  std::vector<std::string> broken() {
    std::vector<std::string> all;
    const MaxMargin& p = prediction();
    if (!p.separable)
      all.push_back(
          "the data are not linearly separable: the loss has a positive infimum and there "
          "is no limit direction; loss, direction and shares of the samples are those of "
          "the flow to it");
    if (!horizon_.coercive_gradient())
      all.push_back(
          "the gradient of the potential is bounded (not coercive), which the theorem does "
          "not cover; the prediction is the maximum margin of its horizon function, " +
          horizon_.name());
    if (!std::all_of(problem_.potential.begin(), problem_.potential.end(),
                     [](const auto& phi) { return phi->smooth(); }))
      all.push_back(
          "phi'' is zero or infinite at 0, where the theorem assumes it positive; the prediction "
          "is "
          "made as if it were");
    const Extrapolated check = horizon_check();
    if (check.value > 1e-2 + 10 * check.error)
      all.push_back("phi_inf as read off the potential's growth, " + horizon_.name() +
                    ", differs by " + number(check.value) +
                    " from the limit of its formula, so that the prediction is doubtful");
    if (horizon_.degenerate())
      all.push_back(
          "the potentials grow differently, so that the limit of their sublevel sets is "
          "degenerate (" +
          horizon_.name() +
          "), which the theorem does not cover; the "
          "prediction is the limit of argmin phi at growing margin");
    if (p.separable && !p.converged)
      all.push_back("the maximum-margin problem was not solved to rounding (defect " +
                    number(p.residual) + "), so that there is no prediction");
    else if (p.separable && !p.unique)
      all.push_back(
          "the maximum-margin problem has more than one solution, so that the theorem "
          "predicts no direction; the margin ratio tends to 1 all the same, and "
          "solution_lowest and solution_highest bound the solutions");
    return all;
  }

  Reading read(double t, ConstVectorRef y) {
    Reading r;
    if (accelerated_run_) {
      accelerated_.read(y, r);
    } else {
      r.beta.resize(d_);
      r.weights.resize(n_);
      real_.primal(y, r.beta);
      r.margins = *problem_.margins * r.beta;
      r.log_loss = margin_weights(problem_.loss, r.margins, r.weights);
      r.log_time = std::log(t);
      // d beta/dt up to a factor, for the direction at beta = 0.
      r.velocity = problem_.margins->transpose() * r.weights;
      for (Index i = 0; i < d_; ++i) {
        const ChartPoint point = problem_.potential[static_cast<std::size_t>(i)]->at(y[i]);
        r.velocity[i] *= point.slope * std::exp(point.log_mobility);
      }
    }
    r.direction = (r.beta.isZero(0) ? r.velocity : r.beta).stableNormalized();
    return r;
  }

  const Reading& at(const State& s) {
    if (!filled_ || serial_ != s.serial) {
      reading_ = read(s.t, s.y);
      serial_ = s.serial;
      filled_ = true;
    }
    return reading_;
  }

  static std::vector<Index> support(ConstVectorRef weights, double share) {
    std::vector<Index> all;
    for (Index i = 0; i < weights.size(); ++i)
      if (weights[i] > share * weights.maxCoeff()) all.push_back(i);
    return all;
  }

  Summary summarise(const Trajectory& run) {
    Summary out;
    const std::vector<double>&time = run.times(), &angles = *run.values("angle"),
          &log_time = *run.values("log10_time"), &log_loss = *run.values("log10_loss"),
          &norm = *run.values("norm"), &direction = *run.values("direction");
    const std::size_t count = time.size();
    out.final_angle = angles.back();
    settle(time, angles, log_time, out);
    // log angle against log log t; below the resolution of tied margins there is nothing to fit.
    const double floor =
        prediction().support.size() > 1 ? 100 * AcceleratedMirrorFlow::softness : 0;
    std::vector<double> x, y;
    const double last = std::log(log_time.back() * ln10);
    for (std::size_t k = 0; k < count; ++k)
      if (log_time[k] * ln10 > std::exp(1.0) && angles[k] > floor &&
          std::log(log_time[k] * ln10) > last - (last - 1) / 3) {
        x.push_back(std::log(log_time[k] * ln10));
        y.push_back(std::log(angles[k]));
      }
    // In units of the last values, whose squares may overflow. The points have no noise but a trend
    // of their own: the slope changes by more than its standard error from all of them to their
    // later half.
    const auto fit = [](std::vector<double>& a, std::vector<double>& b, LineFit& line) {
      if (a.size() < 10) return;
      const double unit_a = a.back(), unit_b = b.back();
      for (double& value : a) value /= unit_a;
      for (double& value : b) value /= unit_b;
      const auto from = [&](std::size_t first) {
        const auto points = static_cast<Index>(a.size() - first);
        return fit_line(Eigen::Map<const Vector>(a.data() + first, points),
                        Eigen::Map<const Vector>(b.data() + first, points));
      };
      line = from(0);
      line.slope_error =
          std::max(line.slope_error, std::abs(from(a.size() / 2).slope - line.slope));
      line.slope *= unit_b / unit_a;
      line.slope_error *= std::abs(unit_b / unit_a);
    };
    fit(x, y, out.angle);
    x.clear();
    y.clear();
    // The last half of log t, and at least twenty samples where log t itself grows like exp s.
    for (std::size_t k = 0; k < count; ++k)
      if (log_time[k] > 0 && (log_time[k] > 0.5 * log_time.back() || k + 20 >= count)) {
        x.push_back(log_time[k]);
        y.push_back(log_loss[k]);
      }
    fit(x, y, out.loss);
    extrapolate(norm, direction, read(time.back(), run.final_state()), out);
    return out;
  }

  /// Where the angle passes 1e-3 for the last time, as a power of log t between samples.
  void settle(const std::vector<double>& time, const std::vector<double>& angles,
              const std::vector<double>& log_time, Summary& out) const {
    std::size_t k = angles.size();
    while (k > 0 && angles[k - 1] <= settled_angle) --k;
    if (k == angles.size()) return;
    out.settled_time = time[k];
    out.settled_log10_time = log_time[k];
    if (k == 0 || !(log_time[k - 1] > 0) || !(angles[k] > 0)) return;
    const double share =
        std::log(angles[k - 1] / settled_angle) / std::log(angles[k - 1] / angles[k]);
    out.settled_log10_time = log_time[k - 1] * std::pow(log_time[k] / log_time[k - 1], share);
    out.settled_time = accelerated_run_ ? time[k - 1] + share * (time[k] - time[k - 1])
                                        : std::pow(10.0, out.settled_log10_time);
  }

  /// The limit of the direction from its values at sizes |beta|, |beta|/F, ... of the run.
  void extrapolate(const std::vector<double>& norm, const std::vector<double>& direction,
                   const Reading& reading, Summary& out) const {
    extrapolate(norm, direction, out);
    if (!out.extrapolated.allFinite()) return;
    // Points that share the gradient have equal margins in the limit: where they differ in the
    // extrapolated direction, some are on their way out.
    const Vector margins = *problem_.margins * out.extrapolated;
    double least = std::numeric_limits<double>::infinity(), most = -least;
    Index tied = -1;
    for (const Index i : support(reading.weights, 1e-3)) {
      least = std::min(least, margins[i]);
      most = std::max(most, margins[i]);
      if (reading.weights[i] > 1e-2 * reading.weights.maxCoeff() &&
          (tied < 0 || margins[i] < margins[tied]))
        tied = i;
    }
    if (!(least > 0)) {
      out.extrapolated.setConstant(nan);  // no direction that separates
      out.extrapolation_error = nan;
      return;
    }
    const double resolution = std::max(1e-12, out.extrapolation_error);
    out.extrapolation_error =
        std::max(out.extrapolation_error, std::min(std::numbers::pi, (most - least) / least));
    // The path bends ahead where a point without weight has the least margin in that direction, by
    // more than its error explains.
    for (Index i = 0; i < n_; ++i)
      if (margins[i] <
          margins[tied] -
              resolution * (problem_.margins->row(i) - problem_.margins->row(tied)).norm())
        out.extrapolation_error =
            std::max(out.extrapolation_error, angle_between(out.extrapolated, reading.direction));
  }

  void extrapolate(const std::vector<double>& norm, const std::vector<double>& direction,
                   Summary& out) const {
    out.extrapolated = Vector::Constant(d_, nan);
    const std::size_t count = norm.size();
    const auto below = [&](double size) {
      std::size_t k = count - 1;
      while (k > 0 && norm[k] > size) --k;
      return k;
    };
    const auto unit = [&](std::size_t k) {
      return Vector(Eigen::Map<const Vector>(direction.data() + static_cast<Index>(k) * d_, d_));
    };
    const double size = norm.back();
    const std::size_t last = count - 1, half = below(size / 2), quarter = below(norm[half] / 2);
    if (quarter == 0 || !(size > 4) || !std::isfinite(size)) return;
    const Vector step = unit(last) - unit(half), before = unit(half) - unit(quarter);
    const double ratio = before.squaredNorm() > 0 ? step.dot(before) / before.squaredNorm() : 0;
    // beta = a u + b, u -> infinity (potentials that grow like powers or faster): the direction is
    // off by order 1/|beta|, and differences of beta lose b.
    if (ratio < 0.7) {
      const auto beta = [&](std::size_t k) { return Vector(norm[k] / size * unit(k)); };
      out.extrapolated = (beta(last) - beta(half)).stableNormalized();
      out.extrapolation_error =
          angle_between(out.extrapolated, (beta(half) - beta(quarter)).stableNormalized());
      return;
    }
    // A smaller power of |beta| (entropies): Aitken's process on directions at sizes between which
    // the error halves.
    const double factor =
        std::exp2(std::min(-1 / std::log2(std::min(ratio, 0.999)), 0.2 * std::log2(size)));
    std::size_t index[4] = {last, 0, 0, 0};
    for (int k = 1; k < 4; ++k) index[k] = below(norm[index[k - 1]] / factor);
    if (index[3] == 0) return;
    const auto aitken = [&](std::size_t a, std::size_t b, std::size_t c) {
      const Vector new_step = unit(a) - unit(b), old_step = unit(b) - unit(c);
      // The sizes of samples are not quite in the ratio asked for.
      const double shrink = std::clamp(new_step.norm() / old_step.norm(), 0.0, 0.95);
      return Vector((unit(a) + shrink / (1 - shrink) * new_step).normalized());
    };
    out.extrapolated = aitken(index[0], index[1], index[2]);
    out.extrapolation_error = angle_between(out.extrapolated, aitken(index[1], index[2], index[3]));
  }

  Problem problem_;
  Horizon horizon_;
  Index n_, d_;
  MirrorFlow real_;
  AcceleratedMirrorFlow accelerated_;
  std::optional<MaxMargin> prediction_;
  bool accelerated_run_ = true;
  Reading reading_;
  std::uint64_t serial_ = 0;
  bool filled_ = false;
};

using PotentialPointer = std::shared_ptr<const Potential>;

/// The potentials that a config can name. A new one is a line here.
const std::vector<std::pair<std::string, PotentialPointer (*)(Parameters&)>>& potentials() {
  static const std::vector<std::pair<std::string, PotentialPointer (*)(Parameters&)>> all{
      {"squared_norm", [](Parameters&) { return squared_norm_potential(); }},
      {"p_norm", [](Parameters& p) { return power_potential(p.real("p")); }},
      {"cosh", [](Parameters&) { return cosh_potential(); }},
      {"hyperbolic_entropy", [](Parameters&) { return hyperbolic_entropy_potential(); }},
      {"deep_diagonal",
       [](Parameters& p) { return deep_diagonal_potential(static_cast<int>(p.integer("depth"))); }},
  };
  return all;
}

PotentialPointer make_potential(Parameters& p, const std::string& name) {
  const auto found = std::find_if(potentials().begin(), potentials().end(),
                                  [&](const auto& entry) { return entry.first == name; });
  return found->second(p);
}

std::unique_ptr<Model> make(Parameters& p, std::uint64_t seed) {
  if (p.has_file("inputs")) {
    p.fix_size("samples", p.file("inputs").rows(), "inputs");
    p.fix_size("dimension", p.file("inputs").cols(), "inputs");
  } else if (p.has_file("labels")) {
    throw ParameterError("labels", "needs model.inputs");
  } else if (p.has_file("initial")) {
    p.fix_size("dimension", p.file_vector("initial").size(), "initial");
  }
  const Index n = p.integer("samples"), d = p.integer("dimension");

  Problem problem;
  auto inputs = std::make_shared<Matrix>(n, d);
  problem.labels.resize(n);
  if (p.has_file("inputs")) {
    if (!p.has_file("labels")) throw ParameterError("labels", "is missing beside model.inputs");
    *inputs = p.file("inputs");
    problem.labels = p.file_vector("labels");
    if (problem.labels.size() != n)
      throw ParameterError("labels", "has " + std::to_string(problem.labels.size()) +
                                         " entries, but there are " + std::to_string(n) +
                                         " samples");
    for (const double y : problem.labels)
      if (y != 1 && y != -1)
        throw ParameterError("labels", "has " + number(y, 6) + ", expected 1 or -1");
    p.unused("separation", "inputs");
  } else {
    RandomStream data(seed, "data"), teacher_stream(seed, "teacher");
    Vector teacher(d);
    teacher_stream.fill_normal(teacher);
    teacher.normalize();
    data.fill_normal(*inputs);
    for (Index i = 0; i < n; ++i) {
      problem.labels[i] = inputs->row(i).dot(teacher) < 0 ? -1 : 1;
      inputs->row(i) += problem.labels[i] * p.real("separation") * teacher.transpose();
    }
  }
  problem.inputs = inputs;
  problem.margins = std::make_shared<Matrix>(problem.labels.asDiagonal() * *inputs);
  problem.loss =
      p.text("loss") == "exponential" ? MarginLossKind::exponential : MarginLossKind::logistic;

  const std::vector<std::string>& names = p.texts("potential");
  const std::vector<double>& scales = p.reals("scale");
  const auto fits = [&](std::size_t size) { return size == 1 || static_cast<Index>(size) == d; };
  for (const auto& [parameter, size] :
       {std::pair{"potential", names.size()}, std::pair{"scale", scales.size()}})
    if (!fits(size))
      throw ParameterError(parameter, "has " + std::to_string(size) +
                                          " entries, expected one, or one for each of " +
                                          std::to_string(d) + " coordinates");
  const auto used = [&](const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  if (used("p_norm") && !p.has("p"))
    throw ParameterError("p", "is missing, expected a number > 1: the exponent of \"p_norm\"");
  if (!used("p_norm")) p.unused("p", "potential");
  for (Index i = 0; i < d; ++i) {
    const auto k = static_cast<std::size_t>(i);
    problem.potential.push_back(scaled(make_potential(p, names[names.size() == 1 ? 0 : k]),
                                       scales[scales.size() == 1 ? 0 : k]));
  }
  if (!used("deep_diagonal")) p.unused("depth", "potential");

  problem.initial = Vector::Zero(d);
  if (p.has_file("initial")) {
    problem.initial = p.file_vector("initial");
    if (problem.initial.size() != d)
      throw ParameterError("initial", "has " + std::to_string(problem.initial.size()) +
                                          " entries, expected dimension = " + std::to_string(d));
  }
  // Slightly off where the inverse gradient is not Lipschitz at 0, towards where the flow goes.
  Vector weights(n);
  margin_weights(problem.loss, *problem.margins * problem.initial, weights);
  const Vector towards = problem.margins->transpose() * weights;
  for (Index i = 0; i < d; ++i) {
    const double least = problem.potential[static_cast<std::size_t>(i)]->least_start();
    if (std::abs(problem.initial[i]) < least) problem.initial[i] = towards[i] < 0 ? -least : least;
  }
  return std::make_unique<SeparableClassification>(std::move(problem));
}

}  // namespace

ModelInfo separable_classification() {
  ParameterInfo potential;
  potential.name = "potential";
  potential.type = ParameterType::text_or_list;
  potential.default_value = std::vector<std::string>{"squared_norm"};
  for (const auto& [name, factory] : potentials()) potential.choices.push_back(name);
  potential.meaning =
      "phi = sum of b^2, |b|^p, cosh b - 1, b arcsinh b - sqrt(b^2 + 1) + 1, or that of a diagonal "
      "network of model.depth layers; a list gives one for each coordinate";
  ParameterInfo p = real_parameter("p", std::nullopt, "exponent of \"p_norm\"");
  p.minimum = 1;
  p.minimum_excluded = true;
  ParameterInfo scale = list_parameter(
      "scale", std::vector<double>{1.0},
      "c in c phi(b/c): one, or one for each coordinate; the hyperbolic entropy of a diagonal "
      "network u^2 - v^2 has c = 2 |u v|");
  scale.minimum = 0;
  scale.minimum_excluded = true;
  return {"separable_classification",
          "mirror flow of exponential-tailed losses on separable data: the direction at infinity",
          "d grad phi(beta) = -grad L(beta) dt,  L(beta) = sum_i l(y_i <x_i, beta>),  l(z) = "
          "exp(-z) or "
          "log(1 + exp(-z))",
          "Pesme, Dragomir, Flammarion, arXiv 2406.12763",
          {"mirror"},
          {
              std::move(potential),
              std::move(p),
              std::move(scale),
              integer_parameter("depth", 3,
                                "layers D of \"deep_diagonal\", whose gradient is bounded", 3, 100),
              choice_parameter("loss", "exponential", {"exponential", "logistic"},
                               "l(z) = exp(-z) or log(1 + exp(-z))"),
              integer_parameter("samples", 80, "number of training samples n"),
              integer_parameter("dimension", 2, "dimension d of the inputs"),
              nonnegative_parameter(
                  "separation", 0.5,
                  "random data are Gaussian, labelled by a random hyperplane and moved "
                  "away from it by this"),
              file_parameter("inputs", "(n, d)", "inputs x"),
              file_parameter("labels", "(n)", "labels y, 1 or -1"),
              file_parameter("initial", "(d)",
                             "beta(0), or the folder of an earlier result; 0 without "
                             "it (1e-6 for p-norms with p > 2, whose inverse gradient "
                             "is not Lipschitz at 0)"),
          },
          make,
          {numbers::predicted_support, numbers::predicted_margin, numbers::margin_residual,
           numbers::horizon_defect, numbers::horizon_defect_error, numbers::separable,
           numbers::unique, numbers::theorem_applies, numbers::final_angle, numbers::settled_time,
           numbers::settled_log10_time, numbers::angle_exponent, numbers::angle_exponent_error,
           numbers::loss_exponent, numbers::loss_exponent_error, numbers::extrapolation_error,
           numbers::extrapolated_angle, numbers::measured_support, numbers::support_agrees}};
}

}  // namespace gradflow
