#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "flow/invariant_subspace.hpp"
#include "flow/system.hpp"
#include "numerics/archive.hpp"
#include "solve/outcome.hpp"

namespace gradflow {

struct SolverSettings;

/// One way to go forward in time, one accepted step at a time, with dense output over the last
/// step. Sampling, events, budgets, the saddle guard and the energy identity are not its business
/// (`integrate` does them for all).
class Stepper {
 public:
  virtual ~Stepper() = default;

  /// Sets the state. Must be called before anything else.
  virtual void start(double t0, ConstVectorRef y0) = 0;
  /// One accepted step, at most `longest` long and not past `t_stop`. \throws SolverError
  virtual void step(double t_stop, double longest) = 0;

  /// From here on right-hand sides and corrections are projected on a subspace that the flow does
  /// not leave and that the state is in: rounding then does not leave it either.
  void keep_to(std::optional<InvariantSubspace> subspace) { subspace_ = std::move(subspace); }
  const std::optional<InvariantSubspace>& subspace() const { return subspace_; }

  /// v <- (I - gamma J)^{-1} v with the last Newton matrix, on the whole space; its
  /// gamma, or 0 and v untouched where the method has no matrix or the solve failed.
  virtual double smooth(VectorRef /*v*/) { return 0; }
  /// What the J of `smooth` is.
  enum class SmoothingMatrix {
    approximate,  ///< without growing modes (Gauss-Newton)
    exact,        ///< the Jacobian at the state, or of some steps ago
    settled       ///< the Jacobian for residuals that are settled (NewtonMatrix)
  };
  virtual SmoothingMatrix smoothing_matrix() const { return SmoothingMatrix::approximate; }

  /// What the estimated errors of all steps so far add up to, in units of the tolerances (the root
  /// mean square of error / (atol + rtol |y|)); 0 where the method keeps no account.
  virtual double accumulated_error() { return 0; }

  /// All that the next steps follow from, where `can_resume`: read by a stepper of the same system
  /// and settings that has been started, it goes on to the same bits. What is between the last
  /// step's ends is not part of it.
  virtual void exchange(Archive& archive) = 0;
  /// True after each step of a one-step method. The history of CVODE's methods cannot be had: true
  /// where they are about to begin anew, which they do at places that the run alone decides on.
  virtual bool can_resume() const { return true; }
  /// True where `can_resume` always is.
  virtual bool resumes_anywhere() const { return true; }

  /// Goes on from a state that is not its own, such as one beyond a boundary, with the step size
  /// that it has. False where the method must be started anew there.
  virtual bool move_to(double /*t*/, ConstVectorRef /*y*/) { return false; }

  virtual double time() const = 0;
  virtual double previous_time() const = 0;
  virtual const Vector& state() const = 0;
  /// State and its derivative at t in [previous_time, time].
  virtual void interpolate(double t, VectorRef y) = 0;
  virtual void interpolate_derivative(double t, VectorRef ydot) = 0;
  /// Both at several times, a column each.
  static constexpr std::size_t nodes = 3;
  virtual void interpolate_nodes(const std::array<double, nodes>& t, Matrix& y, Matrix& ydot);

  virtual const Statistics& statistics() = 0;
  /// That of the Newton matrix; null without one.
  virtual const NewtonOffer* newton_offer() const { return nullptr; }
  virtual std::string method() const = 0;
  virtual std::string linear() const { return "none"; }
  /// Smallest spacing of states that the method knows: its fixed step, or 0 with dense output.
  virtual double grid_step() const { return 0; }

 protected:
  void keep(VectorRef v) const {
    if (subspace_) subspace_->project(v);
  }

 private:
  std::optional<InvariantSubspace> subspace_;
};

/// CVODE's BDF (variable order 1 to 5) with our Newton matrices, or its Adams methods with
/// functional iteration.
std::unique_ptr<Stepper> make_cvode_stepper(System& system, const SolverSettings& settings,
                                            bool adams);
/// Our Rosenbrock method: RODAS5P with an exact Newton matrix, ROS34PW2 with an approximate one.
std::unique_ptr<Stepper> make_rodas_stepper(System& system, const SolverSettings& settings);
/// Boost.Odeint's dopri5 (explicit, order 5(4)) and rosenbrock4 (order 4(3), dense Jacobian and
/// uBLAS's LU: a cross-check on small systems).
std::unique_ptr<Stepper> make_dopri5_stepper(System& system, const SolverSettings& settings);
std::unique_ptr<Stepper> make_rosenbrock4_stepper(System& system, const SolverSettings& settings);
/// ROCK4: explicit, of order 4(3), with stages as many as the stiffness asks for (real spectra).
std::unique_ptr<Stepper> make_rock4_stepper(System& system, const SolverSettings& settings);
/// What a method's cost goes by: steps that are all alike, those that no boundary of a piece has cut
/// short, or evaluations of the right-hand side.
enum class Effort { steps, whole_steps, evaluations };
/// Whether a method should begin at (t, y) on the way to t_stop.
using WorthTrying = std::function<bool(double t, const Vector& y, double t_stop)>;
/// The first of these up to where the second is the cheaper way to the
/// end; `affordable`: the effort of the first that costs as much as a whole run of the second.
/// Without `worth_trying` the first begins in any case.
std::unique_ptr<Stepper> make_switching_stepper(std::unique_ptr<Stepper> first,
                                                std::unique_ptr<Stepper> second, double affordable,
                                                Effort effort = Effort::steps,
                                                WorthTrying worth_trying = nullptr);
/// Any of these within the smooth pieces of a right-hand side (flow/pieces.hpp): each step ends
/// at a boundary that it meets, located on the dense output, and the next begins in the piece
/// beyond.
std::unique_ptr<Stepper> make_piecewise_stepper(FlowPieces& pieces, Index dimension,
                                                std::unique_ptr<Stepper> inner);
/// System::discrete_step, t = k step: gradient descent on a gradient flow; `method` is its name in
/// results and messages.
std::unique_ptr<Stepper> make_descent_stepper(System& system, double step, std::string method);

}  // namespace gradflow
