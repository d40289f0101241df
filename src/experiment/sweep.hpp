#pragma once

#include <functional>

#include "experiment/journal.hpp"
#include "experiment/result.hpp"
#include "experiment/setup.hpp"

namespace gradflow {

/// The numbers without axes that a sweep gives.
std::vector<NumberInfo> sweep_numbers(const SweepSettings& sweep);

/// Runs the chain of `setup.sweep`: at each value the flow is followed to its rest from where the
/// last value ended. What a value came to is in the journal (where there is one) before the next
/// begins, and values that are there are not run again.
Experiment run_sweep(const Setup& setup, const std::function<bool()>& interrupted,
                     Journal* journal);

}  // namespace gradflow
