#pragma once

#include <array>
#include <functional>
#include <limits>
#include <optional>

#include "flow/system.hpp"
#include "solve/outcome.hpp"
#include "solve/solver_settings.hpp"
#include "solve/stepper.hpp"

namespace gradflow {

/// An error after its growth, relative to the state: the largest |error_i| / max(|y_i|, rms y) over
/// entries and time.
struct GrownError {
  double size = 0;
  double time = 0;
  void exchange(Archive& archive);
};

/// Follows a few tangent vectors with a run, v' = J v: from random starts (the first from the
/// fastest growing mode at the start, where there is one), orthonormalised at each step in the
/// system's metric. Their growth is that of a disturbance of their direction at any earlier time;
/// with it grow the errors that steps leave, of rounding and of the tolerances.
///
/// Of a step of length h, v goes to the direction w of (I - gamma J)^{-1} v, with the Newton matrix
/// that is there: modes that decay fast are gone, and what is left grows by exp(h rho), rho =
/// <w, J w> by one Jacobian product. That is exact for the mode which v has become, however long
/// the step, while the method itself would damp it. Where w turns by much until the next look it is
/// carried along with exp(t J) on a Krylov space of w. Cost: one solve and one product a vector and
/// look: at every eighth step, or at every other where what grows has grown by half since.
class Condition {
 public:
  Condition(System& system, const SolverSettings& settings);

  void start(double t0, ConstVectorRef y0);
  /// After an accepted step.
  void accept(Stepper& stepper);
  /// After the last one.
  void finish(Stepper& stepper);

  /// <v, J v>, or 0 where it is a growth that cannot be told from the rounding of J v.
  double resolved(double rate) const;

  /// After an accepted step.
  void exchange(Archive& archive);

  const Amplification& amplification() const { return amplification_; }
  const GrownError& rounding() const { return grown_[0]; }
  const GrownError& relative_tolerance() const { return grown_[1]; }
  const GrownError& absolute_tolerance() const { return grown_[2]; }

 private:
  static constexpr std::size_t vectors = 2, sources = 3;
  struct Tangent {
    Vector direction;                   ///< of length one in the metric
    double growth = 0;                  ///< log, since it was 1 last
    std::optional<double> rate;         ///< of the last look, where it had become a mode
    std::array<double, sources> error;  ///< logs of amplitudes: rounding, rtol, atol
    void exchange(Archive& archive);
  };
  class Look;
  void look(Stepper& stepper);
  void follow(Stepper& stepper, Tangent& tangent, std::size_t index, double elapsed);
  /// A share of a fresh direction for a vector in which nothing grows.
  void refresh(ConstVectorRef y, Vector& direction, std::size_t index);
  /// What the arithmetic of the last step left in each entry: that of the right-hand side, by a
  /// change of the last digits, and that of the solve. And `resolution_`.
  void measure_rounding(Stepper& stepper);
  /// The errors along a tangent after a growth of exp(gain), and fresh ones where those are larger.
  /// J v in `image_`.
  void grow_errors(const Vector& y, Tangent& tangent, double rate, double gain,
                   const std::optional<InvariantSubspace>& subspace);
  /// v <- exp(span J) v, of length one, on a Krylov space of v: `product` puts J of its argument
  /// into `image_`, where J v is before and after. \returns the log of its growth
  double carry(ConstVectorRef y, Vector& v, double span,
               const std::function<void(ConstVectorRef)>& product);
  /// Finds what is settled at the present state (System), once; false where there is no telling.
  bool settle(ConstVectorRef y, double gamma);
  /// The system's own where it judges saddles by it; elsewhere it may not see all of a vector.
  double inner_product(ConstVectorRef y, ConstVectorRef u, ConstVectorRef v);
  /// False, and v as it was, where it has no length.
  bool normalise(ConstVectorRef y, VectorRef v);
  /// Fixed Gaussian numbers, one an entry, shifted anew at each look; `later`: by so many entries.
  auto draws(Index later = 0) const {
    return gauss_.segment((shift_ + later) % (gauss_.size() / 2), image_.size());
  }
  void shift();

  System& system_;
  double rtol_, atol_;
  std::array<Tangent, vectors> tangents_;
  std::size_t used_ = 0;  ///< of the vectors: no more than the dimension
  /// Twice the same n + 1 numbers, so that every shift of them is a stretch of it.
  Vector gauss_;
  Index shift_ = 0;
  Vector image_, noise_, work_, rounding_;
  Matrix krylov_;
  double resolution_ = 0;  ///< of a growth rate, by the rounding of products with J
  double time_ = 0, seen_until_ = 0, last_step_ = 0;
  int steps_unseen_ = 0, looks_ = 0;
  int steps_looked_at_ = 0;                                   ///< of the look that is being taken
  double fastest_ = std::numeric_limits<double>::infinity();  ///< rate of growth at the last look
  std::optional<double> settled_at_;  ///< time at which the system settled last
  Amplification amplification_;
  std::array<GrownError, sources> grown_;
};

}  // namespace gradflow
