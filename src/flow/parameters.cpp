#include "flow/parameters.hpp"

#include <cmath>

#include "io/toml_document.hpp"
#include "numerics/activation.hpp"
#include "numerics/formula.hpp"
#include "numerics/short_number.hpp"

namespace gradflow {
namespace {

/// Limits at or above this only keep sizes from what no memory holds; they go without saying until
/// they are met.
constexpr double largest_integer = 1e12;

/// A number as it would be written in a config: with a point where it is no integer.
std::string written(double value) {
  std::string text = short_number(value, 12);
  if (text.find_first_of(".en") == std::string::npos) text += ".0";
  return text;
}

std::string quoted_list(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) {
    if (!out.empty()) out += ", ";
    out += '"' + text + '"';
  }
  return out;
}

std::string range_text(const ParameterInfo& info) {
  const bool below = std::isfinite(info.minimum),
             above = std::isfinite(info.maximum) && info.maximum < largest_integer;
  std::string low = (info.minimum_excluded ? " > " : " >= ") + short_number(info.minimum, 12);
  std::string high = (info.maximum_excluded ? " < " : " <= ") + short_number(info.maximum, 12);
  if (below && above) return low + " and" + high;
  if (below) return low;
  if (above) return high;
  return "";
}

bool in_range(const ParameterInfo& info, double value) {
  if (std::isnan(value)) return false;
  if (info.minimum_excluded ? value <= info.minimum : value < info.minimum) return false;
  return info.maximum_excluded ? value < info.maximum : value <= info.maximum;
}

std::string shown(const ParameterValue& value) {
  struct Show {
    std::string operator()(std::monostate) const { return "nothing"; }
    std::string operator()(bool b) const { return b ? "true" : "false"; }
    std::string operator()(std::int64_t i) const { return std::to_string(i); }
    std::string operator()(double d) const { return written(d); }
    std::string operator()(const std::string& s) const {
      return '"' + (s.size() <= 60 ? s : s.substr(0, 60) + "...") + '"';
    }
    std::string operator()(const std::vector<std::int64_t>&) const { return "a list"; }
    std::string operator()(const std::vector<double>&) const { return "a list"; }
    std::string operator()(const std::vector<std::string>&) const { return "a list"; }
  };
  return std::visit(Show{}, value);
}

/// "x, y or z".
std::string alternatives(const std::vector<std::string>& names) {
  std::string out;
  for (std::size_t i = 0; i < names.size(); ++i)
    out += (i == 0 ? "" : i + 1 == names.size() ? " or " : ", ") + names[i];
  return out;
}

/// What is wrong with a text that should be a formula; empty: nothing is.
std::string fault_of_formula(const ParameterInfo& info, const std::string& text) {
  try {
    if (info.smooth_formula)
      activation_formula(text);
    else
      Formula(text, info.formula_variables, Formula::Functions::all);
    return "";
  } catch (const FormulaError& error) {
    std::string fault = "is " + quoted_list({text.substr(0, 60)}) + ", which ";
    fault += error.what();
    if (error.column() > 0) fault += " (column " + std::to_string(error.column()) + " of it)";
    if (!error.unknown().empty()) fault += suggestion(error.unknown(), error.known());
    return fault;
  }
}

ParameterInfo make(std::string name, ParameterType type, std::string meaning) {
  ParameterInfo info;
  info.name = std::move(name);
  info.type = type;
  info.meaning = std::move(meaning);
  return info;
}

}  // namespace

std::string ParameterInfo::expectation() const {
  switch (type) {
    case ParameterType::boolean:
      return "true or false";
    case ParameterType::integer:
      return "an integer" + range_text(*this);
    case ParameterType::real:
      return "a number" + range_text(*this);
    case ParameterType::text:
      if (choices.empty()) return "a text";
      return "one of " + quoted_list(choices) +
             (formula_variables.empty() ? ""
                                        : ", or a formula in " + alternatives(formula_variables));
    case ParameterType::text_or_real:
      return "one of " + quoted_list(choices) + ", or a number" + range_text(*this);
    case ParameterType::integer_list:
      return "a list of integers" + range_text(*this);
    case ParameterType::real_list:
      return "a list of numbers" + range_text(*this);
    case ParameterType::text_list:
      return choices.empty() ? "a list of texts" : "a list of " + quoted_list(choices);
    case ParameterType::text_or_list:
      return choices.empty() ? "a text or a list of texts"
                             : "one of " + quoted_list(choices) + ", or a list of them";
    case ParameterType::file:
      return "the path of a .npy, .csv or IDX file of shape " + shape;
  }
  return "";
}

bool ParameterInfo::names_choice(const std::string& text) const {
  if (formula_variables.empty()) return true;
  for (const std::string& variable : formula_variables)
    if (text == variable) return false;
  return !text.empty() && text.find_first_not_of(
                              "abcdefghijklmnopqrstuvwxyz"
                              "ABCDEFGHIJKLMNOPQRSTUVWXYZ_-") == std::string::npos;
}

ParameterInfo integer_parameter(std::string name, std::optional<std::int64_t> default_value,
                                std::string meaning, double minimum, double maximum) {
  ParameterInfo info = make(std::move(name), ParameterType::integer, std::move(meaning));
  if (default_value) info.default_value = *default_value;
  info.minimum = minimum;
  info.maximum = maximum;
  return info;
}

ParameterInfo real_parameter(std::string name, std::optional<double> default_value,
                             std::string meaning) {
  ParameterInfo info = make(std::move(name), ParameterType::real, std::move(meaning));
  if (default_value) info.default_value = *default_value;
  return info;
}

ParameterInfo positive_parameter(std::string name, std::optional<double> default_value,
                                 std::string meaning) {
  ParameterInfo info = real_parameter(std::move(name), default_value, std::move(meaning));
  info.minimum = 0;
  info.minimum_excluded = true;
  return info;
}

ParameterInfo nonnegative_parameter(std::string name, std::optional<double> default_value,
                                    std::string meaning) {
  ParameterInfo info = real_parameter(std::move(name), default_value, std::move(meaning));
  info.minimum = 0;
  return info;
}

ParameterInfo boolean_parameter(std::string name, bool default_value, std::string meaning) {
  ParameterInfo info = make(std::move(name), ParameterType::boolean, std::move(meaning));
  info.default_value = default_value;
  return info;
}

ParameterInfo choice_parameter(std::string name, std::string default_value,
                               std::vector<std::string> choices, std::string meaning) {
  ParameterInfo info = make(std::move(name), ParameterType::text, std::move(meaning));
  info.default_value = std::move(default_value);
  info.choices = std::move(choices);
  return info;
}

ParameterInfo formula_parameter(std::string name, std::string default_value,
                                std::vector<std::string> choices,
                                std::vector<std::string> variables, bool smooth,
                                std::string meaning) {
  ParameterInfo info = choice_parameter(std::move(name), std::move(default_value),
                                        std::move(choices), std::move(meaning));
  info.formula_variables = std::move(variables);
  info.smooth_formula = smooth;
  return info;
}

ParameterInfo factor_parameter(std::string name, std::string default_value,
                               std::vector<std::string> choices, std::string meaning) {
  ParameterInfo info = choice_parameter(std::move(name), std::move(default_value),
                                        std::move(choices), std::move(meaning));
  info.type = ParameterType::text_or_real;
  info.minimum = 0;
  info.minimum_excluded = true;
  return info;
}

ParameterInfo list_parameter(std::string name, std::optional<std::vector<double>> default_value,
                             std::string meaning) {
  ParameterInfo info = make(std::move(name), ParameterType::real_list, std::move(meaning));
  if (default_value) info.default_value = std::move(*default_value);
  return info;
}

ParameterInfo integer_list_parameter(std::string name,
                                     std::optional<std::vector<std::int64_t>> default_value,
                                     std::string meaning, double minimum) {
  ParameterInfo info = make(std::move(name), ParameterType::integer_list, std::move(meaning));
  if (default_value) info.default_value = std::move(*default_value);
  info.minimum = minimum;
  return info;
}

ParameterInfo file_parameter(std::string name, std::string shape, std::string meaning) {
  ParameterInfo info = make(std::move(name), ParameterType::file, std::move(meaning));
  info.shape = std::move(shape);
  return info;
}

namespace {

[[noreturn]] void refuse(const ParameterInfo& declared, const std::string& what) {
  throw ParameterError(declared.name, "is " + what + ", expected " + declared.expectation());
}

/// An integer is a number, a list of integers a list of numbers, and a text a list of one where
/// both are accepted; nothing else is converted.
ParameterValue converted(const ParameterInfo& declared, ParameterValue value) {
  switch (declared.type) {
    case ParameterType::real:
    case ParameterType::text_or_real:
      if (const auto* integer = std::get_if<std::int64_t>(&value))
        return static_cast<double>(*integer);
      break;
    case ParameterType::real_list:
      if (const auto* list = std::get_if<std::vector<std::int64_t>>(&value))
        return std::vector<double>(list->begin(), list->end());
      break;
    case ParameterType::text_or_list:
      if (const auto* text = std::get_if<std::string>(&value))
        return std::vector<std::string>{*text};
      break;
    default:
      break;
  }
  return value;
}

bool fits_number(const ParameterInfo& declared, const double* number) {
  return number != nullptr && std::isfinite(*number) && in_range(declared, *number);
}

bool fits_integer(const ParameterInfo& declared, const std::int64_t* integer) {
  if (integer == nullptr) return false;
  if (in_range(declared, static_cast<double>(*integer))) return true;
  if (declared.maximum >= largest_integer && *integer > 0)
    throw ParameterError(declared.name, "is " + shown(*integer) + ", expected " +
                                            declared.expectation() + ", and at most " +
                                            short_number(declared.maximum, 12));
  return false;
}

bool fits_text(const ParameterInfo& declared, const std::string* text) {
  if (text == nullptr) return false;
  if (declared.choices.empty()) return true;
  for (const std::string& choice : declared.choices)
    if (choice == *text) return true;
  if (declared.names_choice(*text)) refuse(declared, shown(*text));
  if (const std::string fault = fault_of_formula(declared, *text); !fault.empty())
    throw ParameterError(declared.name, fault);
  return true;
}

/// Is the value of the type that is declared? \throws ParameterError where it is, and holds
/// what is not accepted
bool accepts(const ParameterInfo& declared, const ParameterValue& value) {
  switch (declared.type) {
    case ParameterType::boolean:
      return std::holds_alternative<bool>(value);
    case ParameterType::integer:
      return fits_integer(declared, std::get_if<std::int64_t>(&value));
    case ParameterType::real:
      return fits_number(declared, std::get_if<double>(&value));
    case ParameterType::text:
    case ParameterType::file:
      return fits_text(declared, std::get_if<std::string>(&value));
    case ParameterType::text_or_real:
      return std::holds_alternative<double>(value)
                 ? fits_number(declared, std::get_if<double>(&value))
                 : fits_text(declared, std::get_if<std::string>(&value));
    case ParameterType::integer_list:
      if (const auto* list = std::get_if<std::vector<std::int64_t>>(&value)) {
        for (const std::int64_t entry : *list)
          if (!in_range(declared, static_cast<double>(entry)))
            refuse(declared, "a list with " + std::to_string(entry));
        return true;
      }
      return false;
    case ParameterType::real_list:
      if (const auto* list = std::get_if<std::vector<double>>(&value)) {
        for (const double entry : *list)
          if (!fits_number(declared, &entry)) refuse(declared, "a list with " + written(entry));
        return true;
      }
      return false;
    case ParameterType::text_or_list:
    case ParameterType::text_list:
      if (const auto* list = std::get_if<std::vector<std::string>>(&value)) {
        for (const std::string& entry : *list) fits_text(declared, &entry);
        return true;
      }
      return false;
  }
  return false;
}

}  // namespace

Parameters::Parameters(std::vector<ParameterInfo> declared) : declared_(std::move(declared)) {
  for (const ParameterInfo& parameter : declared_)
    values_[parameter.name] = parameter.default_value;
}

const ParameterInfo* Parameters::find(std::string_view name) const {
  for (const ParameterInfo& parameter : declared_)
    if (parameter.name == name) return &parameter;
  return nullptr;
}

const ParameterInfo& Parameters::info(std::string_view name) const {
  if (const ParameterInfo* found = find(name)) return *found;
  throw std::logic_error("parameter '" + std::string(name) + "' is not declared");
}

void Parameters::set(const std::string& name, ParameterValue value) {
  const ParameterInfo& declared = info(name);
  value = converted(declared, std::move(value));
  if (!accepts(declared, value)) refuse(declared, shown(value));
  values_[name] = std::move(value);
  given_[name] = true;
}

void Parameters::set_file(const std::string& name, std::string path, Matrix numbers) {
  set(name, std::move(path));
  files_[name] = std::move(numbers);
}

bool Parameters::given(std::string_view name) const {
  info(name);
  const auto found = given_.find(name);
  return found != given_.end() && found->second;
}

bool Parameters::has(std::string_view name) const {
  return !std::holds_alternative<std::monostate>(value(name));
}

const ParameterValue& Parameters::value(std::string_view name) const {
  info(name);
  return values_.find(name)->second;
}

template <class T>
const T& Parameters::get(std::string_view name) const {
  if (const T* found = std::get_if<T>(&value(name))) return *found;
  throw std::logic_error("parameter '" + std::string(name) +
                         "' has no value of the type asked for");
}

bool Parameters::boolean(std::string_view name) const {
  return get<bool>(name);
}
std::int64_t Parameters::integer(std::string_view name) const {
  return get<std::int64_t>(name);
}
double Parameters::real(std::string_view name) const {
  return get<double>(name);
}
const std::string& Parameters::text(std::string_view name) const {
  return get<std::string>(name);
}
const std::vector<double>& Parameters::reals(std::string_view name) const {
  return get<std::vector<double>>(name);
}
const std::vector<std::int64_t>& Parameters::integers(std::string_view name) const {
  return get<std::vector<std::int64_t>>(name);
}
const std::vector<std::string>& Parameters::texts(std::string_view name) const {
  return get<std::vector<std::string>>(name);
}

const Matrix& Parameters::file(std::string_view name) const {
  const auto found = files_.find(name);
  if (found == files_.end())
    throw std::logic_error("no file was read for parameter '" + std::string(name) + "'");
  return found->second;
}

Vector Parameters::file_vector(std::string_view name) const {
  const Matrix& numbers = file(name);
  if (numbers.cols() != 1 && numbers.rows() != 1)
    throw ParameterError(std::string(name), "has shape (" + std::to_string(numbers.rows()) + ", " +
                                                std::to_string(numbers.cols()) +
                                                "), expected shape " + info(name).shape);
  return Eigen::Map<const Vector>(numbers.data(), numbers.size());
}

Index Parameters::fix_size(const std::string& name, Index size, const std::string& file_parameter) {
  if (given(name) && integer(name) != size)
    throw ParameterError(name, "is " + std::to_string(integer(name)) + ", but model." +
                                   file_parameter + " fixes it at " + std::to_string(size));
  resolve(name, static_cast<std::int64_t>(size));
  return size;
}

void Parameters::resolve(const std::string& name, ParameterValue value) {
  info(name);
  values_[name] = std::move(value);
}

void Parameters::unused(const std::string& name, const std::string& other) {
  if (given(name)) throw ParameterError(name, "does not go with model." + other);
  values_[name] = std::monostate{};
}

void Parameters::without_effect(const std::string& name, const std::string& reason) {
  if (given(name)) ineffective_.emplace(name, reason);
}

void Parameters::require_shape(const std::string& name, Index rows, Index columns) const {
  const Matrix& numbers = file(name);
  if ((rows >= 0 && numbers.rows() != rows) || (columns >= 0 && numbers.cols() != columns)) {
    const auto side = [](Index n) { return n < 0 ? std::string("any") : std::to_string(n); };
    throw ParameterError(name, "has shape (" + std::to_string(numbers.rows()) + ", " +
                                   std::to_string(numbers.cols()) + "), expected (" + side(rows) +
                                   ", " + side(columns) + "), that is " + info(name).shape);
  }
}

}  // namespace gradflow
