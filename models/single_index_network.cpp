#include "models/single_index_network.hpp"

#include <memory>

#include "models/initial_state.hpp"
#include "models/sample_values.hpp"
#include "models/single_index.hpp"
#include "models/single_index_activation.hpp"
#include "models/single_index_empirical.hpp"
#include "models/single_index_measurements.hpp"
#include "models/single_index_population.hpp"
#include "models/single_index_sgd.hpp"
#include "models/single_index_sphere.hpp"
#include "numerics/random.hpp"

namespace gradflow {
namespace {

using namespace sphere;

class NetworkModel final : public Model {
 public:
  NetworkModel(SingleIndexProblem problem, Vector initial, std::shared_ptr<const Matrix> inputs,
               std::shared_ptr<const Vector> targets)
      : problem_(std::move(problem)),
        initial_(std::move(initial)),
        theory_(problem_, initial_.head(problem_.width)),
        inputs_(std::move(inputs)),
        targets_(std::move(targets)) {}

  Vector initial_state(const FlowSettings&) override { return initial_; }
  std::unique_ptr<System> system(const FlowSettings& flow) override {
    refuse_weight_decay(flow);
    if (flow.kind == "sgd")
      return std::make_unique<NetworkSgd>(problem_, inputs_, targets_, flow.batch, flow.label_noise,
                                          flow.seed);
    if (flow.kind == "gradient" || flow.kind == "gradient_descent") {
      if (inputs_ == nullptr) return std::make_unique<NetworkFlow>(problem_);
      return std::make_unique<EmpiricalFlow>(problem_, inputs_, targets_);
    }
    throw ParameterError("kind", "is \"" + flow.kind + "\", which this model does not offer");
  }
  std::vector<Observable> observables(const FlowSettings&) override {
    const Index m = problem_.width, d = problem_.dimension;
    struct Alignment {
      Vector s;
    };
    const auto kept = std::make_shared<Alignment>();
    auto all = single_index_observables(problem_, [m, d, kept](const State& s) {
      kept->s = weights(s.y, m, d).col(0);
      return NeuronView{s.y.head(m), kept->s};
    });
    const auto population = std::make_shared<NetworkFlow>(problem_);
    all.insert(all.begin(), {"risk",
                             "population risk 1/2 E (y - f)^2",
                             {},
                             true,
                             [population, m](const State& s, double* out) {
                               *out = population->energy(s.y) / static_cast<double>(m);
                             }});
    if (inputs_ != nullptr) {
      const auto empirical = std::make_shared<EmpiricalFlow>(problem_, inputs_, targets_);
      all.push_back({"train_loss",
                     "empirical risk 1/(2n) sum (y - f)^2",
                     {},
                     true,
                     [empirical, m](const State& s, double* out) {
                       *out = empirical->energy(s.y) / static_cast<double>(m);
                     }});
    }
    all.push_back({"sphere_defect",
                   "largest | |u_i|^2 - 1 |, which the flow keeps at 0",
                   {},
                   true,
                   [m, d](const State& s, double* out) {
                     *out =
                         (weights(s.y, m, d).rowwise().squaredNorm().array() - 1).abs().maxCoeff();
                   }});
    return all;
  }
  std::vector<Measurement> constants(const FlowSettings&) override {
    return single_index_constants(problem_, theory_());
  }
  std::vector<Measurement> measure(const FlowSettings&, const Trajectory& trajectory) override {
    return single_index_measurements(problem_, theory_(), trajectory);
  }

 private:
  SingleIndexProblem problem_;
  Vector initial_;
  SharedAsymptotics theory_;
  std::shared_ptr<const Matrix> inputs_;
  std::shared_ptr<const Vector> targets_;
};

std::unique_ptr<Model> make(Parameters& p, std::uint64_t seed) {
  if (p.has_file("inputs")) {
    p.fix_size("samples", p.file("inputs").rows(), "inputs");
    p.fix_size("dimension", p.file("inputs").cols(), "inputs");
  } else if (p.has_file("targets")) {
    throw ParameterError("targets", "is there without model.inputs");
  }
  SingleIndexProblem problem = single_index_problem(p);
  const Index m = problem.width, d = problem.dimension;
  Vector initial(m + m * d);
  if (p.has_file("initial")) {
    initial = read_initial(p, m + m * d, "width (1 + dimension)", ": a, U row by row");
    p.unused("initial_second_layer", "initial");
    const double off = (weights(initial, m, d).rowwise().norm().array() - 1).abs().maxCoeff();
    if (!(off < 1e-6)) throw ParameterError("initial", "has rows of U that are not unit vectors");
  } else {
    initial.head(m) = initial_second_layer(p, m, initial_seed(p, seed));
    weights_of(initial, m, d) = initial_directions(m, d, initial_seed(p, seed));
  }
  std::shared_ptr<Matrix> inputs;
  std::shared_ptr<Vector> targets;
  const Index n = static_cast<Index>(p.integer("samples"));
  if (n > 0) {
    inputs = std::make_shared<Matrix>(n, d);
    if (p.has_file("inputs")) {
      *inputs = p.file("inputs");
    } else {
      // Row by row: more samples keep the first ones.
      RandomStream stream(seed, "data");
      Vector row(d);
      for (Index i = 0; i < n; ++i) {
        stream.fill_normal(row);
        inputs->row(i) = row.transpose();
      }
    }
    targets = std::make_shared<Vector>(n);
    if (p.has_file("targets")) {
      *targets = read_sample_values(p, "targets", n);
    } else {
      for (Index i = 0; i < n; ++i) (*targets)[i] = target_value(problem.phi, (*inputs)(i, 0));
    }
  }
  return std::make_unique<NetworkModel>(std::move(problem), std::move(initial), std::move(inputs),
                                        std::move(targets));
}

}  // namespace

ModelInfo single_index_network() {
  std::vector<ParameterInfo> parameters = single_index_parameters(100);
  for (ParameterInfo& info : parameters)
    if (info.name == "dimension") {
      info = integer_parameter("dimension", 100, "input dimension d, at least 2", 2, 1e7);
    }
  parameters.push_back(integer_parameter(
      "samples", 0,
      "training samples n: the flow and the steps are those of the empirical risk; 0: population "
      "flow, one-pass SGD",
      0, 1e9));
  parameters.push_back(file_parameter("inputs", "(n, d)", "training inputs"));
  parameters.push_back(
      file_parameter("targets", "(n)", "training targets; phi of the first coordinate without it"));
  parameters.push_back(
      file_parameter("initial", "(m + m d): a, U row by row", "a(0), U(0), rows of norm 1"));
  return {"single_index_network",
          "two-layer network on a single-index target with its weights on the sphere in R^d: "
          "population flow, empirical flow, SGD",
          "f(x) = (1/m) sum_i a_i sigma(<u_i, x>), y = phi(x_1), x ~ N(0, I);  epsilon a_i' = -m "
          "dR/da_i,  u_i' = -m (I - u_i u_i^T) dR/du_i;  sgd: the same steps on batches",
          "Berthier, Montanari, Zhou, arXiv 2303.00055",
          {"gradient", "gradient_descent", "sgd"},
          std::move(parameters),
          make,
          single_index_numbers()};
}

}  // namespace gradflow
