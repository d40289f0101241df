#include <algorithm>
#include <cmath>
#include <numeric>

#include "io/checksum.hpp"
#include "study/config.hpp"
#include "study/key_name.hpp"
#include "study/result_version.hpp"

/// Of a config: what tells it and its points from others, and what its points are put together
/// with.
namespace gradflow {
namespace {

/// What the content of a key that names a file begins with.
const std::string file_content = "contents ";

/// Of what is no number: a word for it; of a list of numbers all of them.
std::string short_text(const ParameterValue& value) {
  if (const auto* b = std::get_if<bool>(&value)) return *b ? "true" : "false";
  if (const auto* s = std::get_if<std::string>(&value)) return *s;
  if (const auto* list = std::get_if<std::vector<std::string>>(&value))
    return list->empty() ? "" : list->front();
  return toml_value(value);
}

/// Leaves of paths what stands behind the folder that all of them are in.
void remove_common_folder(std::vector<std::string>& paths) {
  std::size_t common = paths.front().rfind('/') + 1;  // 0: in none
  for (const std::string& path : paths)
    while (common > 0 && path.compare(0, common, paths.front(), 0, common) != 0)
      common = common < 2 ? 0 : paths.front().rfind('/', common - 2) + 1;
  for (std::string& path : paths) path.erase(0, common);
}

/// As it stands in the result.
StudyHead::WorkedOut variable_of(const WorkedOutKey& key) {
  StudyHead::WorkedOut out{
      key.key, key.name, {key.dimensions.begin(), key.dimensions.end()}, key.values};
  const bool everywhere = std::none_of(key.values.begin(), key.values.end(),
                                       [](double value) { return std::isnan(value); });
  if (key.whole && everywhere)
    out.values = std::vector<std::int64_t>(key.values.begin(), key.values.end());
  return out;
}

std::vector<std::int64_t> counted(std::size_t length) {
  std::vector<std::int64_t> places(length);
  std::iota(places.begin(), places.end(), 0);
  return places;
}

}  // namespace

bool changes_numbers(const std::string& key) {
  for (const char* other : {"solver.threads", "solver.max_wall_seconds", "solver.max_memory",
                            "measure.exponents", "measure.against", "output.checkpoint_seconds"})
    if (key == other) return false;
  return true;
}

/// An axis's values as a coordinate: of lists of texts the first entry, of files what tells their
/// names apart, so that a study that is moved stays as it is.
std::variant<std::vector<double>, std::vector<std::int64_t>, std::vector<std::string>>
Config::coordinate(const ConfigAxis& axis) const {
  // Names and numbers may stand side by side (model.output_scale): they are texts then.
  if (std::all_of(axis.values.begin(), axis.values.end(), [](const ParameterValue& value) {
        return std::holds_alternative<double>(value);
      })) {
    std::vector<double> values;
    for (const ParameterValue& value : axis.values) values.push_back(std::get<double>(value));
    return values;
  }
  if (std::holds_alternative<std::int64_t>(axis.values.front())) {
    std::vector<std::int64_t> values;
    for (const ParameterValue& value : axis.values) values.push_back(std::get<std::int64_t>(value));
    return values;
  }
  std::vector<std::string> values;
  for (const ParameterValue& value : axis.values) values.push_back(short_text(value));
  // Lists that begin alike are told apart by all of them.
  std::vector<std::string> whole;
  std::transform(axis.values.begin(), axis.values.end(), std::back_inserter(whole), toml_value);
  if (std::set<std::string>(values.begin(), values.end()).size() <
      std::set<std::string>(whole.begin(), whole.end()).size())
    values = whole;
  if (schema_.declared(axis.key, axis.position).type == ParameterType::file)
    remove_common_folder(values);
  return values;
}

std::string Config::content(const std::string& key, const ParameterInfo& info,
                            const ParameterValue& value) const {
  const auto of_file = [&](const std::string& file) {
    return file_content + inputs_.content_hash(inputs_.locate(file, position_of(key)));
  };
  if (const auto* text = std::get_if<std::string>(&value);
      text != nullptr && info.type == ParameterType::file && !text->empty())
    return of_file(*text);
  const auto* texts = std::get_if<std::vector<std::string>>(&value);
  if (texts == nullptr || key != "continuation.starts") return toml_value(value);
  std::string all;
  for (const std::string& start : *texts)
    all += (start == "flow" || start == "zero" ? start : of_file(start)) + ", ";
  return all;
}

std::map<std::string, std::string> Config::contents_of(const RunConfig& run,
                                                       const std::set<std::string>& differs) const {
  std::map<std::string, std::string> contents;
  for (const auto& [section, parameters] : run.sections)
    for (const ParameterInfo& info : parameters.declared()) {
      const std::string key = KeyName{section, info.name}.whole();
      if (differs.count(key) == 0 && parameters.has(info.name) && changes_numbers(key))
        contents[key] = content(key, info, parameters.value(info.name));
    }
  return contents;
}

const std::map<std::string, std::string>& Config::common_contents(std::size_t model) const {
  validate();
  return common_[model];
}

std::string Config::content_at(const ConfigAxis& axis, std::size_t place, std::size_t model) const {
  const ParameterInfo* info = schema_.find(axis.key, model);
  if (info == nullptr) return "";
  const ParameterValue& value = axis.values[place];
  // What an expression gives is told apart by its values.
  if (is_expression(*info, value)) return "";
  if (!std::holds_alternative<std::monostate>(value)) return content(axis.key, *info, value);
  if (written_.count(axis.key) != 0) return "";
  const auto [section, name] = KeyName::of(axis.key);
  const RunConfig given = base(model);
  const auto own = given.sections.find(section);
  return own != given.sections.end() ? content(axis.key, *info, own->second.value(name)) : "";
}

std::map<std::string, std::string> Config::hashes_of_inputs() const {
  std::map<std::string, std::string> contents;
  const auto take = [&](const std::string& key, const std::string& content) {
    if (content.find(file_content) != std::string::npos) contents[key] += content + "\n";
  };
  for (std::size_t model = 0; model < models(); ++model) {
    for (const auto& [key, value] : common_contents(model)) take(key, value);
    for (const ConfigAxis& axis : axes())
      for (std::size_t k = 0; k < axis.values.size(); ++k)
        take(axis.key, content_at(axis, k, model));
  }
  for (auto& [key, text] : contents) text = hex_checksum(text);
  return contents;
}

std::string Config::expression_text(const std::string& key) const {
  std::string text;
  if (const auto written = written_.find(key); written != written_.end())
    text += " " + written->second.text;
  if (const ConfigAxis* axis = design_.axis(key))
    for (const ParameterValue& value : axis->values) text += " " + toml_value(value);
  return text;
}

std::string Config::fingerprint() const {
  std::string text = "result version " + std::to_string(result_version) + "\n";
  for (std::size_t model = 0; model < models(); ++model) {
    for (const auto& [key, value] : common_contents(model)) text += key + " = " + value + "\n";
    for (const ConfigAxis& axis : axes()) {
      text += design_.called(axis) + " = ";
      for (std::size_t k = 0; k < axis.values.size(); ++k)
        text += content_at(axis, k, model) + ", ";
      text += "\n";
    }
  }
  for (const StudyDimension& group : design_.dimensions()) {
    if (!group.is_variant()) continue;
    text += "study." + group.key + " =";
    for (const std::string& name : group.variants) text += " " + toml_text(name);
    text += "\n";
  }
  for (const WorkedOutKey& key : worked_out_) {
    if (key.dimensions.empty() && !follows_bisection(key)) continue;  // among the common contents
    text += "worked out: " + key.key + " =";
    // Values at the low end alone do not tell expressions apart.
    if (follows_bisection(key)) text += expression_text(key.key);
    for (const std::size_t d : key.dimensions) text += " over " + design_.dimensions()[d].key;
    for (std::size_t k = 0; k < key.values.size(); ++k)
      text += " " + toml_value(key.at(k).value_or(ParameterValue{}));
    text += "\n";
  }
  if (const Bisection* bisected = bisection()) text += "study.bisect\n" + bisected->toml();
  return hex_checksum(text);
}

bool Config::has_own_data() const {
  const auto is_data = [&](const std::string& key) {
    return KeyName::of(key).name != "initial" &&
           schema_.declared(key, position_of(key)).type == ParameterType::file;
  };
  return std::any_of(given_.begin(), given_.end(),
                     [&](const auto& entry) { return is_data(entry.first); }) ||
         std::any_of(axes().begin(), axes().end(),
                     [&](const ConfigAxis& axis) { return is_data(axis.key); });
}

StudyHead Config::head() const {
  StudyHead head;
  head.fingerprint = fingerprint();
  head.inputs = hashes_of_inputs();
  head.version = result_version;
  for (std::size_t m = 0; m < models(); ++m) {
    const ModelInfo& info = schema_.model(m);
    head.model += (m > 0 ? "; " : "") + info.name;
    if (!has_own_data() && !info.paper.empty() && head.paper.find(info.paper) == std::string::npos)
      head.paper += (head.paper.empty() ? "" : "; ") + info.paper;
  }
  head.config = text();
  head.resolved = resolved();
  for (const StudyDimension& dimension : design_.dimensions())
    if (dimension.is_variant())
      head.axes.push_back({dimension.key,
                           {dimension.name,
                            {{"long_name", "variant of study." + dimension.key}},
                            dimension.variants},
                           {}});
    else if (dimension.is_group())
      head.axes.push_back({dimension.key,
                           {dimension.name,
                            {{"long_name", "place in study." + dimension.key}},
                            counted(dimension.length)},
                           {}});
    else
      head.axes.emplace_back();
  for (const ConfigAxis& axis : axes()) {
    if (design_.is_of_variants(axis)) continue;
    StudyAxis named{axis.name, {{"long_name", axis.key}}, coordinate(axis)};
    StudyHead::Axis& whole = head.axes[axis.dimension];
    if (design_.dimensions()[axis.dimension].is_group())
      whole.keys.push_back({axis.key, std::move(named)});
    else
      whole = {axis.key, std::move(named), {}};
  }
  for (const WorkedOutKey& key : worked_out_)
    if (!follows_bisection(key)) head.worked_out.push_back(variable_of(key));
  if (const Bisection* bisected = bisection()) {
    head.bisection = *bisected;
    head.axes.push_back({"bisect",
                         {bisection_dimension,
                          {{"long_name", "number of the run of a bisection"}},
                          counted(bisected->longest())},
                         {}});
  }
  const MeasureSettings measure = run(0).measure();
  head.exponents = measure.exponents;
  if (const ConfigAxis* along = design_.fit_axis(measure.against)) {
    head.against = along->dimension;
    head.against_key = along->key;
  }
  head.arrhenius = measure.arrhenius;
  return head;
}

}  // namespace gradflow
