#include "models/modular_addition.hpp"

#include <algorithm>
#include <cmath>

#include "flow/loss_model.hpp"
#include "models/initial_state.hpp"
#include "models/modular_addition_map.hpp"
#include "numerics/random.hpp"

namespace gradflow {
namespace {

using Pairs = ModularPairs;

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
