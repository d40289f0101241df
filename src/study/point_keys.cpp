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
  common_ = of("result version " + std::to_string(result_version));
  for (const auto& [key, content] : config.common_contents()) common_ += of(key + " = " + content);
  const RunConfig run = config.run(0);
  for (const ConfigAxis& axis : config.axes()) {
    const KeyName name = KeyName::of(axis.key);
    const ParameterInfo& info = *run.sections.at(name.section).find(name.name);
    std::vector<Sum> values;
    for (const ParameterValue& value : axis.values)
      values.push_back(changes_numbers(axis.key)
                           ? of(axis.key + " = " + config.content(axis.key, info, value))
                           : Sum{});
    values_.push_back(std::move(values));
  }
  for (const WorkedOutKey& key : config.worked_out()) {
    std::vector<Sum> values;
    // What is the same at all points is among the common contents.
    const bool counts = changes_numbers(key.key) && !key.dimensions.empty();
    for (std::size_t k = 0; k < key.values.size(); ++k) {
      const std::optional<ParameterValue> value = counts ? key.at(k) : std::nullopt;
      values.push_back(value ? of(key.key + " = " + toml_value(*value)) : Sum{});
    }
    worked_out_.push_back(std::move(values));
  }
  if (const Bisection* bisection = config.bisection();
      bisection != nullptr && changes_numbers(bisection->key)) {
    const KeyName name = KeyName::of(bisection->key);
    bisected_ = *run.sections.at(name.section).find(name.name);
  }
}

std::string PointKeys::operator()(const StudyRun& run) const {
  Sum sum = common_;
  const std::vector<std::size_t> index = config_.coordinates(run.chain);
  for (std::size_t a = 0; a < index.size(); ++a) sum += values_[a][index[a]];
  const std::vector<std::size_t> places = config_.design().places(run.chain);
  for (std::size_t e = 0; e < worked_out_.size(); ++e)
    sum += worked_out_[e][config_.worked_out()[e].index(config_.design(), places)];
  if (bisected_ && run.bisected) {
    const Bisection& bisection = *config_.bisection();
    sum += of(bisection.key + " = " +
              config_.content(bisection.key, *bisected_, bisection.value(*run.bisected)));
  }
  return checksum_of({{reinterpret_cast<const char*>(&sum), sizeof sum}});
}

}  // namespace gradflow
