#include "experiment/journal_checkpoints.hpp"

#include <exception>

#include "numerics/short_number.hpp"

namespace gradflow {
namespace {

/// Arrays of a length share its dimension.
std::string dimension_of(std::size_t length) {
  return "length_" + std::to_string(length);
}

Dataset dataset_of(Archive::Entries state) {
  Dataset data;
  for (auto& [name, entry] : state) {
    Values values = std::visit([](auto& list) { return Values(std::move(list)); }, entry);
    const std::size_t length = size(values);
    std::vector<std::string> dimensions;
    if (length != 1) {
      dimensions.push_back(dimension_of(length));
      if (data.find_dimension(dimensions.front()) == nullptr)
        data.add_dimension(dimensions.front(), length);
    }
    data.add({name, std::move(dimensions), std::move(values), {}});
  }
  return data;
}

Archive::Entries entries_of(const Dataset& data) {
  Archive::Entries state;
  for (const Variable& variable : data.variables()) {
    if (const auto* numbers = std::get_if<std::vector<double>>(&variable.values))
      state.emplace(variable.name, *numbers);
    else if (const auto* counts = std::get_if<std::vector<std::int64_t>>(&variable.values))
      state.emplace(variable.name, *counts);
    else if (const auto* texts = std::get_if<std::vector<std::string>>(&variable.values))
      state.emplace(variable.name, *texts);
  }
  return state;
}

}  // namespace

std::optional<Archive::Entries> JournalCheckpoints::find() {
  if (!usable_) return std::nullopt;
  std::optional<Dataset> data = journal_.find(part_);
  if (!data) return std::nullopt;
  found_ = true;
  return entries_of(*data);
}

void JournalCheckpoints::keep(Archive::Entries state) {
  try {
    journal_.put(part_, dataset_of(std::move(state)));
  } catch (const std::exception& problem) {
    journal_.tell(part_ + ": its state is not kept: " + problem.what());
  }
}

void JournalCheckpoints::keep_end(Archive::Entries state) {
  journal_.put_end(part_, dataset_of(std::move(state)));
}

void JournalCheckpoints::tell_place(double t, std::int64_t steps) {
  journal_.tell(part_ + ": goes on at t = " + short_number(t) + ", after " + std::to_string(steps) +
                " steps");
}

void JournalCheckpoints::give_up(const std::string& reason) {
  usable_ = false;
  if (!found_) return;
  journal_.tell(part_ + ": the state that was kept cannot be used (" + reason +
                "); it begins anew");
}

}  // namespace gradflow
