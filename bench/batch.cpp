#include "bench/batch.hpp"

#include <algorithm>
#include <cmath>

namespace gradflow::bench {
namespace {

class BlockDiagonalMatrix final : public NewtonMatrix {
 public:
  BlockDiagonalMatrix(std::vector<std::unique_ptr<NewtonMatrix>> blocks, std::vector<Index> offset)
      : NewtonMatrix(offer_of(blocks)), blocks_(std::move(blocks)), offset_(std::move(offset)) {}

  void linearise(double t, ConstVectorRef y) override {
    for (std::size_t k = 0; k < blocks_.size(); ++k)
      blocks_[k]->linearise(t, y.segment(offset_[k], offset_[k + 1] - offset_[k]));
  }
  bool factorise(double gamma) override {
    return std::all_of(blocks_.begin(), blocks_.end(),
                       [&](const auto& block) { return block->factorise(gamma); });
  }
  bool solve(VectorRef b, double tolerance) override {
    for (std::size_t k = 0; k < blocks_.size(); ++k)
      if (!blocks_[k]->solve(b.segment(offset_[k], offset_[k + 1] - offset_[k]), tolerance))
        return false;
    return true;
  }
  std::string name() const override { return "blocks of " + blocks_.front()->name(); }

 private:
  static NewtonOffer offer_of(const std::vector<std::unique_ptr<NewtonMatrix>>& blocks) {
    NewtonOffer sum{.kind = blocks.front()->offer().kind};
    for (const auto& block : blocks) {
      const NewtonCost& one = block->cost();
      sum.exact = sum.exact && block->exact();
      sum.cost.linearise_flops += one.linearise_flops;
      sum.cost.factorise_flops += one.factorise_flops;
      sum.cost.solve_flops += one.solve_flops;
      sum.cost.memory_bytes += one.memory_bytes;
    }
    return sum;
  }

  std::vector<std::unique_ptr<NewtonMatrix>> blocks_;
  std::vector<Index> offset_;
};

class ProductSystem final : public System {
 public:
  explicit ProductSystem(std::vector<std::unique_ptr<System>> factors)
      : factors_(std::move(factors)) {
    for (const auto& factor : factors_) offset_.push_back(offset_.back() + factor->dimension());
  }

  Index dimension() const override { return offset_.back(); }
  void rhs(double t, ConstVectorRef y, VectorRef dydt) override {
    each([&](System& f, Index o, Index n) { f.rhs(t, y.segment(o, n), dydt.segment(o, n)); });
  }
  void jacobian_times(double t, ConstVectorRef y, ConstVectorRef v, VectorRef out) override {
    each([&](System& f, Index o, Index n) {
      f.jacobian_times(t, y.segment(o, n), v.segment(o, n), out.segment(o, n));
    });
  }
  bool has_energy() const override { return true; }
  double energy(ConstVectorRef y) override {
    double sum = 0;
    each([&](System& f, Index o, Index n) { sum += f.energy(y.segment(o, n)); });
    return sum;
  }
  void metric(ConstVectorRef y, VectorRef diagonal) override {
    each([&](System& f, Index o, Index n) { f.metric(y.segment(o, n), diagonal.segment(o, n)); });
  }
  std::vector<NewtonOffer> newton_offers() const override {
    return factors_.front()->newton_offers();
  }
  std::unique_ptr<NewtonMatrix> newton_matrix(LinearKind kind) override {
    std::vector<std::unique_ptr<NewtonMatrix>> blocks;
    for (const auto& factor : factors_) blocks.push_back(factor->newton_matrix(kind));
    return std::make_unique<BlockDiagonalMatrix>(std::move(blocks), offset_);
  }

 private:
  template <class F>
  void each(F&& call) {
    for (std::size_t k = 0; k < factors_.size(); ++k)
      call(*factors_[k], offset_[k], offset_[k + 1] - offset_[k]);
  }

  std::vector<std::unique_ptr<System>> factors_;
  std::vector<Index> offset_{0};
};

/// Borrows the models of the points, each of which has its own flow.
class ProductModel final : public Model {
 public:
  explicit ProductModel(const std::vector<Problem>& points) {
    for (const Problem& point : points) factors_.emplace_back(point.model.get(), point.flow);
  }
  Vector initial_state(const FlowSettings&) override {
    std::vector<double> all;
    for (const auto& [model, flow] : factors_) {
      const Vector one = model->initial_state(flow);
      all.insert(all.end(), one.begin(), one.end());
    }
    return Eigen::Map<Vector>(all.data(), static_cast<Index>(all.size()));
  }
  std::unique_ptr<System> system(const FlowSettings&) override {
    std::vector<std::unique_ptr<System>> systems;
    for (const auto& [model, flow] : factors_) systems.push_back(model->system(flow));
    return std::make_unique<ProductSystem>(std::move(systems));
  }
  std::vector<Observable> observables(const FlowSettings&) override { return {}; }

 private:
  std::vector<std::pair<Model*, FlowSettings>> factors_;
};

}  // namespace

std::vector<Problem> study_of(const std::string& kind, Index points) {
  const std::vector<Setting> ten_parameters{{"dimension", std::int64_t{5}},
                                            {"samples", std::int64_t{4}},
                                            {"teacher_support", std::vector<std::int64_t>{0}},
                                            {"teacher_values", std::vector<double>{1}}};
  std::vector<Problem> study;
  for (Index k = 0; k < points; ++k) {
    const double part = points > 1 ? static_cast<double>(k) / static_cast<double>(points - 1) : 1;
    const bool decays = kind == "decays";
    study.push_back(make_problem("point", "diagonal_linear_network",
                                 kind == "larger" ? std::vector<Setting>{} : ten_parameters,
                                 decays ? std::pow(10, -5 + 3 * part) : 1e-3, 1e-3, 1e4,
                                 decays ? 0 : static_cast<std::uint64_t>(k)));
  }
  return study;
}

Problem side_by_side(std::string name, std::vector<Problem> points) {
  Problem whole;
  whole.name = std::move(name);
  whole.setting = points.back().setting + ", the last of " + std::to_string(points.size());
  whole.flow = points.front().flow;
  whole.times = points.front().times;
  whole.model = std::make_unique<ProductModel>(points);
  whole.start = whole.model->initial_state(whole.flow);
  whole.points = std::move(points);
  return whole;
}

}  // namespace gradflow::bench
