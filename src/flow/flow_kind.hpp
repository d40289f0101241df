#pragma once

#include <string>
#include <vector>

namespace gradflow {

/// A kind of flow, as `flow.kind` names it: all that the program asks of a kind, in one place.
/// Which kinds a model has, and their systems, is the model's to say (ModelInfo, Model::system).
struct FlowKind {
  std::string name;
  std::string meaning;
  std::vector<std::string> keys;  ///< of [flow] that it reads, besides `kind`
  /// Iterates with steps of flow.step, which no solver is asked for, instead of a flow.
  bool iterates = false;
  /// w' = -grad F(w) - lambda w itself: what has rest points to certify, and two phases as
  /// lambda -> 0.
  bool descent = false;
  /// The limit of that flow as lambda -> 0 in its slow time tau = lambda t: it has no lambda, its
  /// time is tau, and it starts where the flow without lambda ends.
  bool slow_limit = false;
  /// May run in log10(1 + s), ds = L dt, and without an end.
  bool accelerates = false;
};

const std::vector<FlowKind>& flow_kinds();
/// \throws std::logic_error for a name that is none
const FlowKind& flow_kind(const std::string& name);
/// The names of the flow of the loss itself and of its slow limit.
const std::string& descent_kind();
const std::string& slow_limit_kind();

}  // namespace gradflow
