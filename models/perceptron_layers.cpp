#include "models/perceptron_layers.hpp"

#include <algorithm>

#include "numerics/factorisations.hpp"
#include "numerics/types.hpp"

namespace gradflow {
namespace {

/// [h; 1] where there are biases.
Matrix with_ones(const Matrix& h, bool bias) {
  if (!bias) return h;
  Matrix s(h.rows() + 1, h.cols());
  s.topRows(h.rows()) = h;
  s.bottomRows(1).setOnes();
  return s;
}

/// S = U diag(s) V^T with the singular values that count.
struct Truncated {
  Matrix u, v;
  Vector s;

  Truncated(const Matrix& m, double tolerance) {
    const Svd svd = thin_svd(m);
    const Vector& all = svd.values;
    const Index r = (all.array() > tolerance * all[0]).count();
    u = svd.u.leftCols(r);
    v = svd.v.leftCols(r);
    s = all.head(r);
  }
  Index rank() const { return s.size(); }
  /// Z S^+ in the basis u: Z V diag(1/s).
  Matrix coefficients(const Matrix& z) const { return z * v * s.cwiseInverse().asDiagonal(); }
  /// (S^+)^T in the basis u: diag(1/s) V^T.
  Matrix inverse_rows() const { return s.cwiseInverse().asDiagonal() * v.transpose(); }
  /// M P.
  Matrix project(const Matrix& m) const { return m * v * v.transpose(); }
};

/// A network at one point: everything is forward in `inputs` and `z`, backward in `delta`.
struct Point {
  std::vector<Matrix> inputs;  ///< S_0, ..., S_{L-1}
  std::vector<Matrix> z;       ///< Z_1, ..., Z_L
  std::vector<Matrix> slope;   ///< sigma'(Z_l) of the hidden layers
  std::vector<Matrix> delta;   ///< dF/dZ_l
  bool finite = true;
};

Point evaluate(const PerceptronLayout& layout, Activation activation, const Matrix& inputs,
               ConstVectorRef w, const Matrix& output_gradient) {
  const std::size_t layers = layout.layers();
  Point at;
  Matrix h = inputs.transpose();
  for (std::size_t l = 0; l < layers; ++l) {
    Matrix z = layout.W(w, l) * h;
    if (layout.bias) z.colwise() += layout.b(w, l);
    at.finite = at.finite && z.allFinite();
    at.inputs.push_back(with_ones(h, layout.bias));
    if (l + 1 < layers) {
      Matrix slope(z.rows(), z.cols());
      h.resize(z.rows(), z.cols());
      activation.evaluate(z.data(), z.size(), h.data(), slope.data());
      at.slope.push_back(std::move(slope));
    }
    at.z.push_back(std::move(z));
  }
  at.delta.resize(layers);
  at.delta.back() = output_gradient;
  for (std::size_t l = layers - 1; l > 0; --l)
    at.delta[l - 1] = (layout.W(w, l).transpose() * at.delta[l]).cwiseProduct(at.slope[l - 1]);
  return at;
}

/// Which neurons of hidden layer l (from 0) matter to the layer above.
std::vector<Index> active_neurons(const PerceptronLayout& layout, ConstVectorRef w, const Point& at,
                                  std::size_t l, double tolerance) {
  const Index width = layout.widths[l + 1];
  const Vector share = layout.W(w, l + 1).colwise().norm().transpose().cwiseProduct(
      at.inputs[l + 1].topRows(width).rowwise().norm());
  std::vector<Index> active;
  for (Index i = 0; i < width; ++i)
    if (share[i] > tolerance * share.maxCoeff()) active.push_back(i);
  return active;
}

/// How many directions the incoming weights of these neurons have; no direction at all is one too.
Index count_rays(const PerceptronLayout& layout, ConstVectorRef w, std::size_t l,
                 const std::vector<Index>& neurons, double tolerance) {
  std::vector<Vector> rays;
  for (const Index i : neurons) {
    Vector ray(layout.widths[l] + (layout.bias ? 1 : 0));
    ray.head(layout.widths[l]) = layout.W(w, l).row(i).transpose();
    if (layout.bias) ray[layout.widths[l]] = layout.b(w, l)[i];
    if (ray.norm() > 0) ray.stableNormalize();
    // 1 - cos = |difference|^2 / 2, without its cancellation.
    const bool known = std::any_of(rays.begin(), rays.end(), [&](const Vector& other) {
      return 0.5 * (ray - other).squaredNorm() <= tolerance;
    });
    if (!known) rays.push_back(std::move(ray));
  }
  return static_cast<Index>(rays.size());
}

HiddenLayerForces forces(const PerceptronLayout& layout, ConstVectorRef w, const Point& at,
                         const std::vector<Truncated>& svd, std::size_t l, double weight_decay) {
  const Index width = layout.widths[l + 1];
  const Truncated &below = svd[l], &own = svd[l + 1];
  HiddenLayerForces f;
  f.preactivation = at.z[l];
  f.attraction = 2 * below.coefficients(at.z[l]) * below.inverse_rows();
  // 2 S (K^s)^+ K_{l+1} (K^s)^+ = 2 U C^T C diag(1/s) V^T with C = Z_{l+1} S^+ U.
  const Matrix coefficients = own.coefficients(at.z[l + 1]);
  f.repulsion =
      (2 * own.u.topRows(width) * (coefficients.transpose() * coefficients) * own.inverse_rows())
          .cwiseProduct(at.slope[l]);
  const Matrix pulled = layout.W(w, l + 1).transpose() * at.delta[l + 1];
  if (weight_decay > 0)
    f.constraint_force =
        (-2 / weight_decay) * (pulled - own.project(pulled)).cwiseProduct(at.slope[l]);
  else
    f.constraint_force = Matrix::Constant(width, pulled.cols(), nan);
  const double difference = (f.attraction - below.project(f.repulsion + f.constraint_force)).norm();
  f.defect = difference == 0 ? 0 : difference / f.attraction.norm();
  return f;
}

PerceptronLayers unknown(const PerceptronLayout& layout, Index samples) {
  const auto layers = static_cast<Index>(layout.layers());
  PerceptronLayers all;
  all.rank = all.cost = Vector::Constant(layers, nan);
  all.active_neurons = all.neuron_rays = Vector::Constant(layers - 1, nan);
  for (Index l = 0; l + 1 < layers; ++l) {
    const Matrix none =
        Matrix::Constant(layout.widths[static_cast<std::size_t>(l) + 1], samples, nan);
    all.hidden.push_back({none, none, none, none, nan});
  }
  return all;
}

using LayersAt = std::function<const PerceptronLayers&(const State&)>;

/// One number for each layer.
Observable vector_observable(const char* name, const char* meaning, Axis axis,
                             const LayersAt& layers_at, Vector PerceptronLayers::*member) {
  return {
      name, meaning, {std::move(axis)}, false, [layers_at, member](const State& s, double* out) {
        const Vector& values = layers_at(s).*member;
        std::copy(values.begin(), values.end(), out);
      }};
}

/// One number for each hidden layer, neuron and sample; NaN beyond a layer's width.
Observable field_observable(const char* name, const char* meaning, std::vector<Axis> axes,
                            const LayersAt& layers_at, Matrix HiddenLayerForces::*member) {
  const auto width = static_cast<Index>(axes[1].coordinate.size()),
             samples = static_cast<Index>(axes[2].coordinate.size());
  return {name, meaning, std::move(axes), false,
          [layers_at, member, width, samples](const State& s, double* out) {
            for (const HiddenLayerForces& hidden : layers_at(s).hidden) {
              const Matrix& values = hidden.*member;
              Eigen::Map<RowMatrix> block(out, width, samples);
              block.setConstant(nan);
              block.topRows(values.rows()) = values;
              out += block.size();
            }
          }};
}

}  // namespace

PerceptronLayers analyse_layers(const PerceptronLayout& layout, Activation activation,
                                const Matrix& inputs, ConstVectorRef w,
                                const Matrix& output_gradient, double weight_decay,
                                double rank_tolerance) {
  const Point at = evaluate(layout, activation, inputs, w, output_gradient);
  PerceptronLayers all = unknown(layout, inputs.rows());
  if (!at.finite) return all;
  std::vector<Truncated> svd;
  for (std::size_t l = 0; l < layout.layers(); ++l) {
    svd.emplace_back(at.inputs[l], rank_tolerance);
    const auto k = static_cast<Index>(l);
    all.rank[k] = static_cast<double>(svd[l].rank());
    all.cost[k] = svd[l].coefficients(at.z[l]).squaredNorm();
  }
  for (std::size_t l = 0; l + 1 < layout.layers(); ++l) {
    const auto k = static_cast<Index>(l);
    const std::vector<Index> active = active_neurons(layout, w, at, l, rank_tolerance);
    all.active_neurons[k] = static_cast<double>(active.size());
    all.neuron_rays[k] = static_cast<double>(count_rays(layout, w, l, active, rank_tolerance));
    all.hidden[l] = forces(layout, w, at, svd, l, weight_decay);
  }
  return all;
}

std::vector<Observable> layer_observables(const PerceptronLayout& layout, Index samples,
                                          const LayersAt& layers_at) {
  const auto layers = static_cast<Index>(layout.layers());
  std::vector<Observable> all{
      vector_observable("layer_rank", "rank of the inputs of each layer, S_l = [sigma(Z_l); 1]",
                        counting_axis("layer_input", layers, "hidden layer; 0: the inputs"),
                        layers_at, &PerceptronLayers::rank),
      vector_observable("layer_cost",
                        "Tr[K_l (K^s_{l-1})^+], what the layer's outputs cost at least; |W_l|^2 at "
                        "minima",
                        counting_axis("layer", layers, "layer", 1), layers_at,
                        &PerceptronLayers::cost)};
  if (layers == 1) return all;
  const Axis hidden = counting_axis("hidden_layer", layers - 1, "hidden layer", 1);
  all.push_back(vector_observable("active_neurons",
                                  "neurons whose part in the next layer is not negligible", hidden,
                                  layers_at, &PerceptronLayers::active_neurons));
  all.push_back(vector_observable("neuron_rays", "directions of the active neurons' weights",
                                  hidden, layers_at, &PerceptronLayers::neuron_rays));
  all.push_back({"force_defect",
                 "|A - (B + c) P| / |A| of attraction, repulsion and constraint force; 0 at minima",
                 {hidden},
                 false,
                 [layers_at](const State& s, double* out) {
                   for (const HiddenLayerForces& forces : layers_at(s).hidden)
                     *out++ = forces.defect;
                 }});
  const Index width = *std::max_element(layout.widths.begin() + 1, layout.widths.end() - 1);
  const std::vector<Axis> axes{hidden, counting_axis("neuron", width, "neuron"),
                               counting_axis("training_sample", samples, "training sample")};
  const auto field = [&](const char* name, const char* meaning, Matrix HiddenLayerForces::*member) {
    all.push_back(field_observable(name, meaning, axes, layers_at, member));
  };
  field("preactivation", "Z_l of the training samples", &HiddenLayerForces::preactivation);
  field("attraction", "A = 2 Z_l (K^s_{l-1})^+, against which the layer's own cost pulls Z_l",
        &HiddenLayerForces::attraction);
  field("repulsion", "B, along which the next layer's cost pushes Z_l",
        &HiddenLayerForces::repulsion);
  field("constraint_force", "c, which keeps what the next layer needs in the span of sigma(Z_l)",
        &HiddenLayerForces::constraint_force);
  return all;
}

}  // namespace gradflow
