#include "models/separable_classification.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "flow/linear_map.hpp"
#include "flow/mirror_flow.hpp"
#include "models/direction_run.hpp"
#include "models/separable_numbers.hpp"
#include "models/separable_prediction.hpp"
#include "models/separable_problem.hpp"
#include "models/separable_stops.hpp"
#include "numerics/short_number.hpp"
#include "numerics/types.hpp"

namespace gradflow {
namespace {

using std::numbers::ln10;

std::vector<double> list(ConstVectorRef v) {
  return {v.begin(), v.end()};
}

class SeparableClassification final : public Model {
 public:
  explicit SeparableClassification(SeparableProblem problem)
      : problem_(std::move(problem)),
        prediction_(problem_),
        n_(problem_.margins->rows()),
        d_(problem_.margins->cols()),
        real_(real_flow()),
        accelerated_(accelerated_flow()) {}

  Vector initial_state(const FlowSettings& flow) override {
    Vector x = MirrorFlow::chart(problem_.potential, problem_.initial);
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
           *out = prediction_.has_margin()
                      ? r.margins.minCoeff() / prediction_.horizon()(r.beta) * prediction().horizon
                      : nan;
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
    for (Index i = 0; i < d_; ++i) horizons.push_back(prediction_.horizon()(Vector::Unit(d_, i)));
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
        measured(numbers::horizon_defect, prediction_.horizon_check().value),
        measured(numbers::horizon_defect_error, prediction_.horizon_check().error),
        measured(numbers::separable, p.separable ? 1 : 0),
        measured(numbers::unique, p.unique ? 1 : 0),
        measured(numbers::theorem_applies, prediction_.broken().empty() ? 1 : 0),
        {"horizon_of_unit", "phi_inf of each unit vector", {coordinate}, horizons},
        {"input", "inputs x_i", {sample, coordinate}, list(rowwise)},
        {"label", "labels y_i", {sample}, list(problem_.labels)},
    };
    if (d_ == 2)
      for (Measurement& shape : shapes_in_plane(problem_.potential, prediction_.horizon()))
        all.push_back(std::move(shape));
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
        measured(numbers::settled_time, s.settled.time),
        measured(numbers::settled_log10_time, s.settled.log10_time),
        measured(numbers::angle_exponent, s.angle.slope),
        measured(numbers::angle_exponent_error, s.angle.slope_error),
        measured(numbers::loss_exponent, s.loss.slope),
        measured(numbers::loss_exponent_error, s.loss.slope_error),
        {"extrapolated_direction",
         "limit of the direction extrapolated in a power of 1/|beta|",
         {coordinate},
         list(s.extrapolated.direction)},
        measured(numbers::extrapolation_error, s.extrapolated.error),
        measured(numbers::extrapolated_angle,
                 has_direction() ? angle(s.extrapolated.direction) : nan),
        {"final_weight",
         "share of each sample in the gradient at the end",
         {sample},
         list(last.weights)},
        measured(numbers::measured_support,
                 static_cast<double>(heavy_samples(last.weights, 1e-3).size())),
    };
    if (prediction().separable)
      all.push_back(measured(
          numbers::support_agrees,
          prediction().multipliers.size() == n_ &&
                  heavy_samples(last.weights, 1e-3) == heavy_samples(prediction().multipliers, 1e-3)
              ? 1
              : 0));
    return all;
  }

  RunNotes notes(const FlowSettings& flow, const Trajectory& run) override {
    accelerated_run_ = flow.accelerated;
    RunNotes notes;
    for (const std::string& reason : prediction_.broken()) {
      notes.warnings |= assumption_broken;
      notes.messages.push_back(reason);
    }
    const bool ends = flow.accelerated && accelerated_.arithmetic_ends(run.final_state());
    const std::string where =
        flow.accelerated
            ? "log10(1+s) = " + short_number(run.times().back(), 3) + " (log10 t = " +
                  short_number(read(run.times().back(), run.final_state()).log_time / ln10, 3) + ")"
            : "t = " + short_number(run.times().back(), 3);
    if (ends)
      notes.messages.push_back("the arithmetic ends at " + where +
                               ", where beta leaves the range of doubles");
    if (!has_direction()) return notes;
    const Summary s = summarise(run);
    if (flow.until_settled && std::isfinite(s.settled.time))
      notes.messages.push_back(
          "the direction has settled within " + short_number(settled_angle, 3) +
          " rad of its prediction at log10(1+s) = " + short_number(s.settled.time, 3) +
          " (log10 t = " + short_number(s.settled.log10_time, 3) + ")");
    if (s.final_angle > settled_angle) {
      notes.warnings |= limit_not_reached;
      std::string text = "the limit is not reached: at " + where + " the direction is " +
                         short_number(s.final_angle, 3) + " rad from its prediction";
      if (std::isfinite(s.extrapolated.error))
        text += "; extrapolated it is " + short_number(angle(s.extrapolated.direction), 3) +
                " rad from it, +- " + short_number(s.extrapolated.error, 3);
      notes.messages.push_back(text);
    }
    return notes;
  }

  std::unique_ptr<StopCondition> stop_condition(const FlowSettings& flow) override {
    if (!flow.accelerated) return nullptr;
    if (!flow.until_settled) return stop_before_arithmetic_ends(accelerated_flow());
    // Without a direction to wait for: until the loss is at its least value, which is not 0.
    if (!has_direction()) return stop_with_settled_loss(accelerated_flow());
    return stop_with_settled_direction(
        accelerated_flow(), [this](ConstVectorRef direction) { return angle(direction); });
  }

  std::optional<double> default_end(const FlowSettings& flow) override {
    if (!flow.accelerated) return std::nullopt;
    if (!prediction().separable) return 16;
    // Variables that grow like log s have no end in practice; duals overflow at s = 1e290.
    const bool slow = std::all_of(
        prediction_.horizon().classes().begin(), prediction_.horizon().classes().end(),
        [](const GrowthClass& part) { return part.family == Growth::Family::exponential; });
    return slow ? 1e5 : 290;
  }

 private:
  struct Reading : AcceleratedMirrorFlow::Reading {
    Vector direction;
  };

  struct Summary {
    double final_angle;
    SettledTime settled;
    LineFit angle, loss;
    ExtrapolatedDirection extrapolated;
  };

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

  const MaxMargin& prediction() { return prediction_.margin(); }
  bool has_direction() { return prediction_.has_direction(); }
  double angle(ConstVectorRef direction) { return prediction_.angle(direction); }

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
    return reading_.at(s, [&](Reading& reading) { reading = read(s.t, s.y); });
  }

  Summary summarise(const Trajectory& run) {
    const DirectionSamples samples{run.times(),
                                   *run.values("angle"),
                                   *run.values("log10_time"),
                                   *run.values("log10_loss"),
                                   *run.values("norm"),
                                   *run.values("direction")};
    const Reading last = read(run.times().back(), run.final_state());
    // Below the resolution of tied margins there is nothing to fit.
    const double floor =
        prediction().support.size() > 1 ? 100 * AcceleratedMirrorFlow::softness : 0;
    return {samples.angle.back(), settled_time(samples, accelerated_run_),
            angle_law(samples, floor), loss_law(samples),
            extrapolate_direction(samples, *problem_.margins, last.weights, last.direction)};
  }

  SeparableProblem problem_;
  SeparablePrediction prediction_;
  Index n_, d_;
  MirrorFlow real_;
  AcceleratedMirrorFlow accelerated_;
  bool accelerated_run_ = true;
  OncePerSample<Reading> reading_;
};

std::unique_ptr<Model> make(Parameters& p, std::uint64_t seed) {
  return std::make_unique<SeparableClassification>(make_separable_problem(p, seed));
}

}  // namespace

ModelInfo separable_classification() {
  ParameterInfo potential;
  potential.name = "potential";
  potential.type = ParameterType::text_or_list;
  potential.default_value = std::vector<std::string>{"squared_norm"};
  potential.choices = potential_names();
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
