#include <sstream>
#include <utility>

#include "solve/stepper.hpp"

namespace gradflow {
namespace {

/// A method for as long as it pays, then one that is stable at longer steps. Where a Newton set-up
/// costs as much as a hundred explicit steps and more, a flow that is not stiff is over before an
/// implicit method has gone anywhere; one that is shows it within a few dozen explicit steps, which
/// cost less than one set-up. The first method goes on while its way to the end, at the pace of
/// late, fits into what the second would cost, or while its steps still grow.
///
/// Where the first method is worth a try is asked before its first step, with the state and the
/// end.
///
/// In the same way rodas goes before CVODE where a step of both costs alike, until it has taken
/// more steps than that.
///
/// All counts are of steps and of flops from the formulas, so that a run is the same on any
/// machine.
class SwitchingStepper final : public Stepper {
 public:
  SwitchingStepper(std::unique_ptr<Stepper> first, std::unique_ptr<Stepper> second,
                   double affordable, Effort effort, WorthTrying worth_trying)
      : active_(std::move(first)),
        second_(std::move(second)),
        affordable_(affordable),
        effort_(effort),
        worth_trying_(std::move(worth_trying)),
        ask_first_(worth_trying_ != nullptr) {}

  void start(double t0, ConstVectorRef y0) override {
    active_->keep_to(subspace());
    active_->start(t0, y0);
    ask_first_ = worth_trying_ != nullptr;
    looked_at_ = t0;
    spent_at_look_ = spent();
    last_pace_ = 0;
    until_look_ = steps_between_looks;
  }

  bool move_to(double t, ConstVectorRef y) override {
    if (second_) ++moved_;
    return active_->move_to(t, y);
  }

  void step(double t_stop, double longest) override {
    if (second_ && std::exchange(ask_first_, false) && !worth_trying_(time(), state(), t_stop))
      change("");
    if (second_ && until_look_ == 0) look(t_stop);
    try {
      active_->step(t_stop, longest);
      if (until_look_ > 0) --until_look_;
    } catch (const SolverError&) {
      // Steps that shrink to nothing: what is left is for the second method to try.
      if (!second_ || !active_->state().allFinite()) throw;
      change(history());
      active_->step(t_stop, longest);
    }
  }

  void exchange(Archive& archive) override {
    archive("ask_first", ask_first_);
    bool switched = !second_;
    archive("switched", switched);
    if (archive.reading() && switched && second_) {
      active_ = std::move(second_);
      active_->keep_to(subspace());
    }
    archive("looked_at", looked_at_);
    archive("spent_at_look", spent_at_look_);
    archive("last_pace", last_pace_);
    archive("until_look", until_look_);
    archive("moved", moved_);
    archive("history", history_);
    archive.part("before", before_);
    archive.part("active", *active_);
  }
  bool can_resume() const override { return active_->can_resume(); }
  bool resumes_anywhere() const override { return active_->resumes_anywhere(); }

  double smooth(VectorRef v) override { return active_->smooth(v); }
  SmoothingMatrix smoothing_matrix() const override { return active_->smoothing_matrix(); }
  double accumulated_error() override { return active_->accumulated_error(); }
  double time() const override { return active_->time(); }
  double previous_time() const override { return active_->previous_time(); }
  const Vector& state() const override { return active_->state(); }
  void interpolate(double t, VectorRef y) override { active_->interpolate(t, y); }
  void interpolate_derivative(double t, VectorRef ydot) override {
    active_->interpolate_derivative(t, ydot);
  }
  void interpolate_nodes(const std::array<double, nodes>& t, Matrix& y, Matrix& ydot) override {
    active_->interpolate_nodes(t, y, ydot);
  }

  const Statistics& statistics() override {
    total_ = before_;
    total_ += active_->statistics();
    return total_;
  }
  // Before the first step it is not known which it will be.
  std::string method() const override {
    if (ask_first_) return active_->method() + " if not stiff, else " + second_->method();
    return history_ + active_->method();
  }
  std::string linear() const override { return ask_first_ ? second_->linear() : active_->linear(); }

 private:
  static constexpr long steps_between_looks = 50;
  /// From one look to the next, steps that grow by less than this do not grow.
  static constexpr double growing = 1.2;

  void look(double t_stop) {
    until_look_ = steps_between_looks;
    const double used = spent();
    if (!(used > spent_at_look_)) return;  // others have cut all steps short: nothing is known
    const double pace = (time() - looked_at_) / (used - spent_at_look_);
    const double needed = (t_stop - time()) / pace;
    // A method whose effort goes with the square root of the stiffness finds its pace again after
    // each phase, as does one between the boundaries of pieces: they are given up early only where
    // they are far off.
    const double patience = effort_ == Effort::steps ? 1 : 10;
    const bool dear = used > affordable_ ||
                      (used + needed > patience * affordable_ && pace < growing * last_pace_);
    if (dear) change(history());
    looked_at_ = time();
    spent_at_look_ = used;
    last_pace_ = pace;
  }

  /// Effort of the active method so far.
  double spent() {
    const Statistics& all = active_->statistics();
    switch (effort_) {
      case Effort::steps:
        return static_cast<double>(all.steps);
      case Effort::whole_steps:
        return static_cast<double>(all.steps - moved_);
      default:
        return static_cast<double>(all.rhs_evaluations);
    }
  }

  /// "dopri5 up to t = 0.3, then "
  std::string history() const {
    std::ostringstream text;
    text.precision(3);
    text << active_->method() << " up to t = " << time() << ", then ";
    return text.str();
  }

  void change(std::string history) {
    const double t = time();
    const Vector y = state();
    before_ = active_->statistics();
    history_ = std::move(history);
    active_ = std::move(second_);
    active_->keep_to(subspace());
    active_->start(t, y);
  }

  std::unique_ptr<Stepper> active_;
  std::unique_ptr<Stepper> second_;  ///< empty once it is active
  double affordable_;
  Effort effort_;
  WorthTrying worth_trying_;
  bool ask_first_;
  double looked_at_ = 0, spent_at_look_ = 0, last_pace_ = 0;
  long until_look_ = steps_between_looks;
  std::int64_t moved_ = 0;  ///< steps of the first method that others have cut short
  std::string history_;
  Statistics before_, total_;
};

}  // namespace

std::unique_ptr<Stepper> make_switching_stepper(std::unique_ptr<Stepper> first,
                                                std::unique_ptr<Stepper> second, double affordable,
                                                Effort effort, WorthTrying worth_trying) {
  return std::make_unique<SwitchingStepper>(std::move(first), std::move(second), affordable, effort,
                                            std::move(worth_trying));
}

}  // namespace gradflow
