#include "study/bisection.hpp"

#include <algorithm>
#include <cmath>

#include "experiment/experiment.hpp"
#include "flow/option.hpp"
#include "study/schema.hpp"

namespace gradflow {
namespace {

const std::vector<Option<Bisection>>& bisection_options() {
  using B = Bisection;
  static const std::vector<Option<B>> all{
      option(&B::key, {"key",
                       ParameterType::text,
                       {},
                       "what is bisected: a key that takes a number, and is no axis of the study"}),
      option(&B::between,
             list_parameter("between", std::nullopt, "[low, high]: the key's first two values")),
      option(&B::measure, {"measure",
                           ParameterType::text,
                           {},
                           "what is to cross the level: a number of a run, or final_NAME, the last "
                           "value of observable NAME"}),
      {real_parameter("level", std::nullopt, "the level"),
       [](B& bisection, const Parameters& p) {
         if (p.has("level")) bisection.level = p.real("level");
       }},
      option(&B::scale, choice_parameter("scale", "", {"log", "linear"},
                                         "log: brackets are halved at their geometric middle; "
                                         "linear: at the arithmetic one")),
      option(&B::tolerance,
             positive_parameter("tolerance", {},
                                "width of the last bracket: relative with scale log, absolute with "
                                "linear and of a key of integers, which has 1 or more")),
      option(&B::most, integer_parameter("most", {}, "runs of a chain at most", 2, 10000))};
  return all;
}

/// A single entry as a number.
std::optional<double> number_of(const Values& values, std::size_t entry) {
  return std::visit(
      [&](const auto& list) -> std::optional<double> {
        using T = typename std::decay_t<decltype(list)>::value_type;
        if constexpr (std::is_same_v<T, std::string>)
          return std::nullopt;
        else
          return static_cast<double>(list.at(entry));
      },
      values);
}

}  // namespace

std::vector<ParameterInfo> Bisection::declaration() {
  return declaration_of(bisection_options());
}

Bisection Bisection::from(const Parameters& parameters) {
  for (const char* name : {"key", "between", "measure", "level"})
    if (!parameters.given(name))
      throw ParameterError(name, "missing, expected " + parameters.find(name)->expectation() +
                                     ": " + parameters.find(name)->meaning);
  Bisection bisection = settings_from(bisection_options(), parameters);
  const std::vector<double>& between = bisection.between;
  if (between.size() != 2 || !(between.front() < between.back()))
    throw ParameterError("between", "is " + toml_value(between) +
                                        ", expected [low, high], two numbers with low < high");
  if (bisection.geometric() && !(bisection.low() > 0))
    throw ParameterError("between", "is " + toml_value(between) +
                                        ", expected numbers > 0, as scale = \"log\" needs; "
                                        "scale = \"linear\" takes any");
  return bisection;
}

double Bisection::middle(double low, double high) const {
  const double exact = geometric() ? std::sqrt(low) * std::sqrt(high) : low + (high - low) / 2;
  return whole ? std::clamp(std::floor(exact), low + 1, high - 1) : exact;
}

std::size_t Bisection::runs_to_tolerance() const {
  constexpr std::size_t ends = 2;
  std::size_t halvings = 0;
  if (!whole) {
    const double width = geometric() ? std::log(high()) - std::log(low()) : high() - low();
    for (double w = width; w > tolerance; w /= 2) ++halvings;
    return ends + halvings;
  }
  // The upper half has as many integers as the lower one or more.
  for (double from = low(); high() - from > tolerance; from = middle(from, high())) ++halvings;
  return ends + halvings;
}

std::size_t Bisection::longest() const {
  return std::min(runs_to_tolerance(), static_cast<std::size_t>(most));
}

ParameterValue Bisection::value(double x) const {
  if (whole) return static_cast<std::int64_t>(x);
  return x;
}

std::string Bisection::toml() const {
  const auto number = [&](double x) {
    return whole ? std::to_string(static_cast<std::int64_t>(x)) : toml_number(x);
  };
  return "key = " + toml_text(key) + "\nbetween = [" + number(low()) + ", " + number(high()) +
         "]\nmeasure = " + toml_text(measure) + "\nlevel = " + toml_number(level) +
         "\nscale = " + toml_text(scale) + "\ntolerance = " + toml_number(tolerance) +
         "\nmost = " + std::to_string(most) + "\n";
}

std::optional<double> measured_number(const Dataset& run, const std::string& name) {
  if (const Variable* number = run.find(name)) {
    if (!number->dimensions.empty()) return std::nullopt;
    return number_of(number->values, 0);
  }
  for (const Variable& variable : run.variables()) {
    const std::size_t samples = size(variable.values);
    if (final_name(variable.name) == name && samples > 0 &&
        variable.dimensions == std::vector<std::string>{"time"})
      return number_of(variable.values, samples - 1);
  }
  return std::nullopt;
}

const std::vector<StatusName>& chain_state_names() {
  static const std::vector<StatusName> names{{0, "bracketed"},  {1, "one_side"},
                                             {2, "run_failed"}, {3, "not_a_number"},
                                             {4, "most_runs"},  {5, "unfinished"}};
  return names;
}

std::optional<double> Chain::next() const {
  if (is_over()) return std::nullopt;
  if (runs() == 0) return bisection_->low();
  if (runs() == 1) return bisection_->high();
  return bisection_->middle(low_, high_);
}

void Chain::take(const RunOutcome& outcome) {
  const double value = *next();
  values_.push_back(value);
  if (outcome.status != Status::ok)
    state_ = ChainState::run_failed;
  else if (!outcome.measured || std::isnan(*outcome.measured))
    state_ = ChainState::not_a_number;
  else
    halve(value, *outcome.measured >= bisection_->level);
}

void Chain::halve(double value, bool above) {
  if (runs() == 1) {
    low_is_above_ = above;
    return;
  }
  if (runs() == 2 && above == low_is_above_) {
    state_ = ChainState::one_side;
    return;
  }
  if (runs() == 2) {
    has_bracket_ = true;
    low_ = bisection_->low();
    high_ = value;
  } else {
    (above == low_is_above_ ? low_ : high_) = value;
  }
  const bool is_within = bisection_->whole ? high_ - low_ <= bisection_->tolerance
                                           : runs() == bisection_->runs_to_tolerance();
  if (is_within || !separates(bisection_->middle(low_, high_)))
    state_ = ChainState::bracketed;
  else if (runs() == bisection_->longest())
    state_ = ChainState::most_runs;
}

}  // namespace gradflow
