#include "study/point_keys.hpp"

#include <cstring>

#include "io/checksum.hpp"
#include "study/key_name.hpp"
#include "study/result_version.hpp"

namespace gradflow {

PointKeys::Sum& PointKeys::Sum::operator+=(const Sum& other) {
  low += other.low;
  high += other.high + (low < other.low ? 1 : 0);
  return *this;
}

PointKeys::Sum PointKeys::of(const std::string& text) {
  const std::string hash = checksum_of({text});
  Sum sum;
  std::memcpy(&sum.low, hash.data(), sizeof sum.low);
  std::memcpy(&sum.high, hash.data() + sizeof sum.low, sizeof sum.high);
  return sum;
}

PointKeys::PointKeys(const Config& config) : config_(config) {
  for (std::size_t m = 0; m < config.models(); ++m) {
    OfModel model;
    model.common = of("result version " + std::to_string(result_version));
    for (const auto& [key, content] : config.common_contents(m))
      model.common += of(key + " = " + content);
    for (const ConfigAxis& axis : config.axes()) {
      std::vector<Sum> values(axis.values.size());
      // The model's name is among what its points have in common.
      for (std::size_t k = 0; k < values.size(); ++k)
        if (changes_numbers(axis.key) && axis.key != "model.name")
          if (const std::string content = config.content_at(axis, k, m); !content.empty())
            values[k] = of(axis.key + " = " + content);
      model.values.push_back(std::move(values));
    }
    models_.push_back(std::move(model));
  }
  for (const WorkedOutKey& key : config.worked_out()) {
    std::vector<Sum> values;
    // What is the same at all points is among the common contents.
    const bool counts =
        changes_numbers(key.key) && !key.dimensions.empty() && !config.follows_bisection(key);
    for (std::size_t k = 0; k < key.values.size(); ++k) {
      const std::optional<ParameterValue> value = counts ? key.at(k) : std::nullopt;
      values.push_back(value ? of(key.key + " = " + toml_value(*value)) : Sum{});
    }
    worked_out_.push_back(std::move(values));
  }
  if (const Bisection* bisection = config.bisection();
      bisection != nullptr && changes_numbers(bisection->key)) {
    const KeyName name = KeyName::of(bisection->key);
    bisected_ = *config.run(0).sections.at(name.section).find(name.name);
  }
}

std::string PointKeys::operator()(const StudyRun& run) const {
  const std::vector<std::size_t> places = config_.design().places(run.chain);
  const OfModel& model = models_[config_.design().model_at(places)];
  Sum sum = model.common;
  for (std::size_t a = 0; a < model.values.size(); ++a)
    sum += model.values[a][places[config_.axes()[a].dimension]];
  for (std::size_t e = 0; e < worked_out_.size(); ++e)
    sum += worked_out_[e][config_.worked_out()[e].index(config_.design(), places)];
  if (bisected_ && run.bisected) {
    const Bisection& bisection = *config_.bisection();
    sum += of(bisection.key + " = " +
              config_.content(bisection.key, *bisected_, bisection.value(*run.bisected)));
  }
  if (run.bisected)
    for (const auto& [key, value] : config_.following_bisection(run.chain, *run.bisected))
      if (changes_numbers(key)) sum += of(key + " = " + toml_value(value));
  return checksum_of({{reinterpret_cast<const char*>(&sum), sizeof sum}});
}

}  // namespace gradflow
