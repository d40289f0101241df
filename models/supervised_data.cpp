#include "models/supervised_data.hpp"

#include <cmath>

#include "models/sample_values.hpp"
#include "numerics/random.hpp"

namespace gradflow {
namespace {

void draw_inputs(const Parameters& p, RandomStream& stream, Matrix& inputs) {
  if (p.text("input_law") == "uniform")
    stream.fill_uniform(inputs, -p.real("input_range"), p.real("input_range"));
  else
    stream.fill_normal(inputs);
}

Matrix read_targets(const Parameters& p, const std::string& name, Index n, Index outputs) {
  if (outputs == 1) return read_sample_values(p, name, n, n == 1 ? "sample" : "samples");
  p.require_shape(name, n, outputs);
  return p.file(name);
}

}  // namespace

std::vector<ParameterInfo> supervised_data_parameters(std::int64_t samples) {
  return {
      integer_parameter("samples", samples, "number of training samples n"),
      integer_parameter("test_samples", 1000, "number of test samples of the teacher"),
      choice_parameter("input_law", "gaussian", {"gaussian", "uniform"},
                       "law of the inputs: standard Gaussian, or uniform on [-input_range, "
                       "input_range] in each coordinate"),
      positive_parameter("input_range", 1.0, "half width of the range of uniform inputs"),
      nonnegative_parameter("noise_variance", 0.0,
                            "variance of Gaussian noise on the teacher's training targets"),
      file_parameter("inputs", "(n, d)", "training inputs; drawn without it"),
      file_parameter("targets", "(n) or (n, outputs)",
                     "training targets; the teacher's without it"),
      file_parameter("test_inputs", "(k, d)", "test inputs"),
      file_parameter("test_targets", "(k) or (k, outputs)",
                     "test targets; the teacher's without it"),
  };
}

void fix_supervised_sizes(Parameters& p, const std::string& dimension_name) {
  if (p.has_file("inputs")) {
    p.fix_size("samples", p.file("inputs").rows(), "inputs");
    if (!dimension_name.empty()) p.fix_size(dimension_name, p.file("inputs").cols(), "inputs");
  } else if (p.has_file("targets")) {
    throw ParameterError("targets", "is there without model.inputs");
  }
}

SupervisedData read_supervised_data(Parameters& p, std::uint64_t seed, Index dimension,
                                    Index outputs, bool teacher_asked,
                                    const std::function<Matrix(const Matrix&)>& teacher) {
  SupervisedData data;
  const bool has_teacher = teacher_asked || !p.has_file("targets");
  const Index n = p.integer("samples");
  if (p.text("input_law") != "uniform")
    p.without_effect("input_range", "model.input_law = \"gaussian\"");
  if (!has_teacher && !p.has_file("test_inputs"))
    p.without_effect("test_samples", "a model with targets of its own");
  if (p.has_file("inputs")) {
    p.require_shape("inputs", n, dimension);
    data.inputs = p.file("inputs");
  } else {
    data.inputs.resize(n, dimension);
    RandomStream stream(seed, "data");
    draw_inputs(p, stream, data.inputs);
  }
  if (p.has_file("targets")) {
    data.targets = read_targets(p, "targets", n, outputs);
    p.unused("noise_variance", "targets");
  } else {
    data.targets = teacher(data.inputs);
    RandomStream stream(seed, "noise");
    Matrix noise(n, outputs);
    stream.fill_normal(noise, std::sqrt(p.real("noise_variance")));
    data.targets += noise;
  }

  if (p.has_file("test_targets") && !p.has_file("test_inputs"))
    throw ParameterError("test_targets", "is there without model.test_inputs");
  if (p.has_file("test_inputs")) {
    p.require_shape("test_inputs", -1, dimension);
    data.test_inputs = p.file("test_inputs");
    p.fix_size("test_samples", data.test_inputs.rows(), "test_inputs");
    if (p.has_file("test_targets")) {
      data.test_targets = read_targets(p, "test_targets", data.test_inputs.rows(), outputs);
      return data;
    }
    if (!has_teacher) throw ParameterError("test_inputs", "is there without model.test_targets");
  } else if (has_teacher) {
    data.test_inputs.resize(p.integer("test_samples"), dimension);
    const bool uniform = p.text("input_law") == "uniform";
    if (uniform && dimension == 1) {
      const double range = p.real("input_range");
      const Index k = data.test_inputs.rows();
      for (Index i = 0; i < k; ++i)
        data.test_inputs(i, 0) =
            range * (-1 + (2 * static_cast<double>(i) + 1) / static_cast<double>(k));
    } else {
      RandomStream stream(seed, "test");
      draw_inputs(p, stream, data.test_inputs);
    }
  }
  if (data.test_inputs.rows() > 0) data.test_targets = teacher(data.test_inputs);
  return data;
}

}  // namespace gradflow
