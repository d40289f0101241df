#include "flow/invariant_subspace.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "numerics/long_vectors.hpp"
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
    long_vectors::for_stretches(y.size(), [&](Index first, Index count) {
      for (Index i = first; i < first + count; ++i) {
        const auto k = static_cast<std::size_t>(i);
        if (group[k] < 0) continue;
        const auto g = static_cast<std::size_t>(group[k]);
        y[i] = sign[k] * (factor[g] * std::abs(y0[i]) + shift[g]);
      }
    });
    return y;
  }
};

/// Entries of one size, by sorting. The signs of zeros come with the first right-hand side that
/// moves them.
Partition by_size(ConstVectorRef y0) {
  const auto n = static_cast<std::size_t>(y0.size());
  Partition parts{std::vector<Index>(n, -1), std::vector<double>(n), 0};
  std::vector<std::pair<double, Index>> order;  // keys beside what they sort: no look elsewhere
  order.reserve(n);
  for (Index i = 0; i < y0.size(); ++i) {
    parts.sign[static_cast<std::size_t>(i)] = y0[i] < 0 ? -1 : 1;
    if (y0[i] != 0) order.emplace_back(std::abs(y0[i]), i);
  }
  std::sort(order.begin(), order.end());
  double last = std::numeric_limits<double>::quiet_NaN();
  for (const auto& [size, i] : order) {
    if (size != last) ++parts.groups;
    last = size;
    parts.group[static_cast<std::size_t>(i)] = parts.groups - 1;
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
    long_vectors::for_stretches(y.size(), [&](Index first, Index count) {
      RandomStream draws = stream.ahead(first);
      for (Index i = first; i < first + count; ++i)
        changed[i] = y[i] * (1 + (draws.uniform() < 0.5 ? -1 : 1) * epsilon);
    });
    stream = stream.ahead(y.size());
    system.rhs(0, changed, other);
    long_vectors::for_stretches(y.size(), [&](Index first, Index count) {
      auto part = noise.segment(first, count);
      part = part.cwiseMax(last_digits *
                           (other.segment(first, count) - slope.segment(first, count)).cwiseAbs());
    });
  }
  return long_vectors::all_finite(slope) && long_vectors::all_finite(noise);
}

/// Splits classes by the signed slopes of their members; zeros that move become classes. True
/// where anything changed.
bool split(Partition& parts, const Vector& slope, const Vector& noise) {
  const std::size_t n = parts.group.size();
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
  using Member = std::pair<double, Index>;  // signed slope, entry
  // By counting into groups, then each group by itself: most have one member alone.
  std::vector<std::size_t> first(static_cast<std::size_t>(parts.groups) + 1, 0);
  for (const Index g : parts.group)
    if (g >= 0) ++first[static_cast<std::size_t>(g) + 1];
  std::partial_sum(first.begin(), first.end(), first.begin());
  std::vector<Member> order(first.back());
  auto place = first;
  for (std::size_t k = 0; k < n; ++k) {
    const Index g = parts.group[k], i = static_cast<Index>(k);
    if (g >= 0) order[place[static_cast<std::size_t>(g)]++] = {parts.sign[k] * slope[i], i};
  }
  Index next = -1;
  for (std::size_t g = 0; g + 1 < first.size(); ++g) {
    const auto begin = order.begin() + static_cast<std::ptrdiff_t>(first[g]),
               end = order.begin() + static_cast<std::ptrdiff_t>(first[g + 1]);
    std::sort(begin, end);
    for (auto member = begin; member != end; ++member) {
      bool same = member != begin;
      if (same) {
        const auto [a, before] = *(member - 1);
        const auto [b, entry] = *member;
        same = std::abs(a - b) <= rounding * std::max(std::abs(a), std::abs(b)) +
                                      std::max(noise[before], noise[entry]);
        changed = changed || !same;
      }
      if (!same) ++next;
      parts.group[static_cast<std::size_t>(member->second)] = next;
    }
  }
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
