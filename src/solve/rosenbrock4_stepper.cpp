#include <boost/numeric/odeint/stepper/rosenbrock4.hpp>
#include <boost/numeric/ublas/matrix.hpp>
#include <boost/numeric/ublas/vector.hpp>
#include <cmath>
#include <limits>

#include "solve/one_step_stepper.hpp"

namespace gradflow {
namespace {

namespace odeint = boost::numeric::odeint;
namespace ublas = boost::numeric::ublas;

Eigen::Map<const Vector> view(const ublas::vector<double>& x) {
  return {&x[0], static_cast<Index>(x.size())};
}
Eigen::Map<Vector> view(ublas::vector<double>& x) {
  return {&x[0], static_cast<Index>(x.size())};
}

/// Boost.Odeint's method of order 4(3) with a dense Jacobian, a column a product, and uBLAS's LU.
class Rosenbrock4Stepper final : public OneStepStepper {
 public:
  Rosenbrock4Stepper(System& system, const SolverSettings& settings)
      : OneStepStepper(system, settings, order, embedded_order),
        point_(system.dimension()),
        image_(system.dimension()) {
    for (ublas::vector<double>* v : {&from_, &to_, &difference_, &between_})
      v->resize(static_cast<std::size_t>(system.dimension()));
  }

  void interpolate(double t, VectorRef y) override {
    if (t >= time_ || !(time_ > previous_)) {
      y = state_;
      return;
    }
    method_.calc_state(t, between_, from_, previous_, to_, time_);
    y = view(between_);
  }
  /// The flow's at the state there.
  void interpolate_derivative(double t, VectorRef ydot) override {
    if (t >= time_ || !(time_ > previous_)) {
      ydot = slope_;
      return;
    }
    interpolate(t, point_);
    evaluate(t, point_, ydot);
  }

  std::string method() const override { return "rosenbrock4"; }
  std::string linear() const override { return "dense (uBLAS)"; }

 private:
  static constexpr int order = 4, embedded_order = 3;

  void prepare() override {}
  void accepted() override { method_.prepare_dense_output(); }
  void exchange_own(Archive&) override {}

  double try_step(double h) override {
    view(from_) = state_;
    const auto rhs = [this](const ublas::vector<double>& x, ublas::vector<double>& dxdt, double t) {
      slope_at(t, x);
      view(dxdt) = image_;
    };
    const auto jacobian = [this](const ublas::vector<double>& x, ublas::matrix<double>& J, double t,
                                 ublas::vector<double>& dfdt) {
      const Index n = static_cast<Index>(x.size());
      Vector unit(n);
      point_ = view(x);
      for (Index j = 0; j < n; ++j) {
        unit = Vector::Unit(n, j);
        keep(unit);  // of the projected flow: across the subspace it stands still
        system_.jacobian_times(t, point_, unit, image_);
        keep(image_);
        for (Index i = 0; i < n; ++i)
          J(static_cast<std::size_t>(i), static_cast<std::size_t>(j)) = image_[i];
      }
      for (std::size_t i = 0; i < x.size(); ++i) dfdt[i] = 0;
      ++statistics_.linearisations;
    };
    method_.do_step(std::make_pair(rhs, jacobian), from_, time_, to_, h, difference_);
    next_ = view(to_);
    error_ = view(difference_);
    const double error = weighted_norm(error_, state_, next_);
    return std::isfinite(error) ? error : std::numeric_limits<double>::quiet_NaN();
  }

  /// By way of vectors of our own: uBLAS's memory is not aligned alike from run to run, and bits
  /// depend on that.
  void slope_at(double t, const ublas::vector<double>& x) {
    point_ = view(x);
    evaluate(t, point_, image_);
  }

  odeint::rosenbrock4<double> method_;
  ublas::vector<double> from_, to_, difference_, between_;
  Vector point_, image_;
};

}  // namespace

std::unique_ptr<Stepper> make_rosenbrock4_stepper(System& system, const SolverSettings& settings) {
  return std::make_unique<Rosenbrock4Stepper>(system, settings);
}

}  // namespace gradflow
