#include "experiment/branch_experiment.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "continuation/branch_cubic.hpp"
#include "continuation/branches.hpp"
#include "continuation/settle.hpp"
#include "experiment/recording.hpp"
#include "numerics/short_number.hpp"
#include "numerics/types.hpp"

namespace gradflow {
namespace {

/// Beyond, a point of a branch takes minutes: its eigenvalues are 9 p^3 flops.
constexpr Index largest_dimension = 3000;
/// Of the trivial state: |grad F| that is rounding.
constexpr double stationary = 1e-12;

FlowSettings with_decay(FlowSettings flow, double lambda) {
  flow.weight_decay = lambda;
  return flow;
}

class BranchExperiment {
 public:
  BranchExperiment(const Setup& setup, const std::function<bool()>& interrupted)
      : setup_(setup),
        settings_(*setup.continuation),
        interrupted_(interrupted),
        undecayed_(setup.model->system(with_decay(setup.flow, 0))),
        problem_(*undecayed_, settings_.flat_tolerance) {}

  Experiment run() {
    const auto began = std::chrono::steady_clock::now();
    Experiment experiment;
    outcome_.method = "pseudo-arclength";
    outcome_.linear = "LDL^T of the Hessian";
    BranchSearchSettings search;
    search.branch = {settings_.range[0], settings_.range[1], settings_.step,
                     settings_.min_step, settings_.max_step, settings_.max_points,
                     settings_.tolerance};
    search.after_folds = settings_.after_folds;
    search.switch_branches = settings_.switch_branches;
    search.switch_directions = settings_.switch_directions;
    search.max_branches = settings_.max_branches;
    search.seed = setup_.flow.seed;
    const SettleAt settle_at = [this](double lambda, const Vector& from) {
      return settled(lambda, from);
    };
    const std::vector<Vector> starts = start_states();
    if (outcome_.status == Status::ok) {
      const Branches branches =
          find_branches(problem_, search, starts, settings_.start, settle_at, interrupted_);
      if (branches.interrupted) {
        outcome_.status = Status::interrupted;
        outcome_.message = "interrupted";
      } else {
        add_points(experiment.data, branches);
        add_specials(experiment.data, branches);
        add_branches(experiment.data, branches);
        add_maxwells(experiment.data, branches);
        add_measurements(experiment.data, setup_.model->constants(setup_.flow));
        judge(branches);
      }
    }
    outcome_.statistics += problem_.statistics();
    outcome_.wall_seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    add_outcome(experiment.data, outcome_);
    experiment.outcome = std::move(outcome_);
    return experiment;
  }

 private:
  std::optional<Vector> settled(double lambda, const Vector& from) {
    const std::unique_ptr<System> system = setup_.model->system(with_decay(setup_.flow, lambda));
    SettleSettings settings;
    settings.solver = setup_.solver;
    if (setup_.time.end > 0) settings.longest = setup_.time.end;
    const Settled rest = settle(*system, settings, from, interrupted_);
    outcome_.statistics += rest.statistics;
    if (rest.rest == Rest::not_settled) {
      settle_message_ = rest.message;
      return std::nullopt;
    }
    return rest.state;
  }

  std::vector<Vector> start_states() {
    std::vector<Vector> starts;
    for (const std::string& start : settings_.starts) {
      const Vector initial = setup_.model->initial_state(setup_.flow);
      if (start == "zero") {
        starts.push_back(Vector::Zero(initial.size()));
      } else if (start == "flow") {
        if (std::optional<Vector> rest = settled(settings_.start, initial)) {
          starts.push_back(*std::move(rest));
        } else {
          outcome_.status = Status::not_settled;
          outcome_.message = "on the way to the start: the flow " + settle_message_;
        }
      } else {
        const Vector& state = setup_.start_files.at(start);
        if (correct_at(problem_, state, settings_.start, settings_.tolerance).converged) {
          starts.push_back(state);
        } else {
          outcome_.status = Status::no_convergence;
          outcome_.message = start +
                             ": Newton's iteration finds no stationary point near it at lambda = " +
                             short_number(settings_.start);
        }
      }
    }
    return starts;
  }

  /// Every point of every branch, over (branch, point).
  void add_points(Dataset& data, const Branches& branches) {
    std::size_t longest = 0;
    for (const FoundBranch& found : branches.all)
      longest = std::max(longest, found.branch.points.size());
    std::vector<Dataset> points;
    points.reserve(longest * branches.all.size());
    std::vector<const Dataset*> pointers;
    for (const FoundBranch& found : branches.all)
      for (std::size_t i = 0; i < longest; ++i) {
        if (i >= found.branch.points.size()) {
          pointers.push_back(nullptr);
          continue;
        }
        points.push_back(point_dataset(found.branch.points[i]));
        pointers.push_back(&points.back());
      }
    data = stack({{"branch", attributes("branch", "1"), counting(branches.all.size())},
                  {"point", attributes("point of a branch", "1"), counting(longest)}},
                 pointers);
  }

  static std::vector<std::int64_t> counting(std::size_t n) {
    std::vector<std::int64_t> numbers;
    for (std::size_t i = 0; i < n; ++i) numbers.push_back(static_cast<std::int64_t>(i));
    return numbers;
  }

  Dataset point_dataset(const BranchPoint& point) {
    Dataset data;
    add_number(data, {"weight_decay", "flow.weight_decay"}, point.lambda);
    add_number(data, {"arclength", "length along the branch in (w, lambda)"}, point.arclength);
    add_number(data,
               {"lowest_eigenvalue",
                "lowest eigenvalue of the regularised loss's Hessian, flat modes apart"},
               point.lowest_eigenvalue);
    add_count(data, "unstable_modes", point.unstable, "modes of negative curvature");
    add_count(data, "flat_modes", point.flat, "modes of less curvature than flat_tolerance");
    const State state{0, point.w, next_serial()};
    const FlowSettings flow = with_decay(setup_.flow, point.lambda);
    for (const Observable& observable :
         chosen_observables(setup_.model->observables(flow), setup_.output)) {
      if (data.find(observable.name) != nullptr) continue;
      std::vector<double> values(static_cast<std::size_t>(observable.size()));
      observable.evaluate(state, values.data());
      const std::vector<std::string> dimensions = axis_names(data, observable.axes);
      data.add({observable.name, dimensions, std::move(values),
                attributes(observable.long_name, observable.units)});
    }
    if (setup_.output.parameters) {
      add_axis(data, counting_axis("parameter", point.w.size(), "entry of the state"));
      data.add({"parameters",
                {"parameter"},
                std::vector<double>(point.w.begin(), point.w.end()),
                attributes("state", "1")});
    }
    return data;
  }

  void add_specials(Dataset& data, const Branches& branches) {
    std::vector<std::int32_t> kind, branch, point, kernel;
    std::vector<double> lambda, norm, loss, exponent, error;
    for (std::size_t b = 0; b < branches.all.size(); ++b)
      for (const SpecialPoint& special : branches.all[b].branch.specials) {
        const BranchPoint& at = branches.all[b].branch.points[special.point];
        kind.push_back(static_cast<std::int32_t>(special.kind));
        branch.push_back(static_cast<std::int32_t>(b));
        point.push_back(static_cast<std::int32_t>(special.point));
        kernel.push_back(static_cast<std::int32_t>(special.kernel));
        lambda.push_back(at.lambda);
        norm.push_back(at.norm_squared());
        loss.push_back(at.regularised_loss());
        exponent.push_back(special.response_exponent);
        error.push_back(special.response_exponent_error);
      }
    const std::string along = "special";
    add_count(data, "specials", static_cast<std::int64_t>(kind.size()), "special points");
    pad_axis(data, along, "special point of a branch", kind.size());
    auto meaning = attributes("what happens there (AUTO's LP, BP, EP, MX)", "1");
    meaning.push_back({"flag_values", std::vector<std::int32_t>{1, 2, 3, 4}});
    meaning.push_back({"flag_meanings", std::string("fold branch_point end lost")});
    add_over(data, along, "special_kind", kind, meaning);
    add_over(data, along, "special_branch", branch, attributes("its branch", "1"));
    add_over(data, along, "special_point", point, attributes("its point of the branch", "1"));
    add_over(data, along, "special_weight_decay", lambda, attributes("flow.weight_decay", "1"));
    add_over(data, along, "special_kernel", kernel,
             attributes("dimension of the Hessian's kernel, flat modes apart", "1"));
    add_over(data, along, "special_norm_squared", norm, attributes("|w|^2", "1"));
    add_over(data, along, "special_regularised_loss", loss, attributes("F + lambda/2 |w|^2", "1"));
    add_over(data, along, "fold_response_exponent", exponent,
             attributes("exponent of -d^2 L* / d lambda^2 in the distance from the fold", "1"));
    add_over(data, along, "fold_response_exponent_error", error, attributes("standard error", "1"));
  }

  static void pad_axis(Dataset& data, const std::string& name, const std::string& long_name,
                       std::size_t n) {
    add_axis(data, counting_axis(name, static_cast<Index>(std::max<std::size_t>(1, n)), long_name));
  }
  template <class T>
  static void add_over(Dataset& data, const std::string& along, const std::string& name,
                       std::vector<T> values, std::vector<Attribute> how) {
    if (values.empty()) values.push_back(std::is_same_v<T, double> ? static_cast<T>(nan) : T(-1));
    data.add({name, {along}, std::move(values), std::move(how)});
  }

  void add_branches(Dataset& data, const Branches& branches) {
    std::vector<std::int32_t> origin, from;
    std::vector<double> loss_defect, error_defect;
    for (const FoundBranch& found : branches.all) {
      origin.push_back(static_cast<std::int32_t>(found.origin));
      from.push_back(static_cast<std::int32_t>(found.from));
      const SlopeDefects defects = slope_defects(found.branch);
      loss_defect.push_back(defects.loss);
      error_defect.push_back(defects.error);
    }
    auto meaning = attributes("how the branch was come to", "1");
    meaning.push_back({"flag_values", std::vector<std::int32_t>{0, 1, 2}});
    meaning.push_back({"flag_meanings", std::string("start after_fold switched")});
    data.add({"branch_origin", {"branch"}, origin, meaning});
    data.add({"branch_from",
              {"branch"},
              from,
              attributes("the branch that it was come to from; -1: none", "1")});
    data.add({"loss_slope_defect",
              {"branch"},
              loss_defect,
              attributes("largest defect of dL*/dlambda = |w|^2/2 between neighbours, over the "
                         "branch's range of L*",
                         "1")});
    data.add({"error_slope_defect",
              {"branch"},
              error_defect,
              attributes("largest defect of dF/dlambda = lambda w A^+ w between neighbours, over "
                         "the branch's range of F",
                         "1")});
  }

  static void add_maxwells(Dataset& data, const Branches& branches) {
    std::vector<double> lambda, loss;
    std::vector<std::int32_t> below, above;
    for (const MaxwellPoint& point : branches.maxwells) {
      lambda.push_back(point.lambda);
      loss.push_back(point.regularised_loss);
      below.push_back(static_cast<std::int32_t>(point.below));
      above.push_back(static_cast<std::int32_t>(point.above));
    }
    const std::string along = "maxwell";
    add_count(data, "maxwells", static_cast<std::int64_t>(lambda.size()), "Maxwell points");
    pad_axis(data, along, "where the lowest stable branch changes", lambda.size());
    add_over(data, along, "maxwell_weight_decay", lambda, attributes("flow.weight_decay", "1"));
    add_over(data, along, "maxwell_branch_below", below, attributes("lowest branch below", "1"));
    add_over(data, along, "maxwell_branch_above", above, attributes("lowest branch above", "1"));
    add_over(data, along, "maxwell_regularised_loss", loss,
             attributes("their common regularised loss", "1"));
  }

  void say(const std::string& message) {
    outcome_.message += (outcome_.message.empty() ? "" : "; ") + message;
  }

  void judge(const Branches& branches) {
    constexpr std::size_t most_listed = 8;
    std::string found;
    std::size_t folds = 0, branch_points = 0;
    for (std::size_t b = 0; b < branches.all.size(); ++b)
      for (const SpecialPoint& special : branches.all[b].branch.specials) {
        const std::string at = short_number(branches.all[b].branch.points[special.point].lambda) +
                               " on branch " + std::to_string(b);
        if (special.kind == SpecialKind::lost) {
          outcome_.status = Status::branch_lost;
          say("lambda = " + at +
              ": Newton's iteration fails down to continuation.min_step; a smaller one, or a "
              "larger continuation.tolerance, may go on");
        } else if (special.kind == SpecialKind::fold) {
          ++folds;
          found += (found.empty() ? "" : "; ") + std::string("fold at ") + at;
        } else if (special.kind == SpecialKind::branch_point) {
          ++branch_points;
          found += (found.empty() ? "" : "; ") + std::string("branch point at ") + at;
        }
      }
    if (folds + branch_points > most_listed)
      found = std::to_string(folds) + " folds, " + std::to_string(branch_points) +
              " branch points (variables special_*)";
    if (branches.left) {
      outcome_.warnings |= branches_left;
      say("not all branches were followed: continuation.max_branches, max_points, or directions "
          "of a kernel of several dimensions");
    }
    for (const MaxwellPoint& point : branches.maxwells)
      found += (found.empty() ? "" : "; ") + std::string("Maxwell point at ") +
               short_number(point.lambda);
    say(std::to_string(branches.all.size()) + (branches.all.size() == 1 ? " branch" : " branches") +
        (found.empty() ? "" : ": " + found));
  }

  const Setup& setup_;
  const ContinuationSettings& settings_;
  const std::function<bool()>& interrupted_;
  std::unique_ptr<System> undecayed_;
  StationaryProblem problem_;
  std::string settle_message_;
  Outcome outcome_;
};

}  // namespace

Experiment run_continuation(const Setup& setup, const std::function<bool()>& interrupted) {
  return BranchExperiment(setup, interrupted).run();
}

void check_continuation(Model& model, const FlowSettings& flow,
                        const ContinuationSettings& settings,
                        const std::map<std::string, Vector>& files) {
  const std::unique_ptr<System> system = model.system(with_decay(flow, 0));
  const Index p = system->dimension();
  if (!system->has_energy())
    throw ParameterError("range", "needs a flow that descends a loss, which this model's does not");
  if (system->pieces() != nullptr)
    throw ParameterError("range",
                         "needs a smooth model: stationary points of networks with kinks (relu, "
                         "leaky_relu) lie on the kinks; [sweep] follows their flow");
  if (p > largest_dimension)
    throw ParameterError("range", "needs at most " + std::to_string(largest_dimension) +
                                      " parameters, of which the model has " + std::to_string(p));
  for (const std::string& start : settings.starts) {
    if (start == "flow") continue;
    if (start == "zero") {
      Vector slope(p);
      system->rhs(0, Vector::Zero(p), slope);
      if (!(slope.norm() <= stationary))
        throw ParameterError("starts", "has \"zero\", which is not stationary: |grad F| = " +
                                           short_number(slope.norm()) + " at w = 0");
    } else if (files.at(start).size() != p) {
      throw ParameterError(
          "starts", "has " + start + ", which holds " + std::to_string(files.at(start).size()) +
                        " numbers, expected the model's " + std::to_string(p) + " parameters");
    }
  }
}

}  // namespace gradflow
