#pragma once

#include "io/dataset.hpp"
#include "solve/outcome.hpp"

/// What the ways to run an experiment (experiment/experiment.hpp) all give.
namespace gradflow {

/// What one run leaves: its dataset, and how it went.
struct Experiment {
  Dataset data;
  Outcome outcome;
};

}  // namespace gradflow
