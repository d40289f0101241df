#include "study/transitions.hpp"

#include "numerics/short_number.hpp"
#include "numerics/types.hpp"
#include "study/point_files.hpp"

namespace gradflow {
namespace {

/// Chains that ended in one way.
struct Alike {
  std::size_t count = 0, first = 0;
  void add(std::size_t chain) {
    if (count++ == 0) first = chain;
  }
};

std::vector<Attribute> state_attributes() {
  std::vector<std::int32_t> values;
  std::string meanings;
  for (const StatusName& entry : chain_state_names()) {
    values.push_back(entry.value);
    meanings += (meanings.empty() ? "" : " ") + std::string(entry.name);
  }
  return {{"long_name", "how the bisection ended"},
          {"flag_values", std::move(values)},
          {"flag_meanings", std::move(meanings)}};
}

}  // namespace

Transitions::Transitions(const StudyHead& head,
                         const std::vector<std::optional<RunOutcome>>& outcomes)
    : head_(head) {
  const std::size_t length = head.chain_length();
  for (std::size_t first = 0; first < outcomes.size(); first += length) {
    Chain chain(*head.bisection);
    bool may_go_on = false;
    while (!chain.is_over() && outcomes[first + chain.runs()]) {
      const RunOutcome& outcome = *outcomes[first + chain.runs()];
      may_go_on = !is_final(outcome.status);
      chain.take(outcome);
    }
    chains_.push_back(std::move(chain));
    may_go_on_.push_back(may_go_on);
  }
}

std::size_t Transitions::unneeded() const {
  std::size_t runs = 0;
  for (std::size_t c = 0; c < chains_.size(); ++c)
    if (is_done(c)) runs += head_.chain_length() - chains_[c].runs();
  return runs;
}

std::vector<std::string> Transitions::add(const std::string& name, Dataset& study) const {
  const std::size_t length = head_.chain_length();
  std::vector<double> values, middle, error, low, high;
  std::vector<std::int32_t> states;
  for (const Chain& chain : chains_) {
    values.insert(values.end(), chain.values().begin(), chain.values().end());
    values.resize(values.size() + length - chain.runs(), nan);
    const bool found =
        chain.state() == ChainState::bracketed || chain.state() == ChainState::most_runs;
    const double half = (chain.high() - chain.low()) / 2;
    middle.push_back(found ? chain.low() + half : nan);
    error.push_back(found ? half : nan);
    low.push_back(chain.has_bracket() ? chain.low() : nan);
    high.push_back(chain.has_bracket() ? chain.high() : nan);
    states.push_back(static_cast<std::int32_t>(chain.state()));
  }
  const Bisection& bisection = *head_.bisection;
  std::vector<std::string> runs, axes;  // dimensions
  for (std::size_t a = 0; a < head_.axes.size(); ++a) runs.push_back(study.dimensions()[a].name);
  axes.assign(runs.begin(), runs.end() - 1);
  std::vector<std::string> warnings = sentences(name + "_transition");
  std::string comment;
  for (const std::string& warning : warnings) comment += (comment.empty() ? "" : "; ") + warning;
  const std::string crossing = bisection.key + " at which " + bisection.measure + " crosses " +
                               short_number(bisection.level);
  std::vector<Attribute> attributes{{"long_name", crossing}};
  if (!comment.empty()) attributes.push_back({"comment", comment});
  study.add({name, runs, std::move(values), {{"long_name", bisection.key + " of the run"}}});
  study.add({name + "_transition", axes, std::move(middle), std::move(attributes)});
  study.add({name + "_transition_error",
             axes,
             std::move(error),
             {{"long_name", "half the width of the last bracket"}}});
  study.add({name + "_transition_low",
             axes,
             std::move(low),
             {{"long_name", "lower end of the last bracket"}}});
  study.add({name + "_transition_high",
             axes,
             std::move(high),
             {{"long_name", "upper end of the last bracket"}}});
  study.add({name + "_transition_status", axes, std::move(states), state_attributes()});
  mark_unneeded(study);
  return warnings;
}

bool Transitions::is_done(std::size_t chain) const {
  return chains_[chain].is_over() && !may_go_on_[chain];
}

std::vector<std::string> Transitions::sentences(const std::string& name) const {
  const Bisection& bisection = *head_.bisection;
  Alike above, below, failed, no_number, wide;
  for (std::size_t c = 0; c < chains_.size(); ++c) {
    switch (chains_[c].state()) {
      case ChainState::one_side:
        (chains_[c].is_above() ? above : below).add(c);
        break;
      case ChainState::run_failed:
        failed.add(c);
        break;
      case ChainState::not_a_number:
        no_number.add(c);
        break;
      case ChainState::most_runs:
        wide.add(c);
        break;
      default:
        break;
    }
  }
  const std::string level = short_number(bisection.level);
  std::vector<std::string> all;
  const auto say = [&](const Alike& chains, const std::string& what) {
    if (chains.count == 0) return;
    std::string text = name + " " + what;
    if (chains_.size() > 1)
      text += " in " + std::to_string(chains.count) + " of " + std::to_string(chains_.size()) +
              " chains (" + (chains.count > 1 ? "the first: " : "") +
              head_.where_chain(chains.first) + ")";
    all.push_back(std::move(text));
  };
  say(above, "is NaN: " + bisection.measure + " is at or above " + level + " at both ends");
  say(below, "is NaN: " + bisection.measure + " is below " + level + " at both ends");
  say(failed, "is NaN: a run failed");
  say(no_number, "is NaN: " + bisection.measure + " of a run is NaN");
  say(wide, "is not within study.bisect.tolerance, which takes " +
                std::to_string(bisection.runs_to_tolerance()) + " runs: study.bisect.most is " +
                std::to_string(bisection.most));
  return all;
}

void Transitions::mark_unneeded(Dataset& study) const {
  Variable* status = study.find("status");
  if (status == nullptr) return;
  auto& codes = std::get<std::vector<std::int32_t>>(status->values);
  const std::size_t length = head_.chain_length();
  for (std::size_t c = 0; c < chains_.size(); ++c)
    for (std::size_t run = chains_[c].runs(); is_done(c) && run < length; ++run)
      codes[c * length + run] = not_needed;
  for (Attribute& attribute : status->attributes) {
    if (auto* values = std::get_if<std::vector<std::int32_t>>(&attribute.value))
      values->insert(values->begin(), not_needed);
    if (auto* meanings = std::get_if<std::string>(&attribute.value);
        meanings != nullptr && attribute.name == "flag_meanings")
      *meanings = "not_needed " + *meanings;
  }
}

}  // namespace gradflow
