#include "flow/horizon.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "numerics/short_number.hpp"

namespace gradflow {
namespace {

bool same_class(const GrowthClass& part, const Growth& growth) {
  return part.family == growth.family && std::abs(part.exponent - growth.exponent) < 1e-6;
}

bool faster(const GrowthClass& a, const GrowthClass& b) {
  if (a.family != b.family) return static_cast<int>(a.family) > static_cast<int>(b.family);
  return a.exponent > b.exponent;
}

/// log phi(r u).
double log_value(const SeparablePotential& potential, ConstVectorRef u, double r) {
  double most = -std::numeric_limits<double>::infinity(), sum = 0;
  std::vector<double> terms;
  for (std::size_t i = 0; i < potential.size(); ++i) {
    const double b = r * std::abs(u[static_cast<Index>(i)]);
    if (b == 0) continue;
    terms.push_back(potential[i]->log_value(b));
    most = std::max(most, terms.back());
  }
  if (!std::isfinite(most)) return most;
  for (const double term : terms) sum += std::exp(term - most);
  return most + std::log(sum);
}

}  // namespace

Horizon::Horizon(const SeparablePotential& potential) {
  for (std::size_t i = 0; i < potential.size(); ++i) {
    const Growth growth = growth_of(*potential[i]);
    auto found = std::find_if(classes_.begin(), classes_.end(),
                              [&](const GrowthClass& c) { return same_class(c, growth); });
    if (found == classes_.end()) {
      classes_.push_back({growth.family, growth.exponent, {}, {}});
      found = classes_.end() - 1;
    }
    found->index.push_back(static_cast<Index>(i));
    found->weight.push_back(growth.coefficient);
  }
  std::stable_sort(classes_.begin(), classes_.end(), faster);
}

bool Horizon::coercive_gradient() const {
  return classes_.back().family != Growth::Family::linear;
}

double Horizon::term(const GrowthClass& part, ConstVectorRef beta) {
  double value = 0;
  for (std::size_t k = 0; k < part.index.size(); ++k) {
    const double b = std::abs(beta[part.index[k]]);
    switch (part.family) {
      case Growth::Family::linear:
      case Growth::Family::entropy:
        value += part.weight[k] * b;
        break;
      case Growth::Family::power:
        value = std::max(value, b);
        break;  // the scale of the sum below
      case Growth::Family::exponential:
        value = std::max(value, part.weight[k] * b);
        break;
    }
  }
  if (part.family != Growth::Family::power || value == 0) return value;
  double sum = 0;
  for (std::size_t k = 0; k < part.index.size(); ++k)
    sum += part.weight[k] * std::pow(std::abs(beta[part.index[k]]) / value, part.exponent);
  return value * std::pow(sum, 1 / part.exponent);
}

double Horizon::operator()(ConstVectorRef beta) const {
  for (std::size_t k = 0; k + 1 < classes_.size(); ++k)
    if (term(classes_[k], beta) > 0) return std::numeric_limits<double>::infinity();
  return term(classes_.back(), beta);
}

std::string Horizon::name(const GrowthClass& part) {
  const bool weighted = std::any_of(part.weight.begin(), part.weight.end(), [&](double w) {
    return std::abs(w - part.weight.front()) > 1e-12 * part.weight.front();
  });
  const std::string which = part.family == Growth::Family::exponential ? "max"
                            : part.family == Growth::Family::power     ? short_number(part.exponent)
                                                                       : "1";
  return std::string("the ") + (weighted ? "weighted " : "") + which + "-norm";
}

std::string Horizon::name() const {
  std::string text = name(classes_.back());
  if (degenerate())
    text += " of " + std::to_string(classes_.back().index.size()) +
            (classes_.back().index.size() == 1 ? " coordinate" : " coordinates") +
            ", infinite off them";
  return text;
}

double level_radius(const SeparablePotential& potential, ConstVectorRef u, double log_level) {
  double low = -700, high = 708;  // bisection in log r, over what doubles hold
  for (int i = 0; i < 200 && high - low > 1e-15 * std::max(1.0, std::abs(low)); ++i) {
    const double middle = 0.5 * (low + high);
    (log_value(potential, u, std::exp(middle)) < log_level ? low : high) = middle;
  }
  return std::exp(0.5 * (low + high));
}

Extrapolated numeric_horizon(const SeparablePotential& potential, ConstVectorRef beta) {
  if (beta.isZero(0)) return {0, 0};
  const SeparablePotential first_alone{potential.front()};
  const auto at = [&](double eta) {
    return eta * level_radius(first_alone, Vector::Ones(1), log_value(potential, beta, 1 / eta));
  };
  // As small as values of phi are numbers.
  double least = 160;
  while (least > 2 && !std::isfinite(log_value(potential, beta, std::pow(10.0, least)))) least /= 2;
  const double v1 = at(std::pow(10.0, -least / 8)), v2 = at(std::pow(10.0, -least / 4)),
               v3 = at(std::pow(10.0, -least / 2)), v4 = at(std::pow(10.0, -least));
  const double first = 2 * v2 - v1, second = 2 * v3 - v2, third = 2 * v4 - v3;
  // The next term is log log/log^2 or 1/log^2: once more.
  const double before = second + (second - first) / 3, last = third + (third - second) / 3;
  return {last, std::max(std::abs(last - before), 1e-13 * std::abs(last))};
}

}  // namespace gradflow
