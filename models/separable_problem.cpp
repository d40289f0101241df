#include "models/separable_problem.hpp"

#include <algorithm>
#include <cmath>

#include "models/initial_state.hpp"
#include "models/sample_values.hpp"
#include "numerics/random.hpp"
#include "numerics/short_number.hpp"

namespace gradflow {
namespace {

using PotentialPointer = std::shared_ptr<const Potential>;

/// The potentials that a config can name. A new one is a line here.
const std::vector<std::pair<std::string, PotentialPointer (*)(Parameters&)>>& potentials() {
  static const std::vector<std::pair<std::string, PotentialPointer (*)(Parameters&)>> all{
      {"squared_norm", [](Parameters&) { return squared_norm_potential(); }},
      {"p_norm", [](Parameters& p) { return power_potential(p.real("p")); }},
      {"cosh", [](Parameters&) { return cosh_potential(); }},
      {"hyperbolic_entropy", [](Parameters&) { return hyperbolic_entropy_potential(); }},
      {"deep_diagonal",
       [](Parameters& p) { return deep_diagonal_potential(static_cast<int>(p.integer("depth"))); }},
  };
  return all;
}

PotentialPointer make_potential(Parameters& p, const std::string& name) {
  const auto found = std::find_if(potentials().begin(), potentials().end(),
                                  [&](const auto& entry) { return entry.first == name; });
  return found->second(p);
}

void fix_sizes(Parameters& p) {
  if (p.has_file("inputs")) {
    p.fix_size("samples", p.file("inputs").rows(), "inputs");
    p.fix_size("dimension", p.file("inputs").cols(), "inputs");
  } else if (p.has_file("labels")) {
    throw ParameterError("labels", "needs model.inputs");
  } else if (p.has_file("initial")) {
    p.fix_size("dimension", p.file_vector("initial").size(), "initial");
  }
}

/// Random points, labelled by a random hyperplane and moved away from it, or those of files.
void take_data(Parameters& p, std::uint64_t seed, SeparableProblem& problem) {
  const Index n = p.integer("samples"), d = p.integer("dimension");
  auto inputs = std::make_shared<Matrix>(n, d);
  problem.labels.resize(n);
  if (p.has_file("inputs")) {
    if (!p.has_file("labels")) throw ParameterError("labels", "is missing beside model.inputs");
    *inputs = p.file("inputs");
    problem.labels = read_sample_values(p, "labels", n);
    for (const double y : problem.labels)
      if (y != 1 && y != -1)
        throw ParameterError("labels", "has " + short_number(y, 6) + ", expected 1 or -1");
    p.unused("separation", "inputs");
  } else {
    RandomStream data(seed, "data"), teacher_stream(seed, "teacher");
    Vector teacher(d);
    teacher_stream.fill_normal(teacher);
    teacher.normalize();
    data.fill_normal(*inputs);
    for (Index i = 0; i < n; ++i) {
      problem.labels[i] = inputs->row(i).dot(teacher) < 0 ? -1 : 1;
      inputs->row(i) += problem.labels[i] * p.real("separation") * teacher.transpose();
    }
  }
  problem.inputs = inputs;
  problem.margins = std::make_shared<Matrix>(problem.labels.asDiagonal() * *inputs);
  problem.loss =
      p.text("loss") == "exponential" ? MarginLossKind::exponential : MarginLossKind::logistic;
}

void take_potential(Parameters& p, SeparableProblem& problem) {
  const Index d = problem.inputs->cols();
  const std::vector<std::string>& names = p.texts("potential");
  const std::vector<double>& scales = p.reals("scale");
  const auto fits = [&](std::size_t size) { return size == 1 || static_cast<Index>(size) == d; };
  for (const auto& [parameter, size] :
       {std::pair{"potential", names.size()}, std::pair{"scale", scales.size()}})
    if (!fits(size))
      throw ParameterError(parameter, "has " + std::to_string(size) +
                                          " entries, expected one, or one for each of " +
                                          std::to_string(d) + " coordinates");
  const auto used = [&](const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  if (used("p_norm") && !p.has("p"))
    throw ParameterError("p", "is missing, expected a number > 1: the exponent of \"p_norm\"");
  if (!used("p_norm")) p.unused("p", "potential");
  for (Index i = 0; i < d; ++i) {
    const auto k = static_cast<std::size_t>(i);
    problem.potential.push_back(scaled(make_potential(p, names[names.size() == 1 ? 0 : k]),
                                       scales[scales.size() == 1 ? 0 : k]));
  }
  if (!used("deep_diagonal")) p.unused("depth", "potential");
}

void take_start(const Parameters& p, SeparableProblem& problem) {
  const Index n = problem.inputs->rows(), d = problem.inputs->cols();
  problem.initial = Vector::Zero(d);
  if (p.has_file("initial")) problem.initial = read_initial(p, d, "dimension");
  // Slightly off where the inverse gradient is not Lipschitz at 0, towards where the flow goes.
  Vector weights(n);
  margin_weights(problem.loss, *problem.margins * problem.initial, weights);
  const Vector towards = problem.margins->transpose() * weights;
  for (Index i = 0; i < d; ++i) {
    const double least = problem.potential[static_cast<std::size_t>(i)]->least_start();
    if (std::abs(problem.initial[i]) < least) problem.initial[i] = towards[i] < 0 ? -least : least;
  }
}

}  // namespace

std::vector<std::string> potential_names() {
  std::vector<std::string> names;
  for (const auto& [name, factory] : potentials()) names.push_back(name);
  return names;
}

SeparableProblem make_separable_problem(Parameters& p, std::uint64_t seed) {
  fix_sizes(p);
  SeparableProblem problem;
  take_data(p, seed, problem);
  take_potential(p, problem);
  take_start(p, problem);
  return problem;
}

}  // namespace gradflow
