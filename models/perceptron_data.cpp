#include "models/perceptron_data.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "models/perceptron_layout.hpp"
#include "models/sample_values.hpp"
#include "models/supervised_data.hpp"
#include "numerics/random.hpp"

namespace gradflow {
namespace {

/// Entries that must be integers from 0 to below `bound`.
std::vector<Index> read_labels(const Parameters& p, const std::string& name, Index n, Index bound) {
  const Vector numbers = read_sample_values(p, name, n);
  std::vector<Index> labels;
  for (const double x : numbers) {
    if (!(x >= 0) || x != std::floor(x) || x >= static_cast<double>(bound))
      throw ParameterError(
          name, "has an entry that is no integer from 0 to " + std::to_string(bound - 1));
    labels.push_back(static_cast<Index>(x));
  }
  return labels;
}

/// The labels that model.classes names, in its order; empty without it.
std::vector<Index> chosen_classes(const Parameters& p, Index outputs) {
  if (!p.has("classes")) return {};
  const auto& all = p.integers("classes");
  if (static_cast<Index>(all.size()) != outputs)
    throw ParameterError("classes", "has " + std::to_string(all.size()) +
                                        " entries, but model.widths ends with " +
                                        std::to_string(outputs));
  for (auto it = all.begin(); it != all.end(); ++it)
    if (std::find(all.begin(), it, *it) != it)
      throw ParameterError("classes", "has " + std::to_string(*it) + " twice");
  return {all.begin(), all.end()};
}

struct LabelledData {
  Matrix inputs;  ///< (n, d)
  std::vector<Index> labels;
};

/// Inputs and labels from files, whose names begin with `prefix` ("" or "test_"). Of the classes
/// named, if any are: the first `samples` of them where that is given, and the class's place in the
/// list as label.
LabelledData read_labelled(Parameters& p, const std::string& prefix,
                           const std::vector<Index>& classes, Index dimension, Index outputs) {
  const std::string inputs = prefix + "inputs", labels = prefix + "labels",
                    samples = prefix + "samples";
  p.require_shape(inputs, -1, dimension);
  const Matrix& all = p.file(inputs);
  if (classes.empty()) {
    p.fix_size(samples, all.rows(), inputs);
    return {all, read_labels(p, labels, all.rows(), outputs)};
  }
  constexpr Index most = 1'000'000;
  const std::vector<Index> given = read_labels(p, labels, all.rows(), most);
  std::vector<Index> rows;
  LabelledData data;
  std::vector<bool> seen(classes.size(), false);
  for (Index i = 0; i < all.rows(); ++i) {
    const auto found =
        std::find(classes.begin(), classes.end(), given[static_cast<std::size_t>(i)]);
    if (found == classes.end()) continue;
    const Index label = found - classes.begin();
    seen[static_cast<std::size_t>(label)] = true;
    rows.push_back(i);
    data.labels.push_back(label);
  }
  for (std::size_t c = 0; c < classes.size(); ++c)
    if (!seen[c])
      throw ParameterError("classes", "has " + std::to_string(classes[c]) +
                                          ", which is no entry of model." + labels);
  if (p.given(samples)) {
    const auto asked = static_cast<std::size_t>(p.integer(samples));
    if (asked > rows.size())
      throw ParameterError(samples, "is " + std::to_string(asked) + ", but model." + labels +
                                        " has " + std::to_string(rows.size()) +
                                        " entries of model.classes");
    rows.resize(asked);
    data.labels.resize(asked);
  }
  p.resolve(samples, static_cast<std::int64_t>(rows.size()));
  data.inputs = all(rows, Eigen::all);
  return data;
}

std::vector<Index> largest_outputs(const Matrix& outputs) {
  std::vector<Index> labels(static_cast<std::size_t>(outputs.rows()));
  for (Index i = 0; i < outputs.rows(); ++i)
    outputs.row(i).maxCoeff(&labels[static_cast<std::size_t>(i)]);
  return labels;
}

/// Inputs and labels from files; no test set without files of its own.
PerceptronData read_classes(Parameters& p, Index d, Index k) {
  for (const char* name :
       {"teacher", "teacher_width", "teacher_depth", "cluster_spread", "noise_variance"})
    p.unused(name, "labels");
  const std::vector<Index> classes = chosen_classes(p, k);
  PerceptronData data;
  LabelledData training = read_labelled(p, "", classes, d, k);
  data.inputs = std::move(training.inputs);
  data.labels = std::move(training.labels);
  if (p.has_file("test_labels")) {
    LabelledData test = read_labelled(p, "test_", classes, d, k);
    data.test_inputs = std::move(test.inputs);
    data.test_labels = std::move(test.labels);
  } else {
    p.without_effect("test_samples", "a model with labels of its own");
    data.test_inputs.resize(0, d);
  }
  return data;
}

/// (outputs, n)
Matrix unit_vectors(const std::vector<Index>& labels, Index outputs) {
  Matrix units = Matrix::Zero(outputs, static_cast<Index>(labels.size()));
  for (Index i = 0; i < units.cols(); ++i) units(labels[static_cast<std::size_t>(i)], i) = 1;
  return units;
}

/// Sample i belongs to cluster i mod k: its target is a unit vector, (n, k).
Matrix cluster_targets(Index n, Index k) {
  Matrix targets = Matrix::Zero(n, k);
  for (Index i = 0; i < n; ++i) targets(i, i % k) = 1;
  return targets;
}

/// From drawn deviations to inputs: centre + spread * deviation.
void move_to_clusters(Matrix& inputs, const Matrix& centres, double spread) {
  for (Index i = 0; i < inputs.rows(); ++i)
    inputs.row(i) = centres.row(i % centres.rows()) + spread * inputs.row(i);
}

/// Inputs and targets drawn or from files. The teacher is a perceptron with the same activation, a
/// linear map, or one that puts the inputs into clusters. Labels are the places of the largest
/// targets.
PerceptronData draw_data(Parameters& p, std::uint64_t seed, Index d, Index k, Activation activation,
                         bool classes) {
  fix_supervised_sizes(p, "");
  const std::string kind = p.has_file("targets") ? "" : p.text("teacher");
  const std::string by_teacher = "model.teacher = \"" + kind + "\"";
  if (kind.empty()) {
    for (const char* name : {"teacher", "teacher_width", "teacher_depth", "cluster_spread"})
      p.unused(name, "targets");
  } else {
    for (const char* name : {"teacher_width", "teacher_depth"})
      if (kind != "network") p.without_effect(name, by_teacher);
    if (kind != "clusters") p.without_effect("cluster_spread", by_teacher);
  }

  RandomStream teacher_stream(seed, "teacher");
  SupervisedData drawn;
  if (kind == "clusters") {
    if (k < 2)
      throw ParameterError("teacher",
                           "is \"clusters\", which needs two outputs or more in model.widths, one "
                           "for each cluster");
    for (const char* name : {"inputs", "test_inputs"})
      if (p.has_file(name))
        throw ParameterError(name, "does not go with " + by_teacher + ", which draws the inputs");
    const double spread = p.real("cluster_spread");
    Matrix centres(k, d);
    teacher_stream.fill_normal(centres);
    drawn = read_supervised_data(p, seed, d, k, false,
                                 [&](const Matrix& x) { return cluster_targets(x.rows(), k); });
    move_to_clusters(drawn.inputs, centres, spread);
    move_to_clusters(drawn.test_inputs, centres, spread);
  } else {
    std::vector<Index> teacher_widths{d, k};
    if (kind == "network")
      teacher_widths.insert(teacher_widths.begin() + 1,
                            static_cast<std::size_t>(p.integer("teacher_depth")),
                            p.integer("teacher_width"));
    const PerceptronLayout teacher_layout(teacher_widths, false);
    const Vector teacher = draw_perceptron(teacher_stream, teacher_layout, 1);
    drawn = read_supervised_data(p, seed, d, k, false, [&](const Matrix& x) -> Matrix {
      return perceptron_outputs(teacher_layout, activation, 1, x, teacher).transpose();
    });
  }

  PerceptronData data;
  data.inputs = std::move(drawn.inputs);
  data.test_inputs = std::move(drawn.test_inputs);
  if (classes) {
    data.labels = largest_outputs(drawn.targets);
    data.test_labels = largest_outputs(drawn.test_targets);
  } else {
    data.targets = drawn.targets.transpose();
    data.test_targets = drawn.test_targets.transpose();
  }
  return data;
}

}  // namespace

Matrix PerceptronData::targets_or_classes(Index outputs) const {
  return labels.empty() ? targets : unit_vectors(labels, outputs);
}

std::vector<ParameterInfo> perceptron_data_parameters() {
  std::vector<ParameterInfo> parameters{
      choice_parameter("teacher", "network", {"network", "linear", "clusters"},
                       "where targets (or labels: its largest output) come from: a random network, "
                       "a random linear map, or Gaussian clusters of inputs, "
                       "one for each output, whose targets are unit vectors"),
      integer_parameter("teacher_width", 5, "neurons of each of the teacher's hidden layers"),
      integer_parameter("teacher_depth", 1, "hidden layers of the teacher"),
      nonnegative_parameter("cluster_spread", 0.5,
                            "factor on the inputs' law around the centres of the clusters, which "
                            "are standard Gaussian"),
      integer_list_parameter("classes", std::nullopt,
                             "entries of labels that are used, as classes 0, 1, ... in this order; "
                             "the first samples (and test_samples) of them, where that is given"),
      file_parameter("labels", "(n)",
                     "training labels 0, ..., outputs - 1, or those of classes; with squared error "
                     "the targets are their unit vectors"),
      file_parameter("test_labels", "(k)", "test labels"),
  };
  for (ParameterInfo& info : supervised_data_parameters(40)) parameters.push_back(std::move(info));
  return parameters;
}

PerceptronData read_perceptron_data(Parameters& p, std::uint64_t seed, Index d, Index k,
                                    Activation activation, bool cross_entropy) {
  for (const char* targets : {"targets", "test_targets"}) {
    if (!p.has_file(targets)) continue;
    if (cross_entropy)
      throw ParameterError(targets,
                           "does not go with model.loss = \"cross_entropy\", which needs labels");
    if (p.has_file("labels"))
      throw ParameterError(targets, "does not go with model.labels, which are the targets");
  }
  if (p.has_file("inputs") && p.file("inputs").cols() != d)
    throw ParameterError("widths", "begins with " + std::to_string(d) + ", but model.inputs has " +
                                       std::to_string(p.file("inputs").cols()) + " columns");
  if (p.has_file("labels") && !p.has_file("inputs"))
    throw ParameterError("labels", "is there without model.inputs");
  if (p.has("classes") && !p.has_file("labels"))
    throw ParameterError("classes", "needs model.labels");
  if (p.has_file("test_labels") && !p.has_file("labels"))
    throw ParameterError("test_labels", "is there without model.labels");
  if (p.has_file("test_labels") && !p.has_file("test_inputs"))
    throw ParameterError("test_labels", "is there without model.test_inputs");
  if (p.has_file("labels") && p.has_file("test_inputs") && !p.has_file("test_labels"))
    throw ParameterError("test_inputs", "is there without model.test_labels");
  if (!p.has_file("labels")) return draw_data(p, seed, d, k, activation, cross_entropy);
  PerceptronData data = read_classes(p, d, k);
  if (!cross_entropy) {
    data.targets = unit_vectors(data.labels, k);
    data.test_targets = unit_vectors(data.test_labels, k);
  }
  return data;
}

}  // namespace gradflow
