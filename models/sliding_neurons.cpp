#include "models/sliding_neurons.hpp"

#include <utility>

#include "numerics/factorisations.hpp"

namespace gradflow {

SlidingNeurons::SlidingNeurons(HiddenLayer layer, std::shared_ptr<const ReluPieces> pieces,
                               std::shared_ptr<const Matrix> inputs)
    : layer_(layer), pieces_(std::move(pieces)), inputs_(std::move(inputs)) {}

void SlidingNeurons::refresh() {
  if (revision_ == pieces_->revision()) return;
  revision_ = pieces_->revision();
  std::vector<std::vector<Index>> held(static_cast<std::size_t>(layer_.width));
  for (const Kink& s : pieces_->kinks())
    held[static_cast<std::size_t>(s.neuron)].push_back(s.sample);
  normals_.assign(held.size(), Matrix(extended(), 0));
  sliders_.clear();
  for (std::size_t k = 0; k < held.size(); ++k) {
    if (held[k].empty()) continue;
    sliders_.push_back(static_cast<Index>(k));
    Matrix span(extended(), static_cast<Index>(held[k].size()));
    for (std::size_t s = 0; s < held[k].size(); ++s) {
      span.col(static_cast<Index>(s)).head(layer_.inputs) = inputs_->col(held[k][s]);
      if (layer_.has_bias()) span(layer_.inputs, static_cast<Index>(s)) = 1;
    }
    normals_[k] = orthonormal_columns(span);
  }
}

void SlidingNeurons::project(VectorRef v) {
  if (!any()) return;
  refresh();
  const Index d = layer_.inputs;
  neuron_.resize(extended());
  for (const Index k : sliders_) {
    neuron_.head(d) = v.segment(layer_.matrix + k * d, d);
    if (layer_.has_bias()) neuron_[d] = v[layer_.offset + k];
    neuron_ -= normals_of(k) * (normals_of(k).transpose() * neuron_);
    v.segment(layer_.matrix + k * d, d) = neuron_.head(d);
    if (layer_.has_bias()) v[layer_.offset + k] = neuron_[d];
  }
}

void SlidingNeurons::project_block(Index neuron, MatrixRef block) {
  if (!any()) return;
  refresh();
  const Matrix& normals = normals_of(neuron);
  if (normals.cols() == 0) return;
  const Index inner = extended();
  const Matrix off = Matrix::Identity(inner, inner) - normals * normals.transpose();
  block.topRows(inner) = (off * block.topRows(inner)).eval();
  block.leftCols(inner) = (block.leftCols(inner) * off).eval();
}

void SlidingNeurons::take_off_gram(ConstMatrixRef g, MatrixRef gram) {
  if (!any()) return;
  refresh();
  const Index d = layer_.inputs;
  // x_i . P x_j in place of x_i . x_j.
  for (const Index neuron : sliders_) {
    const Matrix& normals = normals_of(neuron);
    for (Index e = 0; e < normals.cols(); ++e) {
      sample_ = inputs_->transpose() * normals.col(e).head(d);
      if (layer_.has_bias()) sample_.array() += normals(d, e);
      sample_.array() *= g.row(neuron).transpose().array();
      gram.noalias() -= sample_ * sample_.transpose();
    }
  }
}

}  // namespace gradflow
