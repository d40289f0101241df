#include "study/expressions.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "numerics/expression.hpp"
#include "numerics/types.hpp"
#include "study/key_name.hpp"

namespace gradflow {
namespace {

using Places = std::vector<std::size_t>;

/// Without its sign, so that columns are those of the text as it stands in the config.
std::string without_sign(std::string text) {
  text[text.find('=')] = ' ';
  return text;
}

std::vector<std::string> keys_of(const Schema& schema) {
  std::set<std::string> keys;
  for (std::size_t m = 0; m < schema.models(); ++m)
    for (const Section& section : schema.sections(m))
      for (const ParameterInfo& info : section.declaration)
        keys.insert(KeyName{section.name, info.name}.whole());
  return {keys.begin(), keys.end()};
}

/// An expression of one key, of its own or of a variant.
struct Term {
  std::string called;  ///< the key in messages
  WrittenExpression written;
  Expression expression;

  [[noreturn]] void complain(const std::string& what,
                             const Expression::Name* name = nullptr) const {
    throw ConfigError(
        written.position,
        called + ": is " + toml_text(shortened(written.text)) + ", which " + what +
            (name != nullptr ? " (column " + std::to_string(name->column) + " of it)" : ""));
  }
};

Term read_term(const std::string& called, const WrittenExpression& written, const Schema& schema) {
  const std::vector<std::string> known = keys_of(schema);
  try {
    Term term{called, written, Expression(without_sign(written.text), known)};
    for (const Expression::Name& name : term.expression.names()) {
      const ParameterInfo& info = schema.declared(name.text, written.position);
      if (!takes_number(info))
        term.complain("has " + name.text + ", which is " + info.expectation() + ", no number",
                      &name);
    }
    return term;
  } catch (const FormulaError& error) {
    std::string what =
        called + ": is " + toml_text(shortened(written.text)) + ", which " + error.what();
    if (error.column() > 0) what += " (column " + std::to_string(error.column()) + " of it)";
    if (!error.unknown().empty()) {
      // The last part of a key may be right, and its section forgotten.
      const auto whole = std::find_if(known.begin(), known.end(), [&](const std::string& other) {
        return KeyName::of(other).name == error.unknown();
      });
      what += whole != known.end() ? "; did you mean \"" + *whole + "\"?"
                                   : suggestion(error.unknown(), error.known());
    }
    throw ConfigError(written.position, what);
  }
}

/// Calls `visit` with each combination of places along `dimensions`, in row-major order.
template <class Visit>
void for_each_place(const Design& design, const std::vector<std::size_t>& dimensions,
                    const Visit& visit) {
  Places places(design.dimensions().size(), 0);
  for (;;) {
    visit(places);
    std::size_t d = dimensions.size();
    for (; d > 0; --d) {
      std::size_t& place = places[dimensions[d - 1]];
      if (++place < design.dimensions()[dimensions[d - 1]].length) break;
      place = 0;
    }
    if (d == 0) return;
  }
}

/// All expressions of a config on their way to values.
class Work {
 public:
  Work(const ExpressionScope& scope, Complaints& complaints) : scope_(scope) {
    const auto read = [&](const std::string& key, const std::string& called,
                          const WrittenExpression& written, std::optional<std::size_t> variant) {
      complaints.hear(
          [&] { terms_[key].try_emplace(variant, read_term(called, written, scope.schema)); });
    };
    for (const auto& [key, written] : scope.written) read(key, key, written, std::nullopt);
    for (const ConfigAxis& axis : scope.design.axes()) {
      if (!scope.design.is_of_variants(axis)) continue;
      const StudyDimension& group = scope.design.dimensions()[axis.dimension];
      const ParameterInfo& info = scope.schema.declared(axis.key, axis.position);
      for (std::size_t v = 0; v < axis.values.size(); ++v)
        if (is_expression(info, axis.values[v]))
          read(axis.key, "study." + group.key + "." + group.variants[v] + "." + axis.key,
               {std::get<std::string>(axis.values[v]), axis.positions[v]}, v);
    }
  }

  void order(Complaints& complaints) {
    // One circle at a time: all keys on it would tell of the same.
    complaints.hear([&] {
      for (const auto& [key, terms] : terms_) {
        std::vector<std::string> path;
        follow(key, path);
      }
    });
  }

  std::vector<WorkedOutKey> all(Complaints& complaints) {
    std::vector<WorkedOutKey> keys;
    for (const std::string& key : order_)
      if (!complaints.hear([&] { work_out(key); })) return {};
    for (const auto& [key, terms] : terms_) keys.push_back(worked_out_.at(key));
    return keys;
  }

 private:
  /// Of a key: by the variant that has it, or by none.
  using Terms = std::map<std::optional<std::size_t>, Term>;

  /// The dimensions that a key depends on; of expressions, those before it come before it in
  /// `order_`.
  const std::set<std::size_t>& follow(const std::string& key, std::vector<std::string>& path) {
    if (const auto known = dimensions_.find(key); known != dimensions_.end()) return known->second;
    std::set<std::size_t> all;
    const ConfigAxis* axis = scope_.design.axis(key);
    if (axis != nullptr) all.insert(axis->dimension);
    const auto models = scope_.design.model_dimension();
    if (models && some_model_lacks(key)) all.insert(*models);
    if (const auto found = terms_.find(key); found != terms_.end()) {
      path.push_back(key);
      for (const auto& [variant, term] : found->second) {
        if (std::find(path.begin(), path.end() - 1, key) != path.end() - 1)
          term.complain("follows from itself: " + circle(path));
        for (const Expression::Name& name : term.expression.names()) {
          const std::set<std::size_t>& others = follow(name.text, path);
          all.insert(others.begin(), others.end());
        }
      }
      path.pop_back();
      order_.push_back(key);
      worked_out_over_[key] = all;
    }
    // Where a value of its own is left to the models, they may have different ones.
    const bool left =
        scope_.written.count(key) == 0 && (axis == nullptr || scope_.design.is_of_variants(*axis));
    if (models && left && differs_by_model(key)) all.insert(*models);
    return dimensions_[key] = all;
  }

  bool some_model_lacks(const std::string& key) const {
    for (std::size_t m = 0; m < scope_.schema.models(); ++m)
      if (scope_.schema.find(key, m) == nullptr) return true;
    return false;
  }

  /// Do those models that have a key have it with different values?
  bool differs_by_model(const std::string& key) const {
    const auto [section, name] = KeyName::of(key);
    std::set<ParameterValue> values;
    for (std::size_t m = 0; m < scope_.schema.models(); ++m) {
      const auto own = scope_.base[m].sections.find(section);
      if (scope_.schema.find(key, m) != nullptr && own != scope_.base[m].sections.end())
        values.insert(own->second.value(name));
    }
    return values.size() > 1;
  }

  static std::string circle(const std::vector<std::string>& path) {
    std::string text;
    for (auto at = std::find(path.begin(), path.end(), path.back()); at != path.end(); ++at)
      text += (text.empty() ? "" : " from ") + *at;
    return text;
  }

  void work_out(const std::string& key) {
    WorkedOutKey out{key, name_of(key), false, {}, {}, {}};
    const std::set<std::size_t>& dimensions = worked_out_over_.at(key);
    out.dimensions.assign(dimensions.begin(), dimensions.end());
    for (const auto& [variant, term] : terms_.at(key))
      for (const Expression::Name& name : term.expression.names()) {
        out.sources.insert(name.text);
        if (const auto other = worked_out_.find(name.text); other != worked_out_.end())
          out.sources.insert(other->second.sources.begin(), other->second.sources.end());
      }
    std::vector<std::optional<Parameters>> trials;  // of each model
    for (std::size_t m = 0; m < scope_.schema.models(); ++m) {
      const ParameterInfo* info = scope_.schema.find(key, m);
      trials.push_back(info != nullptr ? std::optional(Parameters({*info})) : std::nullopt);
      if (info != nullptr) out.whole = info->type == ParameterType::integer;
    }
    const auto value_at = [&](const Places& places) {
      const Term* term = term_at(key, places);
      std::optional<Parameters>& trial = trials[scope_.design.model_at(places)];
      out.values.push_back(term != nullptr && trial ? checked(*term, places, *trial) : nan);
    };
    if (scope_.places != nullptr) {
      out.dimensions.clear();
      value_at(*scope_.places);
    } else {
      for_each_place(scope_.design, out.dimensions, value_at);
    }
    worked_out_.emplace(key, std::move(out));
  }

  /// Null where the key has a value of its own.
  const Term* term_at(const std::string& key, const Places& places) const {
    std::optional<std::size_t> variant;
    if (const ConfigAxis* axis = scope_.design.axis(key);
        axis != nullptr &&
        !std::holds_alternative<std::monostate>(axis->values[places[axis->dimension]]))
      variant = places[axis->dimension];
    const Terms& terms = terms_.at(key);
    const auto found = terms.find(variant);
    return found != terms.end() ? &found->second : nullptr;
  }

  double checked(const Term& term, const Places& places, Parameters& trial) const {
    std::vector<double> values;
    for (const Expression::Name& name : term.expression.names())
      values.push_back(value_of(term, name, places));
    const double value = term.expression(values);
    const ParameterInfo& info = trial.declared().front();
    const auto wrong = [&](const std::string& what) {
      std::string where;
      for (std::size_t i = 0; i < values.size(); ++i)
        where += (i > 0 ? ", " : " (where ") + term.expression.names()[i].text + " = " +
                 toml_number(values[i]);
      throw ConfigError(term.written.position, term.called + ": " +
                                                   toml_text(shortened(term.written.text)) + " " +
                                                   what + (where.empty() ? "" : where + ")"));
    };
    if (!std::isfinite(value)) wrong("is " + toml_number(value) + ", expected a finite number");
    if (info.type == ParameterType::integer &&
        (value != std::floor(value) || std::abs(value) > static_cast<double>(largest_exact)))
      wrong("is " + toml_number(value) + ", expected " + info.expectation());
    try {
      trial.set(info.name, as_value(value, info.type == ParameterType::integer));
    } catch (const ParameterError& error) {
      wrong(error.what());
    }
    return value;
  }

  /// What a name of `term` stands for at these places.
  double value_of(const Term& term, const Expression::Name& name, const Places& places) const {
    if (const auto other = worked_out_.find(name.text); other != worked_out_.end())
      if (const double value = other->second.values[other->second.index(scope_.design, places)];
          !std::isnan(value))
        return value;
    const std::size_t model = scope_.design.model_at(places);
    if (scope_.schema.find(name.text, model) == nullptr)
      term.complain("has " + name.text + ", which " + scope_.schema.model(model).name + " lacks",
                    &name);
    const ParameterValue value = own_value(name.text, places, model);
    if (const auto* real = std::get_if<double>(&value)) return *real;
    if (std::holds_alternative<std::string>(value))
      term.complain("has " + name.text + ", which is " + toml_value(value) + ", no number", &name);
    const auto* integer = std::get_if<std::int64_t>(&value);
    if (integer == nullptr)
      term.complain("has " + name.text + ", which is not given and has no default", &name);
    if (*integer > largest_exact || *integer < -largest_exact)
      term.complain("has " + name.text + ", which is " + toml_value(value) +
                        ": an integer beyond 2^53 has too many digits",
                    &name);
    return static_cast<double>(*integer);
  }

  /// The value of a key that no expression gives; monostate where there is none.
  ParameterValue own_value(const std::string& key, const Places& places, std::size_t model) const {
    if (const ConfigAxis* axis = scope_.design.axis(key)) {
      const ParameterValue& value = axis->values[places[axis->dimension]];
      if (!std::holds_alternative<std::monostate>(value)) return value;
    }
    if (const GivenBisection* given = scope_.design.bisection();
        given != nullptr && given->bisection.key == key)
      return given->bisection.value(scope_.bisected.value_or(given->bisection.low()));
    const auto& sections = scope_.base[model].sections;
    const auto section = sections.find(KeyName::of(key).section);
    return section != sections.end() ? section->second.value(KeyName::of(key).name)
                                     : ParameterValue{};
  }

  /// The last part of a key, where nothing else of the study has it.
  std::string name_of(const std::string& key) const {
    std::string last = KeyName::of(key).name;
    const auto has_it = [&](const std::string& other) {
      return other != key && KeyName::of(other).name == last;
    };
    for (const ConfigAxis& axis : scope_.design.axes())
      if (!scope_.design.is_of_variants(axis) && has_it(axis.key)) return key;
    for (const auto& [other, term] : terms_)
      if (has_it(other)) return key;
    for (const StudyDimension& dimension : scope_.design.dimensions())
      if (dimension.is_group() && dimension.name == last) return key;
    return last;
  }

  static constexpr std::int64_t largest_exact = std::int64_t{1} << 53;

  static ParameterValue as_value(double value, bool whole) {
    if (whole) return static_cast<std::int64_t>(value);
    return value;
  }

  const ExpressionScope& scope_;
  std::map<std::string, Terms> terms_;
  std::map<std::string, std::set<std::size_t>> dimensions_;       ///< of a key's value
  std::map<std::string, std::set<std::size_t>> worked_out_over_;  ///< of those by expressions
  std::vector<std::string> order_;
  std::map<std::string, WorkedOutKey> worked_out_;
};

}  // namespace

std::size_t WorkedOutKey::index(const Design& design,
                                const std::vector<std::size_t>& places) const {
  std::size_t index = 0;
  for (const std::size_t d : dimensions) index = index * design.dimensions()[d].length + places[d];
  return index;
}

std::optional<ParameterValue> WorkedOutKey::at(std::size_t index) const {
  const double value = values[index];
  if (std::isnan(value)) return std::nullopt;
  if (whole) return static_cast<std::int64_t>(value);
  return value;
}

std::vector<WorkedOutKey> work_out(const ExpressionScope& scope, Complaints& complaints) {
  Work work(scope, complaints);
  if (complaints.none()) work.order(complaints);
  if (!complaints.none()) return {};
  return work.all(complaints);
}

}  // namespace gradflow
