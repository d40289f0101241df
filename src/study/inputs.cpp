#include "study/inputs.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <type_traits>

#include "io/checksum.hpp"
#include "io/data_conversion.hpp"
#include "io/data_file.hpp"
#include "io/file_error.hpp"
#include "io/netcdf_file.hpp"
#include "io/packed_file.hpp"
#include "numerics/short_number.hpp"
#include "solve/outcome.hpp"
#include "study/overrides.hpp"
#include "study/part_files.hpp"

namespace gradflow {
namespace {

/// One that was cut short has come to a state like any other. \throws FileError
void require_usable(Status status, const std::filesystem::path& path) {
  if (status != Status::ok && status != Status::interrupted && status != Status::wall_budget)
    throw FileError(path, "holds a run that failed");
}

/// The final states of a result and how their runs ended.
struct FinalStates {
  explicit FinalStates(const Dataset& result) {
    const Variable* states = result.find("final_state");
    const Variable* status = result.find("status");
    if (states != nullptr) {
      dimensions = states->dimensions;
      values = std::get_if<std::vector<double>>(&states->values);
    }
    if (status != nullptr) codes = std::get_if<std::vector<std::int32_t>>(&status->values);
  }
  /// Does each run have one?
  bool whole() const {
    return values != nullptr && codes != nullptr && !dimensions.empty() && !codes->empty() &&
           values->size() % codes->size() == 0;
  }

  std::vector<std::string> dimensions;  ///< of the states
  const std::vector<double>* values = nullptr;
  const std::vector<std::int32_t>* codes = nullptr;
};

/// The state that a single run has come to. \throws FileError, which names `path`
Vector final_state(const Dataset& result, const std::filesystem::path& path) {
  const FinalStates states(result);
  if (states.whole() && states.dimensions.size() > 1) {
    std::string axes, point;
    for (std::size_t k = 0; k + 1 < states.dimensions.size(); ++k) {
      axes += (k > 0 ? ", " : "") + states.dimensions[k];
      point += (k > 0 ? ", " : "") + states.dimensions[k] + "=...";
    }
    throw FileError(path, "is a study over " + axes + ": expected a point of it, as in " +
                              path.filename().string() + "[" + point + "]");
  }
  if (!states.whole() || states.codes->size() != 1)
    throw FileError(path, "holds no single finished run to start from");
  require_usable(static_cast<Status>(states.codes->front()), path);
  return Eigen::Map<const Vector>(states.values->data(), static_cast<Index>(states.values->size()));
}

/// The state that the run in a folder has come to: at its end or, where it was killed, when its
/// state was kept last.
Vector state_in(const std::filesystem::path& folder) {
  const std::filesystem::path result = folder / "result.nc";
  if (std::filesystem::exists(result)) return final_state(read_netcdf(result), folder);
  const std::filesystem::path kept = part_file(folder, 0, "run");
  if (!std::filesystem::exists(kept)) throw FileError(folder, "is a folder without result.nc");
  const auto packed = read_packed(kept);
  const auto& state = packed.values<double>("final_state");
  return Eigen::Map<const Vector>(state.data(), static_cast<Index>(state.size()));
}

/// "weight_decay=1e-4" of what selects a point.
struct Choice {
  std::string axis, value;
};

/// What stands in brackets behind a study's folder, "results/a[weight_decay=1e-4, seed=2]"; none
/// where there are no brackets.
std::vector<Choice> choices_of(const std::string& path, std::string& folder) {
  if (path.empty() || path.back() != ']') return {};
  // From the end, over values that are lists themselves.
  std::size_t open = path.size();
  for (int depth = 0; open-- > 0;) {
    depth += path[open] == ']' ? 1 : path[open] == '[' ? -1 : 0;
    if (depth == 0) break;
  }
  if (open >= path.size()) return {};
  folder = path.substr(0, open);
  std::vector<Choice> choices{{}};
  bool in_value = false;
  int depth = 0;
  for (const char c : path.substr(open + 1, path.size() - open - 2)) {
    depth += c == '[' ? 1 : c == ']' ? -1 : 0;
    std::string& word = in_value ? choices.back().value : choices.back().axis;
    if (c == ',' && depth == 0) {
      choices.emplace_back();
      in_value = false;
    } else if (c == '=' && !in_value) {
      in_value = true;
    } else if (c != ' ' || !word.empty()) {
      word += c;
    }
  }
  return choices;
}

/// The place of a value on an axis; numbers are equal to a rounding. \throws FileError
std::size_t place_on_axis(const Variable& axis, const Choice& choice,
                          const std::filesystem::path& result) {
  std::vector<std::string> known;
  const auto matches = [&](const auto& entry) {
    if constexpr (std::is_same_v<std::decay_t<decltype(entry)>, std::string>) {
      known.push_back(entry);
      return entry == choice.value;
    } else {
      known.push_back(short_number(static_cast<double>(entry)));
      const double wanted = std::strtod(choice.value.c_str(), nullptr);
      return std::abs(static_cast<double>(entry) - wanted) <= 1e-9 * std::abs(wanted);
    }
  };
  return std::visit(
      [&](const auto& values) -> std::size_t {
        for (std::size_t k = 0; k < values.size(); ++k)
          if (matches(values[k])) return k;
        throw FileError(result, "has no " + choice.axis + " = " + toml_text(choice.value) +
                                    suggestion(choice.value, known));
      },
      axis.values);
}

/// The state at the end of one point of a study. \throws FileError
Vector state_of_point(const std::filesystem::path& folder, const std::vector<Choice>& choices) {
  const std::filesystem::path result = folder / "result.nc";
  const Dataset data = read_netcdf(result);
  const FinalStates states(data);
  if (!states.whole()) throw FileError(result, "holds no runs to start from");
  const std::vector<std::string> axes(states.dimensions.begin(), states.dimensions.end() - 1);
  std::size_t point = 0;
  for (const std::string& name : axes) {
    const auto choice = std::find_if(choices.begin(), choices.end(),
                                     [&](const Choice& c) { return c.axis == name; });
    const Variable* axis = data.find(name);
    if (axis == nullptr) throw FileError(result, "has no values along " + name);
    const std::size_t length = size(axis->values);
    if (choice == choices.end() && length > 1)
      throw FileError(result, "is a study over " + name + ": expected " + name + "=VALUE, as in " +
                                  folder.filename().string() + "[" + name + "=...]");
    point = point * length + (choice == choices.end() ? 0 : place_on_axis(*axis, *choice, result));
  }
  for (const Choice& choice : choices)
    if (std::find(axes.begin(), axes.end(), choice.axis) == axes.end())
      throw FileError(result,
                      "has no axis " + toml_text(choice.axis) + suggestion(choice.axis, axes));
  if (point >= states.codes->size()) throw FileError(result, "has no status of each point");
  require_usable(static_cast<Status>((*states.codes)[point]), result);
  const std::size_t length = states.values->size() / states.codes->size();
  const auto begin = states.values->begin() + static_cast<std::ptrdiff_t>(point * length);
  // Shorter states than the longest of the study are padded.
  const auto end = std::find_if(begin, begin + static_cast<std::ptrdiff_t>(length),
                                [](double x) { return std::isnan(x); });
  return Eigen::Map<const Vector>(&*begin, static_cast<Index>(end - begin));
}

Matrix read_numbers(const std::filesystem::path& path) {
  std::string folder;
  if (const std::vector<Choice> choices = choices_of(path.string(), folder); !choices.empty())
    return state_of_point(folder, choices);
  if (std::filesystem::is_directory(path)) return state_in(path);
  if (path.extension() == ".nc") return final_state(read_netcdf(path), path);
  return read_data_file(path);
}

}  // namespace

std::filesystem::path Inputs::locate(std::filesystem::path file,
                                     const SourcePosition& position) const {
  if (file.is_relative() && !from_option(position)) file = folder_ / file;
  return std::filesystem::absolute(file).lexically_normal();
}

const Matrix& Inputs::numbers(const std::filesystem::path& path) const {
  const std::lock_guard lock(files_->mutex);
  const auto found = files_->read.find(path.string());
  if (found != files_->read.end()) return found->second;
  return files_->read.emplace(path.string(), read_numbers(path)).first->second;
}

std::vector<std::string> Inputs::notes() const {
  const std::lock_guard lock(files_->mutex);
  std::vector<std::string> lines;
  for (const auto& [path, numbers] : files_->read)
    if (const std::string type = converted_type(path); !type.empty())
      lines.push_back(path + ": its " + type + " entries are taken as float64");
  return lines;
}

std::string Inputs::content_hash(const std::filesystem::path& path) const {
  const Matrix& matrix = numbers(path);
  const std::lock_guard lock(files_->mutex);
  std::string& hash = files_->hashes[path.string()];
  if (hash.empty()) {
    Checksum checksum;
    checksum.add(std::to_string(matrix.rows()) + " x " + std::to_string(matrix.cols()) + "\n");
    checksum.add({reinterpret_cast<const char*>(matrix.data()),
                  static_cast<std::size_t>(matrix.size()) * sizeof(double)});
    hash = hexadecimal(checksum.digest());
  }
  return hash;
}

}  // namespace gradflow
