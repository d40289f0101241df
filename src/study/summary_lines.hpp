#pragma once

#include <string>
#include <vector>

#include "io/dataset.hpp"

namespace gradflow {

/// A line of what a run ends with: a name and what there is to say of it.
struct SummaryLine {
  std::string name;
  std::string text;
};

/// A single run in a few lines, from its result: how it ended, its steps, seconds and solver
/// (`asked`: the config names the method), the losses and accuracies at its last sample, what was
/// measured, its warnings in words.
std::vector<SummaryLine> summary_of_run(const Dataset& result, bool asked);

/// A number of a study over its axes, NAME with NAME_error beside it where that is there: the
/// value, or the range of the finite ones. Nothing where the study has no such variable of numbers.
std::vector<SummaryLine> summary_of_values(const Dataset& study, const std::string& name);

/// The solver in a line: method (`asked`: by the config) and Newton matrix, where it has one.
std::string solver_line(const std::string& method, const std::string& linear, bool asked);

/// The bits of `warning` by name: "sensitive, no plateau"; empty for none.
std::string warning_text(std::int32_t warnings);

/// "12 s", "1:02:03 h"
std::string duration_text(double seconds);

}  // namespace gradflow
