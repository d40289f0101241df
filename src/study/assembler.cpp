#include "study/assembler.hpp"

#include <algorithm>
#include <functional>
#include <numeric>

#include "io/content_hash.hpp"
#include "io/netcdf_file.hpp"
#include "io/stacking.hpp"
#include "study/arrhenius.hpp"
#include "study/build_info.hpp"
#include "study/point.hpp"
#include "study/study_fits.hpp"
#include "study/transitions.hpp"

namespace gradflow {
namespace {

namespace fs = std::filesystem;

/// What differs between identical runs.
const std::vector<std::string> not_hashed{"wall_seconds"};

/// Adds a text to those in `all`, separated by "; ", unless it is among them.
void add_once(std::vector<std::string>& all, const std::string& text) {
  if (!text.empty() && std::find(all.begin(), all.end(), text) == all.end()) all.push_back(text);
}

std::string joined_texts(const std::vector<std::string>& all) {
  std::string text;
  for (const std::string& each : all) text += (text.empty() ? "" : "; ") + each;
  return text;
}

void add_texts(Dataset& whole, const StudyHead& head) {
  whole.set_attribute({"model", head.model});
  if (!head.paper.empty()) whole.set_attribute({"paper", head.paper});
  whole.set_attribute({"config", head.config});
  whole.set_attribute({"config_resolved", head.resolved});
  whole.set_attribute({"fingerprint", head.fingerprint});
  for (const auto& [name, text] : call_info()) whole.set_attribute({name, text});
}

/// A key that an expression gives, by its whole name where its name is `taken`. Returns its name.
std::string add_worked_out(Dataset& whole, const StudyHead::WorkedOut& key,
                           std::vector<std::string> dimensions, bool taken) {
  std::string name = taken ? key.key : key.name;
  whole.add({name, std::move(dimensions), key.values, {{"long_name", key.key}}});
  return name;
}

/// xarray takes these for coordinates, beside those that are named already.
void name_coordinates(Dataset& whole, const std::vector<std::string>& names) {
  if (names.empty()) return;
  const Attribute* named = find_attribute(whole.attributes(), "coordinates");
  std::string all = named != nullptr ? std::get<std::string>(named->value) : "";
  for (const std::string& name : names) all += (all.empty() ? "" : " ") + name;
  whole.set_attribute({"coordinates", all});
}

/// The result on its way from points on disk to a file.
class Assembly {
 public:
  Assembly(const StudyHead& head, const PointFiles& points)
      : head_(head), points_(points), stacking_(absent_point()) {}

  Assembled write(const fs::path& path) {
    look_through();
    Dataset whole = stacking_.frame(axes());
    add_coordinates(whole);
    add_numbers(whole);
    add_builds(whole);
    result_.warnings = add_study_fits(head_, whole);
    for (const std::string& name : head_.exponents) add_line(whole, name + "_exponent");
    add_transitions(whole);
    for (std::string& warning : add_arrhenius(head_, whole))
      result_.warnings.push_back(std::move(warning));
    add_texts(whole, head_);
    hash_.add(whole, not_hashed);
    write_netcdf(whole, source(whole), path);
    return result_;
  }

 private:
  /// The first pass: the plan, and the numbers without axes of their own.
  void look_through() {
    result_.points = head_.points();
    if (head_.bisection) outcomes_.resize(result_.points);
    for (std::size_t k = 0; k < result_.points; ++k) {
      const PointPlace* place = points_.find(k);
      if (place == nullptr) {
        ++result_.missing;
        continue;
      }
      if (place->status != Status::ok) ++result_.failed;
      const Layout& layout = points_.layout(*place);
      const Contents contents = points_.contents(*place);
      stacking_.see(layout, contents);
      if (head_.bisection)
        outcomes_[k] = {place->status,
                        measured_number(joined(layout, contents), head_.bisection->measure)};
      for (std::size_t v = 0; v < layout.variables.size(); ++v)
        if (layout.variables[v].dimensions.empty())
          keep(layout.variables[v].name, contents.values[v], k);
    }
  }

  void keep(const std::string& name, const Values& value, std::size_t k) {
    const auto placed = numbers_.try_emplace(name);
    Values& stacked = placed.first->second;
    std::visit(
        [&](const auto& list) {
          using List = std::decay_t<decltype(list)>;
          if (placed.second)
            stacked = Stacking::blank_values(value.index(), result_.points, absent(name));
          std::get<List>(stacked)[k] = list.front();
        },
        value);
  }

  static const std::int64_t* absent(const std::string& name) {
    static const std::map<std::string, std::int64_t> all = absent_point();
    const auto found = all.find(name);
    return found != all.end() ? &found->second : nullptr;
  }

  /// Named after the key's last part, or by the whole key where the points have something of that
  /// name themselves (model.target and the target).
  std::vector<StudyAxis> axes() {
    std::vector<StudyAxis> all;
    for (const StudyHead::Axis& axis : head_.axes) {
      all.push_back(axis.axis);
      if (stacking_.has(axis.axis.name)) all.back().name = axis.key;
      axis_names_.push_back(all.back().name);
    }
    return all;
  }

  /// The values of a group's keys along its dimension, and of expressions, as coordinates.
  void add_coordinates(Dataset& whole) const {
    std::vector<std::string> names;
    for (std::size_t a = 0; a < head_.axes.size(); ++a)
      for (const StudyHead::Key& key : head_.axes[a].keys) {
        const std::string name = stacking_.has(key.axis.name) ? key.key : key.axis.name;
        std::visit(
            [&](const auto& values) {
              whole.add({name, {axis_names_[a]}, values, key.axis.attributes});
            },
            key.axis.values);
        names.push_back(name);
      }
    for (const StudyHead::WorkedOut& key : head_.worked_out) {
      std::vector<std::string> dimensions;
      for (const std::uint64_t a : key.axes) dimensions.push_back(axis_names_[a]);
      names.push_back(add_worked_out(whole, key, dimensions, stacking_.has(key.name)));
    }
    name_coordinates(whole, names);
  }

  void add_numbers(Dataset& whole) {
    for (const Stacking::Array& array : stacking_.arrays())
      if (array.rest.empty())
        whole.add({array.name, axis_names_, std::move(numbers_.at(array.name)), array.attributes});
  }

  void add_line(const Dataset& whole, const std::string& name) {
    for (SummaryLine& line : summary_of_values(whole, name))
      result_.lines.push_back(std::move(line));
  }

  void add_transitions(Dataset& whole) {
    if (!head_.bisection) return;
    const Transitions transitions(head_, outcomes_);
    const Bisection& bisection = *head_.bisection;
    const std::string name = stacking_.has(bisection.name) ? bisection.key : bisection.name;
    for (std::string& warning : transitions.add(name, whole))
      result_.warnings.push_back(std::move(warning));
    add_line(whole, name + "_transition");
    result_.unneeded = transitions.unneeded();
    result_.missing -= result_.unneeded;
  }

  /// Names every build and processor that had a part in the result and, where there are several
  /// builds, which point is whose.
  void add_builds(Dataset& whole) const {
    std::vector<std::size_t> makers;  // in the order of their first points
    std::vector<bool> known(points_.makers().size(), false);
    for (std::size_t k = 0; k < result_.points; ++k)
      if (const PointPlace* place = points_.find(k); place != nullptr && !known[place->maker]) {
        known[place->maker] = true;
        makers.push_back(place->maker);
      }
    std::vector<std::string> processors;
    std::map<std::string, std::vector<std::string>> texts;
    std::vector<std::string> names;
    for (const std::size_t m : makers) {
      const PointMaker& maker = points_.makers()[m];
      add_once(processors, maker.processor);
      for (const auto& [name, text] : maker.build) {
        add_once(names, name);
        add_once(texts[name], text);
      }
    }
    for (const std::string& name : names) whole.set_attribute({name, joined_texts(texts[name])});
    if (!processors.empty()) whole.set_attribute({"processor", joined_texts(processors)});
    const auto mixed = [&](const std::string& name) { return texts.at(name).size() > 1; };
    if (std::none_of(names.begin(), names.end(), mixed)) return;
    std::vector<std::string> builds(result_.points);
    for (std::size_t k = 0; k < result_.points; ++k)
      if (const PointPlace* place = points_.find(k))
        for (const auto& [name, text] : points_.makers()[place->maker].build)
          if (mixed(name)) builds[k] += (builds[k].empty() ? "" : ", ") + name + " " + text;
    whole.add(
        {"build", axis_names_, std::move(builds), {{"long_name", "build that made the point"}}});
  }

  /// The second pass: what has axes of its own, a block of points at a time.
  BlockSource source(const Dataset& whole) {
    constexpr std::size_t most_points = 1000, most_bytes = 64 << 20;
    BlockSource source;
    source.leading = axis_names_.size();
    std::size_t point_bytes = 1;
    const std::vector<Stacking::Array> arrays = stacking_.arrays();
    for (std::size_t v = 0; v < arrays.size(); ++v) {
      const Stacking::Array& array = arrays[v];
      point_bytes += 8 * std::accumulate(array.shape.begin(), array.shape.end(), std::size_t{1},
                                         std::multiplies<>());
      if (array.rest.empty()) continue;
      std::vector<std::string> dimensions = axis_names_;
      dimensions.insert(dimensions.end(), array.rest.begin(), array.rest.end());
      std::vector<Dimension> lengths;
      for (const std::string& name : dimensions) lengths.push_back(*whole.find_dimension(name));
      hash_.begin(array.name, lengths, array.type);
      source.variables.push_back({array.name, dimensions, array.type, array.attributes});
      streamed_.push_back(v);
    }
    block_points_ = std::clamp<std::size_t>(most_bytes / point_bytes, 1, most_points);
    source.next = [this] { return next_block(); };
    source.last_attributes = [this] {
      return std::vector<Attribute>{{"content_hash", hash_.text()}};
    };
    return source;
  }

  Block next_block() {
    Block block;
    if (streamed_.empty()) return block;
    block.count = std::min(block_points_, result_.points - next_);
    if (block.count == 0) return block;
    std::vector<Values> all = stacking_.blank(block.count);
    for (std::size_t i = 0; i < block.count; ++i)
      if (const PointPlace* place = points_.find(next_ + i))
        stacking_.place(points_.layout(*place), points_.contents(*place), i, all);
    for (const std::size_t v : streamed_) block.values.push_back(std::move(all[v]));
    for (std::size_t v = 0; v < streamed_.size(); ++v)
      hash_.add(stacking_.arrays()[streamed_[v]].name, block.values[v]);
    next_ += block.count;
    return block;
  }

  const StudyHead& head_;
  const PointFiles& points_;
  Stacking stacking_;
  std::map<std::string, Values> numbers_;
  std::vector<std::optional<RunOutcome>> outcomes_;  ///< of a bisection, by the runs' numbers
  std::vector<std::string> axis_names_;
  std::vector<std::size_t> streamed_;  ///< numbers of the arrays that have axes of their own
  std::size_t block_points_ = 1, next_ = 0;
  ContentHash hash_;
  Assembled result_;
};

}  // namespace

std::string other_build(const std::vector<std::pair<std::string, std::string>>& build) {
  std::string text;
  for (const auto& [name, own] : build_info()) {
    std::string other;
    for (const auto& [its_name, its_text] : build)
      if (its_name == name) other = its_text;
    if (other != own)
      text += (text.empty() ? "" : ", ") + name + " " + (other.empty() ? "unknown" : other);
  }
  return text;
}

Assembled write_result(const StudyHead& head, const PointFiles& points, const fs::path& path) {
  return Assembly(head, points).write(path);
}

Dataset result_of_run(const StudyHead& head, Dataset run) {
  std::vector<std::string> names;
  for (const StudyHead::WorkedOut& key : head.worked_out) {
    const bool taken = run.find(key.name) != nullptr || run.find_dimension(key.name) != nullptr;
    names.push_back(add_worked_out(run, key, {}, taken));
  }
  name_coordinates(run, names);
  ContentHash hash;
  hash.add(run, not_hashed);
  for (const auto& [name, text] : build_info()) run.set_attribute({name, text});
  run.set_attribute({"processor", this_maker("").processor});
  add_texts(run, head);
  run.set_attribute({"content_hash", hash.text()});
  return run;
}

}  // namespace gradflow
