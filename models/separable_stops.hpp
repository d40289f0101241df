#pragma once

#include <functional>
#include <memory>

#include "flow/mirror_flow.hpp"
#include "flow/model.hpp"

/// When mirror flow in accelerated time ends by itself.
namespace gradflow {

/// Before the arithmetic does.
std::unique_ptr<StopCondition> stop_before_arithmetic_ends(AcceleratedMirrorFlow flow);
/// Or where the loss falls no more.
std::unique_ptr<StopCondition> stop_with_settled_loss(AcceleratedMirrorFlow flow);
/// Or within the angle of the prediction while log t has grown by a tenth, and headed there too. A
/// path that only passes by the prediction has it in beta, but not in what beta gains as |beta|
/// doubles. `angle`: of a direction to the prediction.
std::unique_ptr<StopCondition> stop_with_settled_direction(
    AcceleratedMirrorFlow flow, std::function<double(ConstVectorRef)> angle);

}  // namespace gradflow
