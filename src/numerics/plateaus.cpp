#include "numerics/plateaus.hpp"

#include <algorithm>
#include <cmath>

#include "numerics/types.hpp"

namespace gradflow {
namespace {

/// The polynomial through (x_i, y_i), i < n, at x.
double lagrange(const double* x, const double* y, std::size_t n, double at) {
  double sum = 0;
  for (std::size_t i = 0; i < n; ++i) {
    double weight = 1;
    for (std::size_t j = 0; j < n; ++j)
      if (j != i) weight *= (at - x[j]) / (x[i] - x[j]);
    sum += weight * y[i];
  }
  return sum;
}

/// R over log t, and D between its samples i and i + 1.
struct FallingLoss {
  std::vector<double> x, r, d;

  FallingLoss(std::span<const double> times, std::span<const double> loss) {
    for (std::size_t i = 0; i < std::min(times.size(), loss.size()); ++i)
      if (times[i] > 0 && std::isfinite(loss[i])) {
        x.push_back(std::log(times[i]));
        r.push_back(loss[i]);
      }
    for (std::size_t i = 0; i + 1 < x.size(); ++i)
      d.push_back(std::max(0.0, (r[i] - r[i + 1]) / (x[i + 1] - x[i])));
  }

  /// The log of the time at which R, going forward from sample `from`, is first at or below a
  /// level.
  double reached(std::size_t from, double level) const {
    std::size_t k = from;
    while (k < r.size() && r[k] > level) ++k;
    if (k >= r.size()) return x.back();
    if (k == from || !(r[k - 1] > r[k])) return x[k];
    return x[k - 1] + (x[k] - x[k - 1]) * (r[k - 1] - level) / (r[k - 1] - r[k]);
  }
};

/// A drop: a local maximum of D between two valleys, as indices of D.
struct Drop {
  std::size_t left, peak, right;
};

class Drops {
 public:
  /// All maxima with the valleys between them; the ends count as valleys.
  explicit Drops(const FallingLoss& loss) : r_(loss.r), d_(loss.d) {
    const std::size_t n = d_.size();
    std::size_t i = 0;
    while (i < n) {
      std::size_t peak = i;
      while (peak + 1 < n && d_[peak + 1] >= d_[peak]) ++peak;
      std::size_t valley = peak;
      while (valley + 1 < n && d_[valley + 1] <= d_[valley]) ++valley;
      drops_.push_back({i, peak, valley});
      if (valley + 1 >= n) break;
      i = valley;
    }
  }

  /// Leaves those that are resolved, and fall by `least_fall` or more.
  void merge_all(double least_fall) {
    for (;;) {
      if (const std::size_t where = least_resolved(); where < drops_.size()) {
        merge(where);
        continue;
      }
      const std::size_t where = smallest(least_fall);
      if (where >= drops_.size() || drops_.size() == 1) break;
      // It joins the neighbour across the less deep valley.
      if (where == 0)
        merge(0);
      else if (where + 1 == drops_.size())
        merge(where - 1);
      else
        merge(d_[drops_[where].right] > d_[drops_[where].left] ? where : where - 1);
    }
  }

  std::size_t size() const { return drops_.size(); }
  const Drop& operator[](std::size_t k) const { return drops_[k]; }
  /// R before the valley at the left end of a drop, and after the one at its right.
  double before(std::size_t k) const { return k == 0 ? r_.front() : r_[drops_[k].left]; }
  double after(std::size_t k) const {
    return k + 1 == drops_.size() ? r_.back() : r_[drops_[k].right];
  }

 private:
  /// Drops k and k + 1 become one.
  void merge(std::size_t k) {
    drops_[k].right = drops_[k + 1].right;
    if (d_[drops_[k + 1].peak] > d_[drops_[k].peak]) drops_[k].peak = drops_[k + 1].peak;
    drops_.erase(drops_.begin() + static_cast<std::ptrdiff_t>(k) + 1);
  }

  /// The drop between which and the next D falls least, and not to half; size() where there is
  /// none.
  std::size_t least_resolved() const {
    double worst = 0.5;
    std::size_t where = drops_.size();
    for (std::size_t k = 0; k + 1 < drops_.size(); ++k) {
      const double lower = std::min(d_[drops_[k].peak], d_[drops_[k + 1].peak]);
      const double ratio = lower > 0 ? d_[drops_[k].right] / lower : 1;
      if (ratio > worst) {
        worst = ratio;
        where = k;
      }
    }
    return where;
  }

  /// The smallest of those that fall by less than `least`; size() where there is none.
  std::size_t smallest(double least) const {
    std::size_t where = drops_.size();
    for (std::size_t k = 0; k < drops_.size(); ++k)
      if (before(k) - after(k) < least) {
        least = before(k) - after(k);
        where = k;
      }
    return where;
  }

  const std::vector<double>&r_, &d_;
  std::vector<Drop> drops_;
};

}  // namespace

double first_time_below(std::span<const double> times, std::span<const double> values,
                        double level) {
  const std::size_t n = std::min(times.size(), values.size());
  std::size_t hit = 0;
  while (hit < n && !(values[hit] <= level)) ++hit;
  if (hit == n) return nan;
  if (hit == 0) return times[0];
  // Four samples with the bracket in the middle, all at t > 0 for logarithms.
  const std::size_t zero = times[0] > 0 ? 0 : 1;
  const bool logarithmic = hit > zero;
  std::size_t first = hit >= 2 ? hit - 2 : 0;
  if (logarithmic) first = std::max(first, zero);
  const std::size_t last = std::min(first + 4, n);
  double x[4], y[4];
  for (std::size_t i = first; i < last; ++i) {
    x[i - first] = logarithmic ? std::log(times[i]) : times[i];
    y[i - first] = values[i];
    if (!std::isfinite(y[i - first])) return nan;
  }
  double above = x[hit - 1 - first], below = x[hit - first];
  for (int i = 0; i < 100 && above < below; ++i) {
    const double middle = 0.5 * (above + below);
    if (middle <= above || middle >= below) break;
    (lagrange(x, y, last - first, middle) <= level ? below : above) = middle;
  }
  return logarithmic ? std::exp(below) : below;
}

double half_time(std::span<const double> times, std::span<const double> values) {
  if (values.empty() || !(values[0] > 0)) return nan;
  return first_time_below(times, values, 0.5 * values[0]);
}

std::vector<Plateau> find_plateaus(std::span<const double> times, std::span<const double> loss) {
  const FallingLoss falling(times, loss);
  const std::vector<double>&x = falling.x, &r = falling.r;
  if (x.size() < 3) return {};
  const double fall = r.front() - *std::min_element(r.begin(), r.end());
  if (!(fall > 0)) return {{std::exp(x.front()), std::exp(x.back()), r.back()}};
  Drops drops(falling);
  drops.merge_all(0.01 * fall);

  std::vector<Plateau> plateaus;
  for (std::size_t k = 0; k <= drops.size(); ++k) {
    Plateau plateau;
    plateau.level = k < drops.size() ? drops.before(k) : r.back();
    double start = x.front(), end = x.back();
    if (k > 0)
      start = falling.reached(k == 1 ? 0 : drops[k - 1].left,
                              plateau.level + 0.1 * (drops.before(k - 1) - drops.after(k - 1)));
    if (k < drops.size())
      end = falling.reached(k == 0 ? 0 : drops[k].left,
                            plateau.level - 0.1 * (drops.before(k) - drops.after(k)));
    plateau.start = std::exp(start);
    plateau.end = std::exp(end);
    if (end > start) plateaus.push_back(plateau);
  }
  return plateaus;
}

}  // namespace gradflow
