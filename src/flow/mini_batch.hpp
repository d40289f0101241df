#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "flow/batch_map.hpp"
#include "flow/gradient_flow.hpp"
#include "numerics/random.hpp"

namespace gradflow {

/// For any map: all outputs are evaluated, and those of other samples left out. Costs as much as
/// the whole.
std::unique_ptr<BatchMap> make_whole_batch_map(std::unique_ptr<OutputMap> map);

/// A map of so many samples, and what says which: its outputs are then theirs.
struct SelectingMap {
  std::unique_ptr<OutputMap> map;
  std::function<void(const std::vector<Index>& samples)> select;
};
/// For maps whose cost goes with their samples; `make` is asked once for each size of a batch.
std::unique_ptr<BatchMap> make_batch_map(std::function<SelectingMap(Index size)> make);

/// The same for maps of which each sample is a row of `inputs`: `map_on` makes the map of other
/// rows, which change between evaluations. What a step copies is its batch's rows.
std::unique_ptr<BatchMap> make_row_batch_map(
    std::shared_ptr<const Matrix> inputs,
    std::function<std::unique_ptr<OutputMap>(std::shared_ptr<const Matrix> rows)> map_on);

/// Stochastic gradient descent by mini-batches of a loss F = sum of l_i over n samples:
/// w <- w - step eta ((n/b) sum_{i in batch} grad l_i + Lambda w). A pass goes through all samples
/// in a random order, each once; its last batch is what is left of them. The order of a pass is a
/// function of (seed, pass), and with b = n the steps are those of gradient descent. Label noise of
/// variance v adds a fresh N(0, v) to each target of the batch (of a squared loss), a function of
/// (seed, step).
class MiniBatchDescent final : public GradientFlow {
 public:
  /// The map of `loss` says its samples. \throws ParameterError for more samples a batch than there
  /// are, or none; for label noise where there are no targets to add it to
  MiniBatchDescent(const Loss& loss, DecayAndRate terms, Index batch, double label_noise,
                   std::uint64_t seed);

  void discrete_step(double t, double step, VectorRef y) override;
  bool stochastic() const override { return batch_ < samples_ || noise_deviation_ > 0; }

 private:
  /// The samples of step k, in increasing order: neighbours in memory, and sums in the order of the
  /// whole loss.
  void draw(std::uint64_t k);

  std::unique_ptr<BatchMap> map_;
  Index samples_, batch_, outputs_each_;
  double noise_deviation_;  ///< of a target
  RandomStream stream_, noise_stream_;
  std::uint64_t pass_ = 0;
  std::vector<Index> order_, chosen_;  ///< of the pass, and of the step
  Vector f_, g_, slope_, noise_;
};

}  // namespace gradflow
