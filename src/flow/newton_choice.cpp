#include "flow/newton_choice.hpp"

#include <algorithm>
#include <cstdio>
#include <stdexcept>

namespace gradflow {
namespace {

using Taken = NewtonOffer::Taken;

/// Of a dense factorisation that costs less than the steps it saves: p = 200.
constexpr double small_flops = 2.7e6;
/// Of one that takes the better part of a second, p = 2000: up to here an exact matrix, which
/// counts its negative eigenvalues, is worth its price.
constexpr double large_flops = 2.67e9;
/// Conjugate gradients with blocks: some twenty iterations each of three solves.
constexpr double solves_of_a_set_up = 3;

bool fits(const NewtonOffer& offer) {
  return offer.cost.memory_bytes <= most_matrix_bytes;
}

bool is_beside_large_matrices(const NewtonOffer& offer) {
  return offer.taken == Taken::beside_large_matrices || offer.taken == Taken::after_explicit;
}

std::string flops_of_a_set_up(const NewtonOffer& offer, double flops) {
  char text[40];
  std::snprintf(text, sizeof text, ": %.2g flops a set-up", flops);
  return offer.about + text;
}

}  // namespace

const NewtonOffer* find_offer(const std::vector<NewtonOffer>& offers, LinearKind kind) {
  const auto found = std::find_if(offers.begin(), offers.end(),
                                  [&](const NewtonOffer& offer) { return offer.kind == kind; });
  return found == offers.end() ? nullptr : &*found;
}

LinearKind automatic_kind(const System& system, std::string& reason) {
  const std::vector<NewtonOffer> offers = system.newton_offers();
  if (offers.empty()) throw std::invalid_argument("this system offers no Newton matrix");
  if (offers.size() == 1) {
    reason = "the only one the system has";
    return offers.front().kind;
  }
  const NewtonOffer *best = nullptr, *otherwise = nullptr;
  for (const NewtonOffer& offer : offers) {
    if (offer.taken == Taken::first) {
      reason = offer.about;
      return offer.kind;
    }
    if (is_beside_large_matrices(offer) || offer.taken == Taken::where_none_fits)
      otherwise = &offer;
    if (offer.taken != Taken::by_cost || !fits(offer)) continue;
    if (best == nullptr || offer.cost.set_up_flops() < best->cost.set_up_flops()) best = &offer;
  }
  if (best == nullptr) {
    if (otherwise == nullptr) otherwise = &offers.front();
    reason = "matrix-free: " + otherwise->about + " do not fit as matrices";
    return otherwise->kind;
  }
  double flops = best->cost.set_up_flops();
  if (best->kind == LinearKind::dense && best->cost.factorise_flops > large_flops &&
      otherwise != nullptr && is_beside_large_matrices(*otherwise)) {
    const double instead =
        otherwise->cost.set_up_flops() + solves_of_a_set_up * otherwise->cost.solve_flops;
    if (instead < flops) {
      flops = instead;
      best = otherwise;
    }
  }
  reason = flops_of_a_set_up(*best, flops);
  return best->kind;
}

std::vector<LinearKind> direct_kinds(const System& system, double most_flops) {
  const std::vector<NewtonOffer> offers = system.newton_offers();
  std::vector<LinearKind> kinds;
  for (const LinearKind kind : {LinearKind::structured, LinearKind::dense}) {
    const NewtonOffer* offer = find_offer(offers, kind);
    if (offer != nullptr && offer->exact && fits(*offer) &&
        offer->cost.factorise_flops <= most_flops)
      kinds.push_back(kind);
  }
  return kinds;
}

std::optional<LinearKind> affordable_exact_kind(const System& system) {
  const std::vector<NewtonOffer> offers = system.newton_offers();
  if (find_offer(offers, LinearKind::structured) != nullptr) return LinearKind::structured;
  const std::vector<LinearKind> kinds = direct_kinds(system, small_flops);
  return kinds.empty() ? std::nullopt : std::optional(kinds.front());
}

std::optional<LinearKind> fallback_kind(const System& system) {
  const std::vector<LinearKind> kinds = direct_kinds(system, large_flops);
  if (!kinds.empty()) return kinds.front();
  const std::vector<NewtonOffer> offers = system.newton_offers();
  return find_offer(offers, LinearKind::krylov) == nullptr ? std::nullopt
                                                           : std::optional(LinearKind::krylov);
}

}  // namespace gradflow
