#include "numerics/plateaus.hpp"
#include "numerics/types.hpp"

#include <algorithm>
#include <cmath>

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

/// A drop: a local maximum of D between two valleys, as indices of D.
struct Drop {
  std::size_t left, peak, right;
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
  std::vector<double> x, r;
  for (std::size_t i = 0; i < std::min(times.size(), loss.size()); ++i)
    if (times[i] > 0 && std::isfinite(loss[i])) {
      x.push_back(std::log(times[i]));
      r.push_back(loss[i]);
    }
  if (x.size() < 3) return {};
  const std::size_t n = x.size() - 1;
  std::vector<double> d(n);  // D between samples i and i + 1
  for (std::size_t i = 0; i < n; ++i) d[i] = std::max(0.0, (r[i] - r[i + 1]) / (x[i + 1] - x[i]));
  const double fall = r.front() - *std::min_element(r.begin(), r.end());
  if (!(fall > 0)) return {{std::exp(x.front()), std::exp(x.back()), r.back()}};

  // All maxima with the valleys between them; the ends count as valleys.
  std::vector<Drop> drops;
  std::size_t i = 0;
  while (i < n) {
    std::size_t peak = i;
    while (peak + 1 < n && d[peak + 1] >= d[peak]) ++peak;
    std::size_t valley = peak;
    while (valley + 1 < n && d[valley + 1] <= d[valley]) ++valley;
    drops.push_back({i, peak, valley});
    if (valley + 1 >= n) break;
    i = valley;
  }
  const auto merge = [&](std::size_t k) {  // drops k and k + 1 become one
    drops[k].right = drops[k + 1].right;
    if (d[drops[k + 1].peak] > d[drops[k].peak]) drops[k].peak = drops[k + 1].peak;
    drops.erase(drops.begin() + static_cast<std::ptrdiff_t>(k) + 1);
  };
  // R after the valley at the right end of a drop, and before the one at its left.
  const auto before = [&](std::size_t k) { return k == 0 ? r.front() : r[drops[k].left]; };
  const auto after = [&](std::size_t k) {
    return k + 1 == drops.size() ? r.back() : r[drops[k].right];
  };
  for (;;) {
    double worst = 0.5;
    std::size_t where = drops.size();
    for (std::size_t k = 0; k + 1 < drops.size(); ++k) {
      const double lower = std::min(d[drops[k].peak], d[drops[k + 1].peak]);
      const double ratio = lower > 0 ? d[drops[k].right] / lower : 1;
      if (ratio > worst) {
        worst = ratio;
        where = k;
      }
    }
    if (where < drops.size()) {
      merge(where);
      continue;
    }
    // The smallest drop joins the neighbour across the less deep valley.
    double least = 0.01 * fall;
    for (std::size_t k = 0; k < drops.size(); ++k)
      if (before(k) - after(k) < least) {
        least = before(k) - after(k);
        where = k;
      }
    if (where >= drops.size() || drops.size() == 1) break;
    if (where == 0)
      merge(0);
    else if (where + 1 == drops.size())
      merge(where - 1);
    else
      merge(d[drops[where].right] > d[drops[where].left] ? where : where - 1);
  }

  // The time at which R, going forward from sample `from`, is first at or below a level.
  const auto reached = [&](std::size_t from, double level) {
    std::size_t k = from;
    while (k < r.size() && r[k] > level) ++k;
    if (k >= r.size()) return x.back();
    if (k == from || !(r[k - 1] > r[k])) return x[k];
    return x[k - 1] + (x[k] - x[k - 1]) * (r[k - 1] - level) / (r[k - 1] - r[k]);
  };
  std::vector<Plateau> plateaus;
  for (std::size_t k = 0; k <= drops.size(); ++k) {
    Plateau plateau;
    plateau.level = k < drops.size() ? before(k) : r.back();
    double start = x.front(), end = x.back();
    if (k > 0)
      start = reached(k == 1 ? 0 : drops[k - 1].left,
                      plateau.level + 0.1 * (before(k - 1) - after(k - 1)));
    if (k < drops.size())
      end = reached(k == 0 ? 0 : drops[k].left, plateau.level - 0.1 * (before(k) - after(k)));
    plateau.start = std::exp(start);
    plateau.end = std::exp(end);
    if (end > start) plateaus.push_back(plateau);
  }
  return plateaus;
}

}  // namespace gradflow
