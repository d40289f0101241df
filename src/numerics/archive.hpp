#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "numerics/types.hpp"

namespace gradflow {

/// What is read is not what was written: another version's, or another computation's.
class ArchiveError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The state of a computation on its way out or back in, by name. Who has a state to be kept says
/// `void exchange(Archive&)`, which names each member once, for both ways: an archive that begins
/// empty takes the values, one that was filled gives them. Numbers come back to the bit.
class Archive {
 public:
  using Entry =
      std::variant<std::vector<double>, std::vector<std::int64_t>, std::vector<std::string>>;
  using Entries = std::map<std::string, Entry>;

  /// Takes values.
  Archive() = default;
  /// Gives values, each once.
  explicit Archive(Entries entries) : entries_(std::move(entries)), reading_(true) {}

  bool reading() const { return reading_; }
  /// What it took.
  Entries&& take() && { return std::move(entries_); }

  // Errors, when reading: ArchiveError for a number that is not there, and for a vector that has a
  // length already, and another one. Arrays of no length are not kept, and come back as such.
  void operator()(const std::string& name, double& value);
  void operator()(const std::string& name, std::string& value);
  template <class T, std::enable_if_t<std::is_integral_v<T>, int> = 0>
  void operator()(const std::string& name, T& value) {
    std::vector<std::int64_t> one{static_cast<std::int64_t>(value)};
    exchange(name, one, 1);
    value = static_cast<T>(one.front());
  }
  void operator()(const std::string& name, std::vector<double>& values);
  void operator()(const std::string& name, std::vector<std::int64_t>& values);
  void operator()(const std::string& name, Vector& values);
  void operator()(const std::string& name, Matrix& values);
  void operator()(const std::string& name, std::optional<double>& value);
  template <std::size_t n>
  void operator()(const std::string& name, std::array<double, n>& values) {
    std::vector<double> list(values.begin(), values.end());
    exchange(name, list, n);
    std::copy(list.begin(), list.end(), values.begin());
  }

  /// What `object` keeps, by names that begin with `name`.
  template <class T>
  void part(const std::string& name, T& object) {
    const std::string outer = prefix_;
    prefix_ += name + ".";
    object.exchange(*this);
    prefix_ = outer;
  }

 private:
  static constexpr std::size_t any = ~std::size_t{0};
  /// \throws ArchiveError where another number of values than `expected` is read
  template <class T>
  void exchange(const std::string& name, std::vector<T>& values, std::size_t expected = any);

  Entries entries_;
  bool reading_ = false;
  std::string prefix_;
};

/// Who has a state that goes with that of a run beyond the run's own (pieces of a ReLU network):
/// systems and maps may be such.
class Resumable {
 public:
  virtual ~Resumable() = default;
  virtual void exchange(Archive& archive) = 0;
};

}  // namespace gradflow
