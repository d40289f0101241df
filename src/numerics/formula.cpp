#include "numerics/formula.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "numerics/formula_operations.hpp"
#include "numerics/formula_reader.hpp"
#include "numerics/short_number.hpp"

namespace gradflow {
namespace {

using namespace formulas;

constexpr Index chunk = 128;

/// Values, derivatives and second derivatives at many points.
struct Jets {
  Jets(const Formula& formula, std::vector<double> at) : x(std::move(at)) {
    for (std::vector<double>& values : derivative) values.resize(x.size());
    formula.evaluate(x.data(), static_cast<Index>(x.size()), 2, derivative[0].data(),
                     derivative[1].data(), derivative[2].data());
  }
  std::vector<double> x;
  std::array<std::vector<double>, 3> derivative;
};

/// Half of a small step of a smooth function has about half of its change; more than this share of
/// the changes of both halves is none.
bool is_uneven(double before, double behind) {
  constexpr double most = 0.55;
  return std::max(before, behind) > most * (before + behind);
}

/// Whether a value between two others is a peak of the kind that poles have.
bool is_peak(double left, double middle, double right) {
  return std::abs(middle) > 2 * std::max(std::abs(left), std::abs(right));
}

/// A function's derivative of an order (0, 1, 2) between two points.
class Stretch {
 public:
  Stretch(const Formula& formula, std::size_t order, double a, double b)
      : formula_(formula), order_(order), a_(a), b_(b) {
    const Jets ends(formula, {a, b});
    left_ = ends.derivative[order][0];
    right_ = ends.derivative[order][1];
    for (const std::vector<double>& values : ends.derivative)
      size_ += std::max(std::abs(values[0]), std::abs(values[1]));
  }

  /// Where it jumps or has a pole; NaN where it does neither. It is halved as long as one half has
  /// most of the change: down to rounding that comes at a jump alone.
  double fault() {
    constexpr double rounding = 1e-9, share = 1e-6;
    const double own = std::max(std::abs(left_), std::abs(right_));
    while (b_ - a_ > narrow) {
      const double middle = 0.5 * (a_ + b_), value = at(middle);
      if (!std::isfinite(value)) return middle;
      if (is_peak(left_, value, right_)) return pole();
      const double before = std::abs(value - left_), behind = std::abs(right_ - value);
      if (!is_uneven(before, behind)) return std::nan("");
      (before > behind ? b_ : a_) = middle;
      (before > behind ? right_ : left_) = value;
    }
    const bool jumps = std::abs(right_ - left_) > std::max(share * own, rounding * size_);
    return jumps ? 0.5 * (a_ + b_) : std::nan("");
  }

 private:
  static constexpr double narrow = 1e-12;

  double at(double x) const { return Jets(formula_, {x}).derivative[order_].front(); }

  /// The top of a peak where it has none: NaN where it has one.
  double pole() {
    constexpr double most = 1e18;
    while (b_ - a_ > narrow) {
      const double third = (b_ - a_) / 3;
      const double left = std::abs(at(a_ + third)), right = std::abs(at(b_ - third));
      if (!(left < right)) b_ -= third;
      if (!(left > right)) a_ += third;
    }
    const double top = 0.5 * (a_ + b_);
    return std::abs(at(top)) < most * size_ ? std::nan("") : top;
  }

  const Formula& formula_;
  std::size_t order_;
  double a_, b_;
  double left_, right_;  ///< values at the ends
  double size_ = 0;      ///< of the function and both derivatives, at the ends first given
};

/// \throws FormulaError where the function or a derivative is not finite, or jumps, in [-10, 10].
/// What is told is the nearest to 0.
void require_smooth(const Formula& formula) {
  constexpr int reach = 10, parts = 64, points = 2 * reach * parts + 1, zero = points / 2;
  constexpr std::array names{"value", "derivative", "second derivative"};
  std::vector<double> x;
  for (int i = 0; i < points; ++i) x.push_back(static_cast<double>(i - zero) / parts);
  const Jets jets(formula, std::move(x));
  const auto check_point = [&](std::size_t i) {
    for (std::size_t order = 0; order < names.size(); ++order)
      if (!std::isfinite(jets.derivative[order][i]))
        throw FormulaError(0, "has no finite " + std::string(names[order]) +
                                  " at x = " + short_number(jets.x[i], 6));
  };
  // From the point i to the next but one.
  const auto check_from = [&](std::size_t i) {
    for (std::size_t order = 0; order < names.size(); ++order) {
      const std::vector<double>& y = jets.derivative[order];
      if (!is_uneven(std::abs(y[i + 1] - y[i]), std::abs(y[i + 2] - y[i + 1])) &&
          !is_peak(y[i], y[i + 1], y[i + 2]))
        continue;
      const double at = Stretch(formula, order, jets.x[i], jets.x[i + 2]).fault();
      if (!std::isnan(at))
        throw FormulaError(0, "has a kink, a jump or a pole at x = " + short_number(at, 6));
    }
  };
  check_point(zero);
  for (std::size_t far = 2; far <= zero; far += 2)
    for (const std::size_t end : {zero + far, zero - far}) {
      check_point(end > zero ? end - 1 : end + 1);
      check_point(end);
      check_from(end > zero ? end - 2 : end);
    }
}

}  // namespace

Formula::Formula(std::string text, std::vector<std::string> variables, Functions allowed)
    : text_(std::move(text)), variables_(variables.size()) {
  nodes_ = read_formula(text_, variables, allowed);
}

bool Formula::depends_on(std::size_t variable) const {
  return std::any_of(nodes_.begin(), nodes_.end(), [&](const Node& node) {
    return node.operation == Operation::variable && node.index == variable;
  });
}

void Formula::run(std::span<const double* const> variables, Index n, int order,
                  std::vector<double>& work) const {
  work.resize(nodes_.size() * 3 * chunk);
  const auto place = [&](std::size_t node) {
    double* start = work.data() + node * 3 * chunk;
    return Place{start, start + chunk, start + 2 * chunk};
  };
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const Node& node = nodes_[i];
    const Place out = place(i);
    if (node.operation == Operation::constant) {
      std::fill_n(out.value, n, node.number);
      std::fill_n(out.first, n, 0.0);
      std::fill_n(out.second, n, 0.0);
    } else if (node.operation == Operation::variable) {
      std::copy_n(variables[node.index], n, out.value);
      std::fill_n(out.first, n, node.index == 0 ? 1.0 : 0.0);
      std::fill_n(out.second, n, 0.0);
    } else {
      carry(node, place(node.left), place(node.right), out, n, order);
    }
  }
}

void Formula::evaluate(const double* z, Index n, int order, double* value, double* first,
                       double* second) const {
  thread_local std::vector<double> work;
  for (Index start = 0; start < n; start += chunk) {
    const Index count = std::min(chunk, n - start);
    const double* at = z + start;
    run({&at, 1}, count, order, work);
    const double* last = work.data() + (nodes_.size() - 1) * 3 * chunk;
    std::copy_n(last, count, value + start);
    if (order >= 1) std::copy_n(last + chunk, count, first + start);
    if (order >= 2) std::copy_n(last + 2 * chunk, count, second + start);
  }
}

double Formula::operator()(std::span<const double> variables) const {
  if (variables.size() != variables_) throw std::logic_error("a value for each variable");
  std::vector<const double*> places;
  for (const double& variable : variables) places.push_back(&variable);
  std::vector<double> work;
  run(places, 1, 0, work);
  return work[(nodes_.size() - 1) * 3 * chunk];
}

Formula activation_formula(const std::string& text) {
  Formula formula(text, {"x"}, Functions::smooth);
  if (!formula.depends_on(0)) throw FormulaError(0, "is the same for every x");
  require_smooth(formula);
  return formula;
}

}  // namespace gradflow
