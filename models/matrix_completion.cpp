#include "models/matrix_completion.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <optional>

#include "flow/loss_model.hpp"
#include "flow/mini_batch.hpp"
#include "models/initial_state.hpp"
#include "models/matrix_factors.hpp"
#include "numerics/random.hpp"

namespace gradflow {
namespace {

struct Entry {
  Index row, column;
};

/// The observed entries by their row, or by their column: `entry` holds those of line i at
/// start[i] ... start[i + 1] - 1, in ascending order, `other` the column, or row, that each is in.
struct EntriesByLine {
  std::vector<Index> start, entry, other;

  EntriesByLine(const std::vector<Entry>& entries, Index lines, Index Entry::*line,
                Index Entry::*across)
      : start(static_cast<std::size_t>(lines) + 1), entry(entries.size()), other(entries.size()) {
    for (const Entry& e : entries) ++start[static_cast<std::size_t>(e.*line) + 1];
    std::partial_sum(start.begin(), start.end(), start.begin());
    std::vector<Index> next = start;
    for (std::size_t k = 0; k < entries.size(); ++k) {
      const auto place =
          static_cast<std::size_t>(next[static_cast<std::size_t>(entries[k].*line)]++);
      entry[place] = static_cast<Index>(k);
      other[place] = entries[k].*across;
    }
  }
  Index lines() const { return static_cast<Index>(start.size()) - 1; }
  /// f(line, entry, other) for each entry of a line.
  template <class F>
  void for_each(Index line, F f) const {
    const auto i = static_cast<std::size_t>(line);
    for (auto k = static_cast<std::size_t>(start[i]); k < static_cast<std::size_t>(start[i + 1]);
         ++k)
      f(entry[k], other[k]);
  }
};

/// Columns `first` to `first` + Width of out = R factor, R the sparse matrix whose entries are c:
/// a line's sum stays in registers, where adding entry by entry to memory waits for each store.
template <int Width>
// What a map of a type to be known is made of counts as unwritten.
// NOLINTNEXTLINE(readability-non-const-parameter)
void sum_by_line(const EntriesByLine& entries, const double* c, const double* factor, double* out,
                 Index rank, Index first) {
  using Part = Eigen::Matrix<double, Width, 1>;
  for (Index line = 0; line < entries.lines(); ++line) {
    Part sum = Part::Zero();
    entries.for_each(line, [&](Index k, Index other) {
      sum += c[k] * Eigen::Map<const Part>(factor + other * rank + first);
    });
    Eigen::Map<Part>(out + line * rank + first) = sum;
  }
}

/// out = R factor; factor and out of `rank` columns, row by row.
void sum_by_line(const EntriesByLine& entries, const double* c, const double* factor, double* out,
                 Index rank) {
  using Sum = void (*)(const EntriesByLine&, const double*, const double*, double*, Index, Index);
  constexpr std::array<Sum, 8> of_width{&sum_by_line<1>, &sum_by_line<2>, &sum_by_line<3>,
                                        &sum_by_line<4>, &sum_by_line<5>, &sum_by_line<6>,
                                        &sum_by_line<7>, &sum_by_line<8>};
  constexpr auto widest = static_cast<Index>(of_width.size());
  for (Index first = 0; first < rank; first += widest)
    of_width[static_cast<std::size_t>(std::min(widest, rank - first) - 1)](entries, c, factor, out,
                                                                           rank, first);
}

/// f_e = U_i . V_j for the observed entries e = (i, j).
class CompletionMap final : public OutputMap {
  // Row i of U and row j of V, for the entry e = (i, j), within a vector like w.
  const Entry& entry(Index k) const { return (*entries_)[static_cast<std::size_t>(k)]; }
  template <class W>
  auto u(const W& w, Index k) const {
    return w.segment(entry(k).row * rank_, rank_);
  }
  template <class W>
  auto v(const W& w, Index k) const {
    return w.segment((rows_ + entry(k).column) * rank_, rank_);
  }

 public:
  CompletionMap(Index rows, Index columns, Index rank, std::shared_ptr<const std::vector<Entry>> e)
      : rows_(rows), columns_(columns), rank_(rank), entries_(std::move(e)) {
    w_.resize(parameters());
    arrange();
  }
  /// To be called after the entries have changed.
  void arrange() {
    by_row_.emplace(*entries_, rows_, &Entry::row, &Entry::column);
    by_column_.emplace(*entries_, columns_, &Entry::column, &Entry::row);
  }
  std::unique_ptr<OutputMap> clone() const override {
    return std::make_unique<CompletionMap>(rows_, columns_, rank_, entries_);
  }
  Index parameters() const override { return (rows_ + columns_) * rank_; }
  Index outputs() const override { return static_cast<Index>(entries_->size()); }

  void evaluate(ConstVectorRef w, VectorRef f) override {
    w_ = w;
    for (Index k = 0; k < outputs(); ++k) f[k] = u(w_, k).dot(v(w_, k));
  }
  void jacobian_times(ConstVectorRef d, VectorRef jv) override {
    for (Index k = 0; k < outputs(); ++k) jv[k] = u(d, k).dot(v(w_, k)) + u(w_, k).dot(v(d, k));
  }
  void transpose_times(ConstVectorRef c, VectorRef jtu) override { spread(c, w_, jtu); }
  void curvature_times(ConstVectorRef c, ConstVectorRef d, VectorRef out) override {
    spread(c, d, out);
  }
  Index samples() const override { return outputs(); }
  std::unique_ptr<BatchMap> batch_map() const override {
    return make_batch_map([rows = rows_, columns = columns_, rank = rank_,
                           all = entries_](Index size) {
      const auto chosen = std::make_shared<std::vector<Entry>>(all->begin(), all->begin() + size);
      auto map = std::make_unique<CompletionMap>(rows, columns, rank, chosen);
      CompletionMap* arranged = map.get();
      return SelectingMap{std::move(map),
                          [all, chosen, arranged](const std::vector<Index>& samples) {
                            for (std::size_t b = 0; b < samples.size(); ++b)
                              (*chosen)[b] = (*all)[static_cast<std::size_t>(samples[b])];
                            arranged->arrange();
                          }};
    });
  }
  // The two rows of an entry are looked up: at rank 10 a right-hand side takes 10.5 ns an entry, of
  // which its 60 flops would take 5 at the rate of a network's (docs/benchmarks.md, "`auto` and the
  // best pair").
  double evaluate_flops() const override {
    return static_cast<double>(outputs()) * (2 * static_cast<double>(rank_) + flops_of_two_lookups);
  }
  double product_flops() const override {
    return static_cast<double>(outputs()) * (4 * static_cast<double>(rank_) + flops_of_two_lookups);
  }

  /// K_(ij),(kl) = delta_ik V_j.V_l + delta_jl U_i.U_k: entries of one row or column alone.
  /// Cost rank (rows^2 + columns^2) + 2 N (N/rows + N/columns) instead of N^2 p.
  void gram(ConstVectorRef weight, MatrixRef k) override {
    if (weight.size() != 0) {
      OutputMap::gram(weight, k);
      return;
    }
    uu_.noalias() = rows_of(w_) * rows_of(w_).transpose();
    vv_.noalias() = columns_of(w_) * columns_of(w_).transpose();
    k.setZero();
    const auto add = [&](const EntriesByLine& lines, const Matrix& products) {
      for (Index line = 0; line < lines.lines(); ++line)
        lines.for_each(line, [&](Index a, Index i) {
          lines.for_each(line, [&](Index b, Index j) { k(a, b) += products(i, j); });
        });
    };
    add(*by_row_, vv_);
    add(*by_column_, uu_);
  }
  double gram_flops() const override {
    const double r = static_cast<double>(rows_), c = static_cast<double>(columns_),
                 n = static_cast<double>(outputs());
    return 2 * static_cast<double>(rank_) * (r * r + c * c) + n * (n / r + n / c) + n * n;
  }

  /// Of the entry (i, j) the row of J has the 2 rank numbers V_j and U_i, and the Hessian of f_e
  /// joins U_i with V_j.
  void add_hessian(double d, ConstVectorRef c, MatrixRef h) override {
    for (Index k = 0; k < outputs(); ++k) {
      const Index i = entry(k).row * rank_, j = (rows_ + entry(k).column) * rank_;
      for (Index b = 0; b < rank_; ++b) {
        const double u = d * w_[i + b], v = d * w_[j + b];
        for (Index a = 0; a < rank_; ++a) {
          h(i + a, i + b) += v * w_[j + a];
          h(j + a, j + b) += u * w_[i + a];
          h(i + a, j + b) += u * w_[j + a];
          h(j + a, i + b) += v * w_[i + a];
        }
        if (c.size() == 0) continue;
        h(i + b, j + b) += c[k];
        h(j + b, i + b) += c[k];
      }
    }
  }
  std::optional<double> hessian_flops() const override {
    return 8.0 * static_cast<double>(outputs() * rank_ * rank_);
  }

 private:
  static constexpr double flops_of_two_lookups = 30;

  Eigen::Map<const RowMatrix> rows_of(const Vector& w) const { return {w.data(), rows_, rank_}; }
  Eigen::Map<const RowMatrix> columns_of(const Vector& w) const {
    return {w.data() + rows_ * rank_, columns_, rank_};
  }

  /// out = sum_e c_e d(U_i . V_j) at w: the transposed Jacobian, linear in w, and so the curvature.
  void spread(ConstVectorRef c, ConstVectorRef w, VectorRef out) const {
    const Index split = rows_ * rank_;
    sum_by_line(*by_row_, c.data(), w.data() + split, out.data(), rank_);
    sum_by_line(*by_column_, c.data(), w.data(), out.data() + split, rank_);
  }

  Index rows_, columns_, rank_;
  std::shared_ptr<const std::vector<Entry>> entries_;
  std::optional<EntriesByLine> by_row_, by_column_;
  Vector w_;
  Matrix uu_, vv_;
};

Vector observed_values(const Matrix& target, const std::vector<Entry>& entries) {
  Vector values(static_cast<Index>(entries.size()));
  for (std::size_t k = 0; k < entries.size(); ++k)
    values[static_cast<Index>(k)] = target(entries[k].row, entries[k].column);
  return values;
}

class MatrixCompletion final : public LossModel {
 public:
  MatrixCompletion(Matrix target, std::shared_ptr<const std::vector<Entry>> entries, Index rank,
                   Vector initial)
      : LossModel(Loss(std::make_unique<CompletionMap>(target.rows(), target.cols(), rank, entries),
                       std::make_shared<SquaredLoss>(1.0, observed_values(target, *entries))),
                  std::move(initial), MatrixFactors{target.rows(), target.cols(), rank}.groups()),
        target_(std::move(target)),
        entries_(std::move(entries)),
        factors_{target_.rows(), target_.cols(), rank},
        seen_(Matrix::Zero(target_.rows(), target_.cols())) {
    for (const Entry& e : *entries_) seen_(e.row, e.column) = 1;
  }

  std::vector<Observable> own_observables() override {
    const double observed = static_cast<double>(entries_->size());
    const double unobserved = static_cast<double>(target_.size()) - observed;
    std::vector<Observable> all;
    all.push_back({"train_error",
                   "mean squared error over the observed entries",
                   {},
                   true,
                   [this, observed](const State& s, double* out) {
                     *out = (outputs_at(s) - observed_values(target_, *entries_)).squaredNorm() /
                            observed;
                   }});
    if (unobserved > 0)
      all.push_back(
          {"test_error",
           "mean squared error over the unobserved entries",
           {},
           true,
           [this, unobserved](const State& s, double* out) {
             *out = ((factors_.product(s) - target_).array().square() * (1 - seen_.array())).sum() /
                    unobserved;
           }});
    factors_.add_observables(all, "singular values of U V^T");
    return all;
  }

  std::vector<Measurement> constants(const FlowSettings&) override {
    const Axis rows = counting_axis("row", target_.rows(), "row"),
               columns = counting_axis("column", target_.cols(), "column");
    const auto flat = [&](const Matrix& m) {
      std::vector<double> values;
      for (Index i = 0; i < m.rows(); ++i)
        for (Index j = 0; j < m.cols(); ++j) values.push_back(m(i, j));
      return values;
    };
    return {singular_values_of_target(target_),
            {"target", "target matrix", {rows, columns}, flat(target_)},
            {"mask", "1 where the entry is observed", {rows, columns}, flat(seen_)}};
  }

 private:
  Matrix target_;
  std::shared_ptr<const std::vector<Entry>> entries_;
  MatrixFactors factors_;
  Matrix seen_;
};

std::unique_ptr<Model> make(Parameters& p, std::uint64_t seed) {
  const std::string from = p.has_file("target") ? "target" : "mask";
  if (p.has_file(from)) {
    p.fix_size("rows", p.file(from).rows(), from);
    p.fix_size("columns", p.file(from).cols(), from);
  }
  const Index rows = p.integer("rows"), columns = p.integer("columns"), rank = p.integer("rank");
  RandomStream data(seed, "data"), masking(seed, "mask"), start(initial_seed(p, seed), "initial");

  Matrix target(rows, columns);
  if (p.has_file("target")) {
    p.unused("true_rank", "target");
    target = p.file("target");
  } else {
    target = draw_low_rank(p, data, rows, columns, false);
  }

  auto entries = std::make_shared<std::vector<Entry>>();
  if (p.has_file("mask")) {
    p.require_shape("mask", rows, columns);
    const Matrix& mask = p.file("mask");
    for (Index i = 0; i < rows; ++i)
      for (Index j = 0; j < columns; ++j) {
        if (mask(i, j) != 0 && mask(i, j) != 1)
          throw ParameterError("mask", "has an entry that is neither 0 nor 1 in row " +
                                           std::to_string(i + 1) + ", column " +
                                           std::to_string(j + 1));
        if (mask(i, j) == 1) entries->push_back({i, j});
      }
    const double fraction =
        static_cast<double>(entries->size()) / static_cast<double>(rows * columns);
    if (p.given("observed") && std::abs(p.real("observed") - fraction) > 1e-9)
      throw ParameterError("observed", "differs from the fraction of ones in model.mask, " +
                                           std::to_string(fraction));
    p.resolve("observed", fraction);
  } else {
    // Exactly the fraction asked for, at random places.
    const auto count = static_cast<std::size_t>(
        std::lround(p.real("observed") * static_cast<double>(rows * columns)));
    std::vector<Index> order = masking.permutation(rows * columns);
    order.resize(count);
    std::sort(order.begin(), order.end());
    for (const Index k : order) entries->push_back({k / columns, k % columns});
  }
  if (entries->empty())
    throw ParameterError(p.has_file("mask") ? "mask" : "observed", "leaves no entry observed");

  const Index size = (rows + columns) * rank;
  Vector initial(size);
  if (p.has_file("initial")) {
    initial = read_initial(p, size, "(rows + columns) rank");
  } else {
    start.fill_normal(initial, std::sqrt(p.real("initial_variance")));
  }
  return std::make_unique<MatrixCompletion>(std::move(target), entries, rank, std::move(initial));
}

}  // namespace

ModelInfo matrix_completion() {
  ParameterInfo observed = positive_parameter("observed", 0.5, "fraction of the entries observed");
  observed.maximum = 1;
  return {
      "matrix_completion",
      "a low-rank matrix from some of its entries, as a product of two factors",
      "F(U, V) = sum over observed (i, j) of ((U V^T)_ij - M_ij)^2",
      "Boursier, Pesme, Dragomir, arXiv 2505.20172, figure 2 (its weight decay is twice lambda)",
      LossModel::flows(),
      {
          integer_parameter("rows", 20, "rows of the matrix"),
          integer_parameter("columns", 20, "columns of the matrix"),
          integer_parameter("rank", 10, "columns of the factors U and V"),
          integer_parameter("true_rank", 3, "rank of the target, a product of Gaussian factors"),
          observed,
          nonnegative_parameter("initial_variance", 1.0, "variance of the entries of U(0), V(0)"),
          file_parameter("target", "(rows, columns)", "the target matrix M"),
          file_parameter("mask", "(rows, columns), 0 or 1", "1 where the entry is observed"),
          initial_seed_parameter(),
          file_parameter("initial", "((rows + columns) rank): U then V, each row by row",
                         "U(0), V(0), or the folder of an earlier result"),
      },
      make};
}

}  // namespace gradflow
