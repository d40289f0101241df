#include "models/modular_addition_map.hpp"

#include <algorithm>

#include "flow/gauss_newton_blocks.hpp"
#include "flow/mini_batch.hpp"
#include "numerics/parallel.hpp"

namespace gradflow {
namespace {

using Pairs = ModularPairs;

/// Neighbouring pairs, which one thread works on, and its work space. What the parts are does not
/// depend on the threads, and their sums are joined in order.
struct Part {
  Index first = 0, size = 0;
  Matrix dh, back, other;    ///< (width, size)
  Matrix columns_w, second;  ///< sums: (width, 2p), (width, p)
  template <class Columns>
  auto of(Columns& all) const {
    return all.middleCols(first, size);
  }
};

/// Matrices of activations are (width, n): a column a pair.
class ModularAdditionMap final : public OutputMap, public GaussNewtonBlocks {
 public:
  ModularAdditionMap(Index modulus, Index width, std::shared_ptr<const Pairs> pairs)
      : p_(modulus), width_(width), pairs_(std::move(pairs)) {
    by_first_.resize(static_cast<std::size_t>(p_));
    by_second_.resize(static_cast<std::size_t>(p_));
    for (std::size_t i = 0; i < pairs_->size(); ++i) {
      by_first_[static_cast<std::size_t>((*pairs_)[i].first)].push_back(static_cast<Index>(i));
      by_second_[static_cast<std::size_t>((*pairs_)[i].second)].push_back(static_cast<Index>(i));
    }
  }
  std::unique_ptr<OutputMap> clone() const override {
    return std::make_unique<ModularAdditionMap>(p_, width_, pairs_);
  }
  Index parameters() const override { return 3 * p_ * width_; }
  Index outputs() const override { return p_ * n(); }

  void evaluate(ConstVectorRef w, VectorRef f) override {
    if (hidden_.size() == 0) allocate();
    vt_ = second(w);
    columns_of_w_ = first(w);
    Eigen::Map<Matrix> out(f.data(), p_, n());
    for_each_part([&](Part& part) {
      auto hidden = part.of(hidden_);
      gather(columns_of_w_, part, hidden);
      part.of(squared_) = hidden.cwiseAbs2();
      part.of(out).noalias() = vt_.transpose() * part.of(squared_);
    });
    have_pulled_ = false;
  }
  void jacobian_times(ConstVectorRef v, VectorRef jv) override {
    columns_of_w_ = first(v);
    Eigen::Map<Matrix> out(jv.data(), p_, n());
    for_each_part([&](Part& part) {
      gather(columns_of_w_, part, part.dh);
      part.dh.array() *= 2 * part.of(hidden_).array();
      auto own = part.of(out);
      own.noalias() = vt_.transpose() * part.dh;
      own.noalias() += second(v).transpose() * part.of(squared_);
    });
  }
  void transpose_times(ConstVectorRef u, VectorRef jtu) override {
    const Eigen::Map<const Matrix> U(u.data(), p_, n());
    for_each_part([&](Part& part) {
      part.second.noalias() = part.of(squared_) * part.of(U).transpose();
      part.back.noalias() = vt_ * part.of(U);
      part.back.array() *= 2 * part.of(hidden_).array();
      scatter(part.back, part);
    });
    add_parts(jtu);
  }
  void curvature_times(ConstVectorRef u, ConstVectorRef v, VectorRef out) override {
    const Eigen::Map<const Matrix> U(u.data(), p_, n());
    // V^T u stays for all products with one u: conjugate gradients ask for many.
    const bool known = have_pulled_ && u == pulled_of_;
    if (!known) {
      pulled_of_ = u;
      pulled_.resize(width_, n());
    }
    columns_of_w_ = first(v);
    for_each_part([&](Part& part) {
      if (!known) part.of(pulled_).noalias() = vt_ * part.of(U);
      gather(columns_of_w_, part, part.dh);
      part.back.array() = part.of(pulled_).array() * (2 * part.dh.array());
      part.other.noalias() = second(v) * part.of(U);
      part.back.array() += 2 * part.of(hidden_).array() * part.other.array();
      part.dh.array() *= 2 * part.of(hidden_).array();
      part.second.noalias() = part.dh * part.of(U).transpose();
      scatter(part.back, part);
    });
    have_pulled_ = true;
    add_parts(out);
  }
  Index samples() const override { return n(); }
  std::unique_ptr<BatchMap> batch_map() const override {
    return make_batch_map([p = p_, width = width_, all = pairs_](Index size) {
      const auto chosen = std::make_shared<Pairs>(all->begin(), all->begin() + size);
      return SelectingMap{std::make_unique<ModularAdditionMap>(p, width, chosen),
                          [all, chosen](const std::vector<Index>& samples) {
                            for (std::size_t b = 0; b < samples.size(); ++b)
                              (*chosen)[b] = (*all)[static_cast<std::size_t>(samples[b])];
                          }};
    });
  }
  double evaluate_flops() const override {
    return 2.0 * static_cast<double>(width_) * static_cast<double>(n()) *
           static_cast<double>(p_ + 2);
  }
  double product_flops() const override { return 2 * evaluate_flops(); }

  /// K_(i,k),(j,l) = delta_kl q_i . q_j + x_i . x_j sum_h V_kh V_lh 4 h_i h_j with q = h^2. The
  /// pairs i, j share a one-hot entry in about 2n/p of n cases: N^2 width (2/p + 1/p^2)
  /// multiplications and N^2 stores instead of N^2 parameters.
  void gram(ConstVectorRef weight, MatrixRef k) override {
    double first = 1, last = 1;
    if (weight.size() != 0) {
      const Index cut = 2 * p_ * width_;
      first = weight[0], last = weight[cut];
      if ((weight.head(cut).array() != first).any() ||
          (weight.tail(p_ * width_).array() != last).any()) {
        OutputMap::gram(weight, k);
        return;
      }
    }
    k.setZero();
    if (inner_.size() == 0) inner_.resize(n(), n());
    inner_.noalias() = squared_.transpose() * squared_;
    for (Index j = 0; j < n(); ++j)
      for (Index i = 0; i < n(); ++i)
        k.block(i * p_, j * p_, p_, p_).diagonal().setConstant(last * inner_(i, j));
    // For pairs j with one a (or b) in common: columns V^T diag(2 h_j), one product for each group.
    for (const auto* groups : {&by_first_, &by_second_})
      for (const std::vector<Index>& group : *groups) {
        const auto size = static_cast<Index>(group.size());
        if (size == 0) continue;
        if (size * p_ > columns_.cols()) {  // the largest group's, of all
          columns_.resize(width_, size * p_);
          product_.resize(size * p_, size * p_);
        }
        auto columns = columns_.leftCols(size * p_);
        auto product = product_.topLeftCorner(size * p_, size * p_);
        for (Index g = 0; g < size; ++g)
          columns.middleCols(g * p_, p_) =
              (2 * hidden_.col(group[static_cast<std::size_t>(g)])).asDiagonal() * vt_;
        product.setZero();
        product.selfadjointView<Eigen::Lower>().rankUpdate(columns.transpose(), first);
        product.triangularView<Eigen::StrictlyUpper>() = product.transpose();
        for (Index h = 0; h < size; ++h)
          for (Index g = 0; g < size; ++g)
            k.block(group[static_cast<std::size_t>(g)] * p_,
                    group[static_cast<std::size_t>(h)] * p_, p_, p_) +=
                product.block(g * p_, h * p_, p_, p_);
      }
  }
  double gram_flops() const override {
    const double pairs = static_cast<double>(n()), p = static_cast<double>(p_),
                 m = static_cast<double>(width_);
    return pairs * pairs * (2 * p * m + p * p + 2 * m);
  }

  /// J^T J holds for the weights of each output the same block, sum_i q_i q_i^T with q = h^2, and
  /// for those of each one-hot entry (4 V^T V) o sum_i h_i h_i^T over the pairs i with that entry.
  std::vector<Sets> gauss_newton_sets(bool) const override {
    std::vector<Sets> all(static_cast<std::size_t>(1 + 2 * p_));
    for (Index k = 0; k < p_; ++k) {
      auto& set = all[0].emplace_back();
      for (Index h = 0; h < width_; ++h) set.push_back(2 * p_ * width_ + k * width_ + h);
    }
    for (Index a = 0; a < 2 * p_; ++a) {
      auto& set = all[static_cast<std::size_t>(1 + a)].emplace_back();
      for (Index h = 0; h < width_; ++h) set.push_back(h * 2 * p_ + a);
    }
    return all;
  }
  Index blocks_of_an_output(bool) const override { return 3; }
  void begin_gauss_newton_blocks(ConstMatrixRef) override {
    vt_v_.noalias() = 4 * vt_ * vt_.transpose();
    grouped_.resize(width_, 2 * n());
    Index place = 0;
    for (const auto* groups : {&by_first_, &by_second_})
      for (const std::vector<Index>& group : *groups)
        for (const Index i : group) grouped_.col(place++) = hidden_.col(i);
  }
  void gauss_newton_block(Index b, MatrixRef block) const override {
    if (b == 0) {
      block.noalias() = squared_ * squared_.transpose();
      return;
    }
    const auto size = [&](Index a) {
      const auto& groups = a < p_ ? by_first_ : by_second_;
      return static_cast<Index>(groups[static_cast<std::size_t>(a % p_)].size());
    };
    Index place = 0;
    for (Index a = 0; a + 1 < b; ++a) place += size(a);
    const auto group = grouped_.middleCols(place, size(b - 1));
    block.noalias() = group * group.transpose();
    block.array() *= vt_v_.array();
  }
  double gauss_newton_block_flops(bool) const override {
    const double m = static_cast<double>(width_), p = static_cast<double>(p_);
    return 2 * m * m * (3 * static_cast<double>(n()) + p);
  }

 private:
  /// Work space of (width, size) is kept to what a second-level cache holds.
  static constexpr Index pairs_of_a_part = 512;

  Index n() const { return static_cast<Index>(pairs_->size()); }
  void allocate() {
    for (Matrix* work : {&hidden_, &squared_}) work->resize(width_, n());
    columns_of_w_.resize(width_, 2 * p_);
    vt_.resize(width_, p_);
    const Index count = std::max<Index>(1, n() / pairs_of_a_part);
    parts_.resize(static_cast<std::size_t>(count));
    for (Index k = 0; k < count; ++k) {
      Part& part = parts_[static_cast<std::size_t>(k)];
      part.first = k * n() / count;
      part.size = (k + 1) * n() / count - part.first;
      for (Matrix* work : {&part.dh, &part.back, &part.other}) work->resize(width_, part.size);
      part.columns_w.resize(width_, 2 * p_);
      part.second.resize(width_, p_);
    }
  }
  template <class F>
  void for_each_part(F f) {
    parallel_for(static_cast<Index>(parts_.size()),
                 [&](Index k) { f(parts_[static_cast<std::size_t>(k)]); });
  }
  /// W (width, 2p).
  Eigen::Map<const RowMatrix> first(ConstVectorRef w) const { return {w.data(), width_, 2 * p_}; }
  /// V^T (width, p).
  Eigen::Map<const Matrix> second(ConstVectorRef w) const {
    return {w.data() + 2 * p_ * width_, width_, p_};
  }
  /// W x for the pairs of a part.
  template <class Hidden>
  void gather(const Matrix& columns_of_w, const Part& part, Hidden& h) const {
    for (Index i = 0; i < part.size; ++i) {
      const auto& [a, b] = (*pairs_)[static_cast<std::size_t>(part.first + i)];
      h.col(i) = columns_of_w.col(a) + columns_of_w.col(p_ + b);
    }
  }
  void scatter(const Matrix& g, Part& part) const {
    part.columns_w.setZero();
    for (Index i = 0; i < part.size; ++i) {
      const auto& [a, b] = (*pairs_)[static_cast<std::size_t>(part.first + i)];
      part.columns_w.col(a) += g.col(i);
      part.columns_w.col(p_ + b) += g.col(i);
    }
  }
  /// The parts' sums, as a vector of parameters.
  void add_parts(VectorRef out) {
    Part& all = parts_.front();
    for (std::size_t k = 1; k < parts_.size(); ++k) {
      all.columns_w += parts_[k].columns_w;
      all.second += parts_[k].second;
    }
    Eigen::Map<RowMatrix>(out.data(), width_, 2 * p_) = all.columns_w;
    Eigen::Map<Matrix>(out.data() + 2 * p_ * width_, width_, p_) = all.second;
  }

  Index p_, width_;
  std::shared_ptr<const Pairs> pairs_;
  std::vector<std::vector<Index>> by_first_, by_second_;
  std::vector<Part> parts_;
  Matrix vt_, hidden_, squared_, columns_of_w_, inner_, columns_, product_;
  Matrix vt_v_, grouped_;  ///< 4 V^T V; W x by the first entry of the pairs, then by the second
  Matrix pulled_;          ///< V^T u, of the u of the last curvature product
  Vector pulled_of_;       ///< that u
  bool have_pulled_ = false;
};

}  // namespace

std::unique_ptr<OutputMap> make_modular_addition_map(Index modulus, Index width,
                                                     std::shared_ptr<const Pairs> pairs) {
  return std::make_unique<ModularAdditionMap>(modulus, width, std::move(pairs));
}

}  // namespace gradflow
