#include <string>

#include "solve/condition.hpp"

/// What a run's condition keeps where the run is cut.
namespace gradflow {

void GrownError::exchange(Archive& archive) {
  archive("size", size);
  archive("time", time);
}

void Condition::Tangent::exchange(Archive& archive) {
  archive("direction", direction);
  archive("growth", growth);
  archive("rate", rate);
  archive("error", error);
}

void Condition::exchange(Archive& archive) {
  archive("used", used_);
  for (std::size_t k = 0; k < used_; ++k) archive.part("tangent" + std::to_string(k), tangents_[k]);
  for (std::size_t s = 0; s < sources; ++s) archive.part("grown" + std::to_string(s), grown_[s]);
  archive("shift", shift_);
  archive("rounding", rounding_);
  archive("resolution", resolution_);
  archive("time", time_);
  archive("seen_until", seen_until_);
  archive("last_step", last_step_);
  archive("steps_unseen", steps_unseen_);
  archive("looks", looks_);
  archive("fastest", fastest_);
  archive("largest_amplification", amplification_.largest);
  archive("amplification_time", amplification_.time);
  archive("amplification_to_end", amplification_.to_end);
}

}  // namespace gradflow
