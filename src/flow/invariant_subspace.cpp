#include "flow/invariant_subspace.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "numerics/random.hpp"

namespace gradflow {
namespace {

/// Slopes of a class differ by no more than rounding where they are this close, relative to the
/// larger of them, or to what changes of y in the last digits make of them: terms that cancel, and
/// slopes of other scales beside them, do not count for more.
constexpr double rounding = 1e-12, last_digits = 100;

/// Which entries are one number up to their sign. Class -1: always 0.
struct Partition {
  std::vector<Index> group;
  std::vector<double> sign;
  Index groups = 0;

  Vector point(RandomStream& stream, ConstVectorRef y0) const {
    const double size = y0.norm() / std::sqrt(static_cast<double>(y0.size()));
    std::vector<double> factor(static_cast<std::size_t>(groups)), shift(factor.size());
    for (std::size_t g = 0; g < factor.size(); ++g) {
      factor[g] = 1 + 0.1 * stream.uniform(-1, 1);
      shift[g] = 0.1 * size * stream.uniform(-1, 1);
    }
    Vector y = Vector::Zero(y0.size());
    for (Index i = 0; i < y.size(); ++i) {
      const auto k = static_cast<std::size_t>(i);
      if (group[k] < 0) continue;
      const auto g = static_cast<std::size_t>(group[k]);
      y[i] = sign[k] * (factor[g] * std::abs(y0[i]) + shift[g]);
    }
    return y;
  }
};

/// Entries of one size, by sorting. The signs of zeros come with the first right-hand side that
/// moves them.
Partition by_size(ConstVectorRef y0) {
  const auto n = static_cast<std::size_t>(y0.size());
  Partition parts{std::vector<Index>(n), std::vector<double>(n), 0};
  std::vector<Index> order(n);
  for (std::size_t k = 0; k < n; ++k) order[k] = static_cast<Index>(k);
  std::sort(order.begin(), order.end(), [&](Index a, Index b) {
    return std::pair(std::abs(y0[a]), a) < std::pair(std::abs(y0[b]), b);
  });
  double last = std::numeric_limits<double>::quiet_NaN();
  for (const Index i : order) {
    const auto k = static_cast<std::size_t>(i);
    parts.sign[k] = y0[i] < 0 ? -1 : 1;
    if (y0[i] == 0) {
      parts.group[k] = -1;
      continue;
    }
    if (std::abs(y0[i]) != last) ++parts.groups;
    last = std::abs(y0[i]);
    parts.group[k] = parts.groups - 1;
  }
  return parts;
}

/// The right-hand side at y, and how well each entry of it is determined. False where it is not
/// finite.
bool slopes(System& system, const Vector& y, RandomStream& stream, Vector& slope, Vector& noise) {
  constexpr int changes = 3;
  constexpr double epsilon = std::numeric_limits<double>::epsilon();
  system.rhs(0, y, slope);
  noise.setZero(y.size());
  Vector changed(y.size()), other(y.size());
  for (int k = 0; k < changes; ++k) {
    for (Index i = 0; i < y.size(); ++i)
      changed[i] = y[i] * (1 + (stream.uniform() < 0.5 ? -1 : 1) * epsilon);
    system.rhs(0, changed, other);
    noise = noise.cwiseMax((other - slope).cwiseAbs());
  }
  noise *= last_digits;
  return slope.allFinite() && noise.allFinite();
}

/// Splits classes by the signed slopes of their members; zeros that move become classes. True
/// where anything changed.
bool split(Partition& parts, const Vector& slope, const Vector& noise) {
  const std::size_t n = parts.group.size();
  std::vector<Index> order(n);
  for (std::size_t k = 0; k < n; ++k) order[k] = static_cast<Index>(k);
  const auto moves = [&](std::size_t k) {
    return std::abs(slope[static_cast<Index>(k)]) > noise[static_cast<Index>(k)];
  };
  bool changed = false;
  for (std::size_t k = 0; k < n; ++k)
    if (parts.group[k] < 0 && moves(k)) {
      parts.group[k] = parts.groups;  // all that move at once, told apart below
      parts.sign[k] = slope[static_cast<Index>(k)] < 0 ? -1 : 1;
      changed = true;
    }
  if (changed) ++parts.groups;
  const auto signed_slope = [&](Index i) {
    return parts.sign[static_cast<std::size_t>(i)] * slope[i];
  };
  std::sort(order.begin(), order.end(), [&](Index a, Index b) {
    const Index ga = parts.group[static_cast<std::size_t>(a)],
                gb = parts.group[static_cast<std::size_t>(b)];
    if (ga != gb) return ga < gb;
    return std::pair(signed_slope(a), a) < std::pair(signed_slope(b), b);
  });
  Index next = -1;
  Index previous = -1;  // entry before, of the same old group
  std::vector<Index> group(n, -1);
  for (const Index i : order) {
    const auto k = static_cast<std::size_t>(i);
    if (parts.group[k] < 0) continue;
    const bool same_group =
        previous >= 0 && parts.group[static_cast<std::size_t>(previous)] == parts.group[k];
    bool same = same_group;
    if (same_group) {
      const double a = signed_slope(previous), b = signed_slope(i);
      same = std::abs(a - b) <=
             rounding * std::max(std::abs(a), std::abs(b)) + std::max(noise[previous], noise[i]);
      changed = changed || !same;
    }
    if (!same) ++next;
    group[k] = next;
    previous = i;
  }
  parts.group = std::move(group);
  parts.groups = next + 1;
  return changed;
}

}  // namespace

std::optional<InvariantSubspace> InvariantSubspace::around(System& system, ConstVectorRef y0) {
  Partition parts = by_size(y0);
  const auto trivial = [&] {
    return parts.groups == y0.size();  // every entry its own
  };
  if (y0.size() == 0 || !y0.allFinite() || trivial()) return std::nullopt;
  RandomStream stream(0, "symmetry");
  Vector slope(y0.size()), noise(y0.size());
  constexpr int most = 30;
  int unchanged = 0;
  for (int k = 0; k < most && unchanged < 3 && !trivial(); ++k) {
    if (!slopes(system, parts.point(stream, y0), stream, slope, noise)) return std::nullopt;
    unchanged = split(parts, slope, noise) ? 0 : unchanged + 1;
  }
  if (trivial() || unchanged < 3) return std::nullopt;

  InvariantSubspace found;
  std::vector<Index> order;
  std::vector<Index> members(static_cast<std::size_t>(parts.groups), 0);
  for (const Index g : parts.group)
    if (g >= 0) ++members[static_cast<std::size_t>(g)];
  for (Index i = 0; i < y0.size(); ++i) {
    const Index g = parts.group[static_cast<std::size_t>(i)];
    if (g < 0)
      found.zero_.push_back(i);
    else if (members[static_cast<std::size_t>(g)] > 1)
      order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(), [&](Index a, Index b) {
    return parts.group[static_cast<std::size_t>(a)] < parts.group[static_cast<std::size_t>(b)];
  });
  Index last = -1;
  for (const Index i : order) {
    const auto k = static_cast<std::size_t>(i);
    if (parts.group[k] != last) found.start_.push_back(static_cast<Index>(found.member_.size()));
    last = parts.group[k];
    found.member_.push_back(i);
    found.sign_.push_back(parts.sign[k]);
  }
  found.start_.push_back(static_cast<Index>(found.member_.size()));
  if (found.constrained() == 0) return std::nullopt;
  return found;
}

void InvariantSubspace::project(VectorRef v) const {
  for (const Index i : zero_) v[i] = 0;
  for (std::size_t c = 0; c + 1 < start_.size(); ++c) {
    const auto first = static_cast<std::size_t>(start_[c]),
               end = static_cast<std::size_t>(start_[c + 1]);
    double sum = 0;
    for (std::size_t k = first; k < end; ++k) sum += sign_[k] * v[member_[k]];
    const double mean = sum / static_cast<double>(end - first);
    for (std::size_t k = first; k < end; ++k) v[member_[k]] = sign_[k] * mean;
  }
}

}  // namespace gradflow
