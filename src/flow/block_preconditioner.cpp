#include <algorithm>
#include <cmath>

#include "flow/gauss_newton_blocks.hpp"
#include "flow/hessian_preconditioner.hpp"
#include "flow/newton_choice.hpp"
#include "numerics/memory.hpp"
#include "numerics/parallel.hpp"
#include "numerics/symmetric_factorisation.hpp"

namespace gradflow {
namespace {

constexpr Index few_blocks = 4;

/// Right-hand sides that one solve takes at once: enough for products of matrices, few enough to
/// share out.
constexpr Index sets_of_a_part = 16;

const GaussNewtonBlocks& blocks_of(const Loss& loss) {
  return dynamic_cast<const GaussNewtonBlocks&>(loss.map());
}

bool with_roots(const Loss& loss) {
  return !loss.output_loss().uniform_root();
}

class BlockPreconditioner final : public HessianPreconditioner {
 public:
  explicit BlockPreconditioner(const Loss& loss) {
    Index place = 0;
    for (GaussNewtonBlocks::Sets& sets : blocks_of(loss).gauss_newton_sets(with_roots(loss))) {
      const auto size = static_cast<Index>(sets.front().size());
      const auto count = static_cast<Index>(sets.size());
      for (Index first = 0; first < count; first += sets_of_a_part) {
        const Index number = std::min(sets_of_a_part, count - first);
        parts_.push_back({static_cast<Index>(blocks_.size()), first, number, place});
        place += number * size;
      }
      blocks_.push_back({std::move(sets), {}});
    }
    gathered_.resize(place);
  }

  void linearise(Loss& loss) override {
    if (with_roots(loss)) fill_roots(loss);
    dynamic_cast<GaussNewtonBlocks&>(loss.map()).begin_gauss_newton_blocks(roots_);
  }

  void factorise(const Loss& loss, const Shift& shift, double scale) override {
    const GaussNewtonBlocks& map = blocks_of(loss);
    const double root = loss.output_loss().uniform_root().value_or(1);
    parallel_for(static_cast<Index>(blocks_.size()), [&](Index b) {
      Block& block = blocks_[static_cast<std::size_t>(b)];
      const auto size = static_cast<Index>(block.sets.front().size());
      block.factor.resize(size, size);
      const double mean = mean_shift(block.sets, shift);
      map.gauss_newton_block(b, block.factor);
      block.factor.triangularView<Eigen::Lower>() *= scale * root * root;
      block.factor.diagonal().array() += mean;
      if (cholesky_in_place(block.factor)) return;
      block.factor.setZero();  // not finite: as if the parameters were free
      block.factor.diagonal().setConstant(std::sqrt(mean));
    });
  }

  void solve(const Vector& r, Vector& z) override {
    parallel_for(static_cast<Index>(parts_.size()), [&](Index k) {
      const Part& part = parts_[static_cast<std::size_t>(k)];
      const Block& block = blocks_[static_cast<std::size_t>(part.block)];
      const Index size = block.factor.rows();
      Eigen::Map<Matrix> b(gathered_.data() + part.place, size, part.number);
      const auto* set = &block.sets[static_cast<std::size_t>(part.first)];
      for (Index c = 0; c < part.number; ++c)
        for (Index i = 0; i < size; ++i) b(i, c) = r[set[c][static_cast<std::size_t>(i)]];
      const auto lower = block.factor.triangularView<Eigen::Lower>();
      lower.solveInPlace(b);
      lower.transpose().solveInPlace(b);
      for (Index c = 0; c < part.number; ++c)
        for (Index i = 0; i < size; ++i) z[set[c][static_cast<std::size_t>(i)]] = b(i, c);
    });
  }

  double loosest() const override { return 0.1; }
  double settled_accuracy() const override { return 1e-3; }

 private:
  struct Block {
    GaussNewtonBlocks::Sets sets;
    Matrix factor;
  };
  /// Some sets of a block, and where they are put together.
  struct Part {
    Index block, first, number, place;
  };

  /// S_i e_c of all samples at once.
  void fill_roots(const Loss& loss) {
    const Index n = loss.map().samples(), each = loss.outputs() / n;
    roots_.resize(each, loss.outputs());
    column_.resize(loss.outputs());
    for (Index c = 0; c < each; ++c) {
      column_.setZero();
      for (Index i = 0; i < n; ++i) column_[i * each + c] = 1;
      loss.output_loss().root_times(loss.last_outputs(), column_);
      for (Index i = 0; i < n; ++i) roots_.col(i * each + c) = column_.segment(i * each, each);
    }
  }

  static double mean_shift(const GaussNewtonBlocks::Sets& sets, const Shift& shift) {
    if (shift.uniform()) return shift.values[0];
    double sum = 0, count = 0;
    for (const std::vector<Index>& set : sets) {
      for (const Index i : set) sum += shift.values[i];
      count += static_cast<double>(set.size());
    }
    return sum / count;
  }

  std::vector<Block> blocks_;
  std::vector<Part> parts_;
  Vector gathered_, column_;
  Matrix roots_;
};

}  // namespace

std::optional<NewtonCost> block_preconditioner_cost(const Loss& loss) {
  const auto* map = dynamic_cast<const GaussNewtonBlocks*>(&loss.map());
  if (map == nullptr || (with_roots(loss) && !map->takes_roots())) return std::nullopt;
  NewtonCost cost;
  cost.factorise_flops = map->gauss_newton_block_flops(with_roots(loss));
  for (const GaussNewtonBlocks::Sets& sets : map->gauss_newton_sets(with_roots(loss))) {
    const double n = static_cast<double>(sets.front().size());
    cost.factorise_flops += n * n * n / 3;
    cost.solve_flops += 2 * n * n * static_cast<double>(sets.size());
    cost.memory_bytes += 8 * n * n;
  }
  if (cost.memory_bytes > most_matrix_bytes) return std::nullopt;
  return cost;
}

bool few_blocks_an_output(const Loss& loss) {
  return blocks_of(loss).blocks_of_an_output(with_roots(loss)) <= few_blocks;
}

std::unique_ptr<HessianPreconditioner> make_block_preconditioner(const Loss& loss) {
  const std::optional<NewtonCost> cost = block_preconditioner_cost(loss);
  if (!cost) return nullptr;
  require_memory(cost->memory_bytes);
  return std::make_unique<BlockPreconditioner>(loss);
}

}  // namespace gradflow
