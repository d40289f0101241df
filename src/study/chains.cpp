#include "study/chains.hpp"

namespace gradflow {

Chains::Chains(const Bisection* bisection)
    : bisection_(bisection), length_(bisection != nullptr ? bisection->longest() : 1) {}

std::optional<StudyRun> Chains::next(std::size_t chain) const {
  if (!is_bisection()) {
    if (chain < done_.size() && done_[chain]) return std::nullopt;
    return StudyRun{chain, chain};
  }
  const auto begun = chains_.find(chain);
  const std::optional<double> value =
      begun != chains_.end() ? begun->second.next() : bisection_->low();
  if (!value) return std::nullopt;
  return StudyRun{chain, chain * length_ + runs(chain), value};
}

void Chains::take(std::size_t chain, const RunOutcome& outcome) {
  if (is_bisection()) {
    chains_.try_emplace(chain, *bisection_).first->second.take(outcome);
    return;
  }
  if (chain >= done_.size()) done_.resize(chain + 1, false);
  done_[chain] = true;
}

std::size_t Chains::runs(std::size_t chain) const {
  if (!is_bisection()) return is_over(chain) ? 1 : 0;
  const auto begun = chains_.find(chain);
  return begun != chains_.end() ? begun->second.runs() : 0;
}

std::size_t Chains::unneeded(std::size_t chain) const {
  return is_over(chain) ? length_ - runs(chain) : 0;
}

std::optional<double> Chains::bisected(std::size_t number) const {
  const auto begun = chains_.find(chain_of(number));
  if (begun == chains_.end() || number % length_ >= begun->second.runs()) return std::nullopt;
  return begun->second.values()[number % length_];
}

void Chains::follow(std::size_t chain, const PointFiles& files, Followed which,
                    const std::function<void(const PointPlace&, const RunOutcome&)>& found) {
  while (const auto run = next(chain)) {
    const PointPlace* place = files.find(run->number);
    if (place == nullptr || (which == Followed::final_ones && !is_final(place->status))) return;
    const RunOutcome came_to = outcome(files, *place);
    take(chain, came_to);
    if (found) found(*place, came_to);
  }
}

RunOutcome Chains::outcome(const PointFiles& files, const PointPlace& place) const {
  // Without a bisection nothing depends on what was measured.
  if (!is_bisection() || place.status != Status::ok) return {place.status};
  return {place.status, measured_number(files.read(place), bisection_->measure)};
}

}  // namespace gradflow
