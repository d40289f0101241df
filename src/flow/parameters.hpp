#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "numerics/types.hpp"

/// Parameters are declared once, beside what they belong to. Parsing, messages, `check`, `models`,
/// the result file and the docs are all made from the declaration.
namespace gradflow {

enum class ParameterType {
  boolean,
  integer,
  real,
  text,
  integer_list,
  real_list,
  text_list,
  text_or_list,  ///< one text, or a list of texts
  text_or_real,  ///< one of the choices, or a number
  file           ///< path of a data file (io/data_file.hpp) whose numbers the model reads
};

/// monostate: not given and without a default.
using ParameterValue =
    std::variant<std::monostate, bool, std::int64_t, double, std::string, std::vector<std::int64_t>,
                 std::vector<double>, std::vector<std::string>>;

struct ParameterInfo {
  std::string name;
  ParameterType type = ParameterType::real;
  ParameterValue default_value;  ///< monostate: no default; see `meaning`
  std::string meaning;
  double minimum = -std::numeric_limits<double>::infinity();
  double maximum = std::numeric_limits<double>::infinity();
  bool minimum_excluded = false;
  bool maximum_excluded = false;
  std::vector<std::string> choices = {};  ///< for texts; empty: any
  /// Of texts that may also be a formula (numerics/formula.hpp) in these variables; empty: none.
  std::vector<std::string> formula_variables = {};
  bool smooth_formula = false;  ///< an activation: one variable, no kinks
  std::string shape = {};       ///< for files, e.g. "(samples, dimension)"

  /// True for what can only be meant as one of the choices: a name that is no variable.
  bool names_choice(const std::string& text) const;

  /// "a number > 0", "an integer from 1 to 97", "one of "difference", "product"", ...
  std::string expectation() const;
};

/// Brief constructors, so that a model's declaration reads as a table.
ParameterInfo integer_parameter(std::string name, std::optional<std::int64_t> default_value,
                                std::string meaning, double minimum = 1, double maximum = 1e12);
ParameterInfo real_parameter(std::string name, std::optional<double> default_value,
                             std::string meaning);
ParameterInfo positive_parameter(std::string name, std::optional<double> default_value,
                                 std::string meaning);
ParameterInfo nonnegative_parameter(std::string name, std::optional<double> default_value,
                                    std::string meaning);
ParameterInfo boolean_parameter(std::string name, bool default_value, std::string meaning);
ParameterInfo choice_parameter(std::string name, std::string default_value,
                               std::vector<std::string> choices, std::string meaning);
/// Choices, or a formula in these variables.
ParameterInfo formula_parameter(std::string name, std::string default_value,
                                std::vector<std::string> choices,
                                std::vector<std::string> variables, bool smooth,
                                std::string meaning);
/// Choices, or a number > 0.
ParameterInfo factor_parameter(std::string name, std::string default_value,
                               std::vector<std::string> choices, std::string meaning);
ParameterInfo list_parameter(std::string name, std::optional<std::vector<double>> default_value,
                             std::string meaning);
ParameterInfo integer_list_parameter(std::string name,
                                     std::optional<std::vector<std::int64_t>> default_value,
                                     std::string meaning, double minimum = 0);
ParameterInfo file_parameter(std::string name, std::string shape, std::string meaning);

/// A value that cannot be used, with the parameter's name; who knows the config adds file and line.
class ParameterError : public std::runtime_error {
 public:
  ParameterError(std::string parameter, const std::string& message)
      : std::runtime_error(message), parameter_(std::move(parameter)) {}
  const std::string& parameter() const { return parameter_; }

 private:
  std::string parameter_;
};

/// The values of a declared set of parameters. Getters throw std::logic_error for a name that was
/// not declared or a type that does not fit: that is a bug of the caller, not of a config.
class Parameters {
 public:
  Parameters() = default;
  explicit Parameters(std::vector<ParameterInfo> declared);

  const std::vector<ParameterInfo>& declared() const { return declared_; }
  const ParameterInfo* find(std::string_view name) const;

  /// Checks type, range and choices. \throws ParameterError
  void set(const std::string& name, ParameterValue value);
  /// The numbers read from the file that parameter `name` gives.
  void set_file(const std::string& name, std::string path, Matrix numbers);

  bool given(std::string_view name) const;  ///< set by the user, not by a default
  bool has(std::string_view name) const;    ///< given or with a default
  const ParameterValue& value(std::string_view name) const;

  bool boolean(std::string_view name) const;
  std::int64_t integer(std::string_view name) const;
  double real(std::string_view name) const;
  const std::string& text(std::string_view name) const;
  const std::vector<double>& reals(std::string_view name) const;
  const std::vector<std::int64_t>& integers(std::string_view name) const;
  const std::vector<std::string>& texts(std::string_view name) const;

  bool has_file(std::string_view name) const { return files_.count(std::string(name)) != 0; }
  const Matrix& file(std::string_view name) const;
  /// The file's numbers as a vector: shape (n), (n, 1) or (1, n). \throws ParameterError
  Vector file_vector(std::string_view name) const;

  /// A size that a data file fixes: may be left out; given and different, it is an error.
  /// Afterwards the resolved parameter has the file's value. \throws ParameterError
  Index fix_size(const std::string& name, Index size, const std::string& file_parameter);
  /// Records what a default that depends on other parameters came to.
  void resolve(const std::string& name, ParameterValue value);
  /// A parameter that `other` leaves without a meaning: an error where given, otherwise without a
  /// value, so that the resolved config does not show it. \throws ParameterError
  void unused(const std::string& name, const std::string& other);
  /// A parameter that has no effect beside others, which are named in `reason`: a warning where it
  /// is given.
  void without_effect(const std::string& name, const std::string& reason);
  /// Those that are given without an effect, with the reasons.
  const std::map<std::string, std::string, std::less<>>& ineffective() const {
    return ineffective_;
  }
  /// Requires file `name` to have the given shape (-1: any). \throws ParameterError
  void require_shape(const std::string& name, Index rows, Index columns) const;

 private:
  const ParameterInfo& info(std::string_view name) const;
  template <class T>
  const T& get(std::string_view name) const;

  std::vector<ParameterInfo> declared_;
  std::map<std::string, ParameterValue, std::less<>> values_;
  std::map<std::string, bool, std::less<>> given_;
  std::map<std::string, Matrix, std::less<>> files_;
  std::map<std::string, std::string, std::less<>> ineffective_;
};

}  // namespace gradflow
