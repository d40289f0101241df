#include "models/modular_addition.hpp"

#include <algorithm>
#include <cmath>

#include "flow/gauss_newton_blocks.hpp"
#include "flow/loss_model.hpp"
#include "flow/mini_batch.hpp"
#include "models/initial_state.hpp"
#include "models/supervised_data.hpp"
#include "numerics/parallel.hpp"
#include "numerics/random.hpp"

namespace gradflow {
namespace {

using Pairs = std::vector<std::pair<Index, Index>>;

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
  std::vector<Sets> gauss_newton_sets() const override {
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
  void begin_gauss_newton_blocks() override {
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
  double gauss_newton_block_flops() const override {
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

/// Sums of p_k over the right residue, and whether it is the largest.
struct Score {
  double error = 0, accuracy = 0;
};

Score score(const Matrix& f, const Pairs& pairs) {
  const Index p = f.rows();
  Score total;
  for (Index i = 0; i < f.cols(); ++i) {
    const auto& [a, b] = pairs[static_cast<std::size_t>(i)];
    const Index right = (a + b) % p;
    Index largest = 0;
    f.col(i).maxCoeff(&largest);
    total.error += f.col(i).squaredNorm() + 1 - 2 * f(right, i);
    total.accuracy += largest == right;
  }
  const auto n = static_cast<double>(f.cols());
  return {total.error / (n * static_cast<double>(p)), total.accuracy / n};
}

Vector one_hot_targets(Index p, const Pairs& pairs) {
  Vector y = Vector::Zero(p * static_cast<Index>(pairs.size()));
  for (std::size_t i = 0; i < pairs.size(); ++i)
    y[static_cast<Index>(i) * p + (pairs[i].first + pairs[i].second) % p] = 1;
  return y;
}

class ModularAddition final : public LossModel {
 public:
  ModularAddition(Index modulus, Index width, std::shared_ptr<const Pairs> train,
                  std::shared_ptr<const Pairs> test, Vector initial)
      : LossModel(Loss(make_modular_addition_map(modulus, width, train),
                       std::make_shared<SquaredLoss>(0.5 / static_cast<double>(train->size()),
                                                     one_hot_targets(modulus, *train))),
                  std::move(initial),
                  {{"W", 0, 2 * modulus * width}, {"V", 2 * modulus * width, modulus * width}}),
        p_(modulus),
        width_(width),
        train_(std::move(train)),
        test_(std::move(test)) {
    if (test_->empty()) return;
    test_map_ = make_modular_addition_map(modulus, width, test_);
    test_outputs_.resize(test_map_->outputs());
  }

  std::vector<Observable> own_observables() override {
    std::vector<Observable> all;
    all.push_back({"train_error",
                   "training mean squared error an output entry",
                   {},
                   true,
                   [this](const State& s, double* out) { *out = train(s).error; }});
    all.push_back({"train_accuracy",
                   "fraction of the training pairs with the right sum",
                   {},
                   true,
                   [this](const State& s, double* out) { *out = train(s).accuracy; }});
    if (!test_->empty()) {
      all.push_back({"test_error",
                     "test mean squared error an output entry",
                     {},
                     true,
                     [this](const State& s, double* out) { *out = test(s).error; }});
      all.push_back({"test_accuracy",
                     "fraction of the test pairs with the right sum",
                     {},
                     true,
                     [this](const State& s, double* out) { *out = test(s).accuracy; }});
    }
    const Index frequencies = p_ / 2 + 1;
    all.push_back({"fourier_power",
                   "power of the first layer at each frequency of Z/p, as a share of the whole",
                   {counting_axis("frequency", frequencies, "frequency")},
                   false,
                   [this, frequencies](const State& s, double* out) {
                     fourier_power(weights(s), out, frequencies);
                   }});
    return all;
  }

 private:
  Score train(const State& s) {
    const Vector& f = outputs_at(s);
    return score(Eigen::Map<const Matrix>(f.data(), p_, static_cast<Index>(train_->size())),
                 *train_);
  }
  const Score& test(const State& s) {
    return test_score_.at(s, [&](Score& made) {
      test_map_->evaluate(weights(s), test_outputs_);
      made = score(
          Eigen::Map<const Matrix>(test_outputs_.data(), p_, static_cast<Index>(test_->size())),
          *test_);
    });
  }
  void fourier_power(ConstVectorRef w, double* out, Index frequencies) const {
    const Eigen::Map<const RowMatrix> W(w.data(), width_, 2 * p_);
    const double whole = W.squaredNorm();
    for (Index k = 0; k < frequencies; ++k) {
      Vector cosine(p_), sine(p_);
      for (Index j = 0; j < p_; ++j) {
        const double phase = 2 * M_PI * static_cast<double>(k * j % p_) / static_cast<double>(p_);
        cosine[j] = std::cos(phase);
        sine[j] = std::sin(phase);
      }
      double power = 0;
      for (const Index half : {Index{0}, p_})
        power += (W.middleCols(half, p_) * cosine).squaredNorm() +
                 (W.middleCols(half, p_) * sine).squaredNorm();
      const bool alone = k == 0 || 2 * k == p_;
      out[k] = whole > 0 ? power * (alone ? 1 : 2) / (static_cast<double>(p_) * whole) : 0;
    }
  }

  Index p_, width_;
  std::shared_ptr<const Pairs> train_, test_;
  std::unique_ptr<OutputMap> test_map_;
  Vector test_outputs_;
  OncePerSample<Score> test_score_;
};

std::unique_ptr<Model> make(Parameters& p, std::uint64_t seed) {
  const Index modulus = p.integer("modulus");
  if (p.has_file("initial")) {
    const std::string expected = "a multiple of 3 modulus = " + std::to_string(3 * modulus) +
                                 ": W (width, 2p), V (p, width)";
    p.fix_size("width", initial_sets(p, 3 * modulus, expected), "initial");
    for (const char* name : {"input_variance", "output_variance", "initial_scale"})
      p.unused(name, "initial");
  }
  const Index width = p.integer("width");
  RandomStream split(seed, "data"), start(initial_seed(p, seed), "initial");
  const std::vector<Index> order = split.permutation(modulus * modulus);
  const auto count = static_cast<std::size_t>(
      std::lround(p.real("train_fraction") * static_cast<double>(modulus * modulus)));
  if (count == 0) throw ParameterError("train_fraction", "leaves no pair to train on");
  auto train = std::make_shared<Pairs>(), test = std::make_shared<Pairs>();
  for (std::size_t i = 0; i < order.size(); ++i)
    (i < count ? train : test)->emplace_back(order[i] / modulus, order[i] % modulus);
  // In the order of the table: neighbouring pairs share a.
  std::sort(train->begin(), train->end());
  std::sort(test->begin(), test->end());

  const Index size = 3 * modulus * width;
  Vector initial(size);
  if (p.has_file("initial")) {
    initial = read_initial(p, size, "3 modulus width");
  } else {
    // W row by row and V row by row, each a run of its own: another width shifts neither law.
    start.fill_normal(initial.head(2 * modulus * width),
                      p.real("initial_scale") * std::sqrt(p.real("input_variance")));
    start.fill_normal(initial.tail(modulus * width),
                      p.real("initial_scale") * std::sqrt(p.real("output_variance")));
  }
  return std::make_unique<ModularAddition>(modulus, width, train, test, std::move(initial));
}

}  // namespace

std::unique_ptr<OutputMap> make_modular_addition_map(Index modulus, Index width,
                                                     std::shared_ptr<const Pairs> pairs) {
  return std::make_unique<ModularAdditionMap>(modulus, width, std::move(pairs));
}

ModelInfo modular_addition() {
  ParameterInfo fraction =
      positive_parameter("train_fraction", 0.7, "fraction of the p^2 pairs that is trained on");
  fraction.maximum = 1;
  return {
      "modular_addition",
      "a quadratic network on a + b mod p: the task that gave grokking its name",
      "F(W, V) = 1/(2n) sum over n pairs of |V (W x)^2 - onehot(a + b mod p)|^2,  x = (onehot a, "
      "onehot b)",
      "Power et al., arXiv 2201.02177 (the task); quadratic network: Gromov, arXiv 2301.02679",
      LossModel::flows(),
      {
          integer_parameter("modulus", 13, "modulus p", 2, 1000),
          integer_parameter("width", 64, "number of hidden neurons"),
          fraction,
          nonnegative_parameter("input_variance", 0.64, "variance of the entries of W(0)"),
          nonnegative_parameter("output_variance", 0.01, "variance of the entries of V(0)"),
          nonnegative_parameter("initial_scale", 1.0, "factor on W(0), V(0)"),
          initial_seed_parameter(),
          file_parameter("initial", "(3 p width): W (width, 2p), V (p, width), row by row",
                         "W(0), V(0), or the folder of an earlier result"),
      },
      make};
}

}  // namespace gradflow
