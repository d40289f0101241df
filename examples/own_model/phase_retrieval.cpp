// Phase retrieval as a model outside gradflow's tree: F(w) = 1/(4n) sum_i ((x_i . w)^2 - y_i)^2,
// y_i = (x_i . w*)^2. The outputs and their derivatives are all there is to write; flows, Newton
// matrices, studies, results and plots are gradflow's.
#include "cli/cli.hpp"
#include "flow/loss_model.hpp"
#include "flow/registry.hpp"
#include "numerics/random.hpp"

using namespace gradflow;

namespace {

/// f_i(w) = (x_i . w)^2.
class PhaselessMap final : public OutputMap {
 public:
  explicit PhaselessMap(std::shared_ptr<const Matrix> inputs)
      : inputs_(std::move(inputs)), z_(inputs_->rows()), dz_(inputs_->rows()) {}
  std::unique_ptr<OutputMap> clone() const override {
    return std::make_unique<PhaselessMap>(inputs_);
  }
  Index parameters() const override { return inputs_->cols(); }
  Index outputs() const override { return inputs_->rows(); }

  void evaluate(ConstVectorRef w, VectorRef f) override {
    z_.noalias() = *inputs_ * w;
    f = z_.cwiseAbs2();
  }
  void jacobian_times(ConstVectorRef v, VectorRef jv) override {
    jv.noalias() = *inputs_ * v;
    jv.array() *= 2 * z_.array();
  }
  void transpose_times(ConstVectorRef u, VectorRef jtu) override {
    dz_ = 2 * z_.cwiseProduct(u);
    jtu.noalias() = inputs_->transpose() * dz_;
  }
  void curvature_times(ConstVectorRef u, ConstVectorRef v, VectorRef out) override {
    dz_.noalias() = *inputs_ * v;
    dz_.array() *= 2 * u.array();
    out.noalias() = inputs_->transpose() * dz_;
  }
  double evaluate_flops() const override { return 2.0 * static_cast<double>(inputs_->size()); }

 private:
  std::shared_ptr<const Matrix> inputs_;
  Vector z_, dz_;
};

class PhaseRetrieval final : public LossModel {
 public:
  PhaseRetrieval(std::shared_ptr<const Matrix> inputs, const Vector& targets, Vector teacher,
                 Vector initial)
      : LossModel(Loss(std::make_unique<PhaselessMap>(inputs),
                       std::make_shared<SquaredLoss>(0.25 / static_cast<double>(targets.size()),
                                                     targets)),
                  std::move(initial)),
        teacher_(std::move(teacher)) {}

  std::vector<Observable> own_observables() override {
    return {{"overlap", "|w . w*| / (|w| |w*|)", {}, true, [this](const State& s, double* out) {
               const auto w = weights(s);
               *out = std::abs(w.dot(teacher_)) / (w.norm() * teacher_.norm());
             }}};
  }

 private:
  Vector teacher_;
};

std::unique_ptr<Model> make(Parameters& p, std::uint64_t seed) {
  const Index n = p.integer("samples"), d = p.integer("dimension");
  RandomStream data(seed, "data"), teacher_stream(seed, "teacher"), start(seed, "initial");
  auto inputs = std::make_shared<Matrix>(n, d);
  data.fill_normal(*inputs);
  Vector teacher(d), initial(d);
  teacher_stream.fill_normal(teacher);
  start.fill_normal(initial, p.real("initial_scale"));
  const Vector targets = (*inputs * teacher).cwiseAbs2();
  return std::make_unique<PhaseRetrieval>(inputs, targets, teacher, initial);
}

ModelInfo phase_retrieval() {
  return {"phase_retrieval",
          "a signal from the squares of its projections",
          "F(w) = 1/(4n) sum_i ((x_i . w)^2 - y_i)^2,  y_i = (x_i . w*)^2",
          "",
          LossModel::flows(),
          {integer_parameter("samples", 60, "number of projections n"),
           integer_parameter("dimension", 10, "dimension d of the signal"),
           positive_parameter("initial_scale", 1e-3, "standard deviation of the entries of w(0)")},
          make};
}

}  // namespace

int main(int argc, char** argv) {
  register_model(phase_retrieval());
  return run_cli(argc, argv);
}
