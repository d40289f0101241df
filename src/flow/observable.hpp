#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "numerics/types.hpp"

namespace gradflow {

/// A state of a run, as observables see it. `serial` differs from sample to sample, so that
/// observables of one model can share what they compute.
struct State {
  double t;
  ConstVectorRef y;
  std::uint64_t serial;
};

/// What the observables of a model share at one state: made once a sample.
template <class T>
class OncePerSample {
 public:
  /// `make(value)` is called where the sample is another; until then the value is the last one's.
  template <class Make>
  T& at(const State& state, Make&& make) {
    if (!filled_ || serial_ != state.serial) {
      make(value_);
      serial_ = state.serial;
      filled_ = true;
    }
    return value_;
  }

 private:
  T value_{};
  std::uint64_t serial_ = 0;
  bool filled_ = false;
};

/// A named dimension of an observable or a measurement, with its coordinate values.
struct Axis {
  std::string name;
  std::vector<double> coordinate;
  std::string long_name;
  bool integer = true;  ///< the coordinate counts (mode, degree, neuron); else it is a quantity
};

/// Axis 0, 1, ..., n-1 (or from `first`).
inline Axis counting_axis(std::string name, Index n, std::string long_name, Index first = 0) {
  Axis axis{std::move(name), {}, std::move(long_name), true};
  axis.coordinate.reserve(static_cast<std::size_t>(n));
  for (Index i = 0; i < n; ++i) axis.coordinate.push_back(static_cast<double>(first + i));
  return axis;
}

/// A number or array read off the state at each sample.
struct Observable {
  std::string name;
  std::string long_name;
  std::vector<Axis> axes;  ///< empty for a number; row-major otherwise
  bool by_default = true;
  /// Writes size() numbers to `out`.
  std::function<void(const State&, double* out)> evaluate;
  std::string units = "1";
  /// Keys of [measure] that say how it is measured.
  std::vector<std::string> keys = {};
  /// The observable that this one belongs to (as an error does): it is there wherever that one is.
  std::string beside = {};

  /// Do the names ask for it?
  bool named_in(const std::vector<std::string>& names) const {
    return std::any_of(names.begin(), names.end(), [this](const std::string& asked) {
      return asked == name || (!beside.empty() && asked == beside);
    });
  }

  Index size() const {
    Index n = 1;
    for (const Axis& axis : axes) n *= static_cast<Index>(axis.coordinate.size());
    return n;
  }
};

/// A number or array of a whole run.
struct Measurement {
  std::string name;
  std::string long_name;
  std::vector<Axis> axes;
  std::vector<double> values;
  std::string units = "1";
};

/// What a number of a run is. Declared once: results, `gradflow models` and the check of
/// `measure.exponents` take it from there.
struct NumberInfo {
  std::string name;
  std::string long_name;
  std::string units = "1";
};

inline Measurement measured(const NumberInfo& info, double value) {
  return {info.name, info.long_name, {}, {value}, info.units};
}

}  // namespace gradflow
