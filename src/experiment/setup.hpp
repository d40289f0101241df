#pragma once

#include <memory>

#include "experiment/settings.hpp"
#include "flow/model.hpp"

namespace gradflow {

/// All that one run is made from, parsed and checked.
struct Setup {
  std::unique_ptr<Model> model;
  FlowSettings flow;
  SolverSettings solver;
  TimeSettings time;
  OutputSettings output;
  MeasureSettings measure;
};

}  // namespace gradflow
