#include "flow/mini_batch.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>

#include "flow/parameters.hpp"

namespace gradflow {
namespace {

class WholeBatchMap final : public BatchMap {
 public:
  explicit WholeBatchMap(std::unique_ptr<OutputMap> map)
      : map_(std::move(map)),
        each_(map_->outputs() / map_->samples()),
        f_(map_->outputs()),
        u_(Vector::Zero(map_->outputs())) {}

  void evaluate(const std::vector<Index>& samples, ConstVectorRef w, VectorRef f) override {
    for (const Index i : samples_) u_.segment(i * each_, each_).setZero();
    samples_ = samples;
    map_->evaluate(w, f_);
    for (std::size_t b = 0; b < samples.size(); ++b)
      f.segment(static_cast<Index>(b) * each_, each_) = f_.segment(samples[b] * each_, each_);
  }
  void transpose_times(ConstVectorRef u, VectorRef jtu) override {
    for (std::size_t b = 0; b < samples_.size(); ++b)
      u_.segment(samples_[b] * each_, each_) = u.segment(static_cast<Index>(b) * each_, each_);
    map_->transpose_times(u_, jtu);
  }

 private:
  std::unique_ptr<OutputMap> map_;
  Index each_;
  std::vector<Index> samples_;
  Vector f_, u_;
};

class SelectedBatchMap final : public BatchMap {
 public:
  explicit SelectedBatchMap(std::function<SelectingMap(Index)> make) : make_(std::move(make)) {}

  void evaluate(const std::vector<Index>& samples, ConstVectorRef w, VectorRef f) override {
    last_ = &part_of(samples.size());
    last_->select(samples);
    last_->map->evaluate(w, f);
  }
  void transpose_times(ConstVectorRef u, VectorRef jtu) override {
    last_->map->transpose_times(u, jtu);
  }

 private:
  /// There are two sizes of batches: the whole ones', and that of what a pass leaves.
  SelectingMap& part_of(std::size_t size) {
    const auto [part, fresh] = parts_.try_emplace(size);
    if (fresh) part->second = make_(static_cast<Index>(size));
    return part->second;
  }

  std::function<SelectingMap(Index)> make_;
  std::map<std::size_t, SelectingMap> parts_;
  SelectingMap* last_ = nullptr;
};

}  // namespace

std::unique_ptr<BatchMap> make_whole_batch_map(std::unique_ptr<OutputMap> map) {
  return std::make_unique<WholeBatchMap>(std::move(map));
}

std::unique_ptr<BatchMap> make_batch_map(std::function<SelectingMap(Index size)> make) {
  return std::make_unique<SelectedBatchMap>(std::move(make));
}

std::unique_ptr<BatchMap> make_row_batch_map(
    std::shared_ptr<const Matrix> inputs,
    std::function<std::unique_ptr<OutputMap>(std::shared_ptr<const Matrix> rows)> map_on) {
  return make_batch_map([inputs = std::move(inputs), map_on = std::move(map_on)](Index size) {
    const auto rows = std::make_shared<Matrix>(size, inputs->cols());
    const auto select = [inputs, rows](const std::vector<Index>& samples) {
      for (Index c = 0; c < rows->cols(); ++c)
        for (Index b = 0; b < rows->rows(); ++b)
          (*rows)(b, c) = (*inputs)(samples[static_cast<std::size_t>(b)], c);
    };
    return SelectingMap{map_on(rows), select};
  });
}

MiniBatchDescent::MiniBatchDescent(const Loss& loss, DecayAndRate terms, Index batch,
                                   double label_noise, std::uint64_t seed)
    : GradientFlow(loss, std::move(terms)),
      samples_(loss.map().samples()),
      batch_(batch),
      noise_deviation_(std::sqrt(label_noise)),
      stream_(seed, "batch"),
      noise_stream_(seed, "label noise") {
  if (samples_ == 0)
    throw ParameterError("kind",
                         "is \"sgd\", but the loss of this model is no sum over samples to draw "
                         "batches of");
  if (batch > samples_)
    throw ParameterError("batch", "is " + std::to_string(batch) + ", but there are " +
                                      std::to_string(samples_) +
                                      (samples_ == 1 ? " sample" : " samples"));
  if (label_noise > 0 && !loss.output_loss().has_residual())
    throw ParameterError("label_noise",
                         "needs a squared loss: labels of classes are no numbers to add noise to");
  map_ = loss.map().batch_map();
  if (map_ == nullptr) map_ = make_whole_batch_map(loss.map().clone());
  outputs_each_ = loss.outputs() / samples_;
  f_.resize(batch * outputs_each_);
  g_.resize(f_.size());
  slope_.resize(loss.dimension());
  if (label_noise > 0) noise_.resize(f_.size());
}

void MiniBatchDescent::draw(std::uint64_t k) {
  const auto passes = static_cast<std::uint64_t>((samples_ + batch_ - 1) / batch_);
  const std::uint64_t pass = k / passes;
  if (order_.empty() || pass != pass_) {
    // A permutation takes a word a sample, very rarely one more.
    stream_.seek(2 * pass * static_cast<std::uint64_t>(samples_));
    order_ = stream_.permutation(samples_);
    pass_ = pass;
  }
  const auto begin = static_cast<std::ptrdiff_t>(k % passes) * batch_;
  const auto end = std::min<std::ptrdiff_t>(begin + batch_, samples_);
  chosen_.assign(order_.begin() + begin, order_.begin() + end);
  std::sort(chosen_.begin(), chosen_.end());
}

void MiniBatchDescent::discrete_step(double t, double step, VectorRef y) {
  const auto k = static_cast<std::uint64_t>(std::llround(t / step));
  draw(k);
  const auto size = static_cast<Index>(chosen_.size());
  auto f = f_.head(size * outputs_each_), g = g_.head(size * outputs_each_);
  map_->evaluate(chosen_, y, f);
  if (noise_deviation_ > 0) {
    // f - (y + noise) = (f - noise) - y.
    auto noise = noise_.head(f.size());
    noise_stream_.seek(k * static_cast<std::uint64_t>(noise_.size()));
    noise_stream_.fill_normal(noise, noise_deviation_);
    f -= noise;
  }
  loss().output_loss().batch_gradient(f, chosen_, g);
  if (size < samples_) g *= static_cast<double>(samples_) / static_cast<double>(size);
  map_->transpose_times(g, slope_);
  descend(y, slope_);
  y += step * slope_;
}

}  // namespace gradflow
