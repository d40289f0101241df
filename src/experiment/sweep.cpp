#include "experiment/sweep.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>

#include "continuation/transitions.hpp"
#include "experiment/recording.hpp"
#include "numerics/random.hpp"
#include "numerics/short_number.hpp"
#include "numerics/types.hpp"

namespace gradflow {
namespace {

/// Ends of a loop that differ by less than this share are one.
constexpr double same_end = 1e-6;

const NumberInfo hysteresis_area{"hysteresis_area", "1/2 of the loop integral of |w|^2 d lambda"};
const NumberInfo dissipated_loss{
    "dissipated_loss",
    "regularised loss shed at the transitions; hysteresis_area where the loop closes"};

/// What a value's dataset holds for the chain alone begins so, and is not in the result.
const std::string hidden = "chain_";

std::int64_t count_of(const Dataset& data, const std::string& name) {
  return data.values<std::int64_t>(name).front();
}

/// The counts that a chain adds up, by the names of the result.
struct Count {
  const char* name;
  std::int64_t Statistics::*count;
};
constexpr Count counts[] = {{"steps", &Statistics::steps},
                            {"rejected_steps", &Statistics::rejected_steps},
                            {"rhs_evaluations", &Statistics::rhs_evaluations},
                            {"linearisations", &Statistics::linearisations},
                            {"factorisations", &Statistics::factorisations},
                            {"solves", &Statistics::solves},
                            {"indefinite_factorisations", &Statistics::indefinite_factorisations},
                            {"events", &Statistics::events}};

ChainPoint chain_point(const Dataset& data) {
  const auto number = [&](const std::string& name) {
    return stored<double>(data, name).value_or(nan);
  };
  ChainPoint point;
  point.value = number(hidden + "value");
  const std::int32_t rest = data.values<std::int32_t>("value_status").front();
  point.settled = rest != static_cast<std::int32_t>(Rest::not_settled);
  point.marginal = rest == static_cast<std::int32_t>(Rest::marginal);
  point.norm_squared = number(hidden + "norm_squared");
  point.regularised_loss = number(hidden + "regularised_loss");
  point.train_loss = number(hidden + "train_loss");
  point.slope = number(hidden + "slope");
  point.rank = number("rank");
  point.scalar_curvature = number("scalar_curvature");
  const auto& state = data.values<double>(hidden + "state");
  point.state = Eigen::Map<const Vector>(state.data(), static_cast<Index>(state.size()));
  return point;
}

class Chain {
 public:
  Chain(const Setup& setup, const std::function<bool()>& interrupted, Journal* journal)
      : setup_(setup), sweep_(*setup.sweep), interrupted_(interrupted), journal_(journal) {
    settle_.solver = setup.solver;
    settle_.tolerance = sweep_.tolerance;
    if (setup.time.end > 0) settle_.longest = setup.time.end;
    initial_ = setup.at(sweep_.values.front()).model->initial_state(setup.flow);
  }

  Experiment run() {
    const auto began = std::chrono::steady_clock::now();
    Vector state = initial_;
    bool cut = false;
    for (const std::string& way : sweep_.ways()) {
      cut = !run_way(way, state);
      if (cut) break;
      state = chains_[way].back().state;
    }
    Experiment experiment;
    if (!cut) {
      for (const std::string& way : sweep_.ways()) {
        ways_[way] =
            find_transitions(chains_[way], sweep_.refine,
                             [&](double value, const Vector& from, const std::string& name) {
                               return chain_point(settled(way, value, from, way + "_" + name));
                             });
        if (interrupted_ && interrupted_()) cut = true;
        if (cut) break;
      }
    }
    outcome_.wall_seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    if (cut) {
      outcome_.status = Status::interrupted;
      outcome_.message = "interrupted";
    } else {
      assemble(experiment.data);
      judge();
    }
    add_outcome(experiment.data, outcome_);
    experiment.outcome = std::move(outcome_);
    return experiment;
  }

 private:
  bool interrupted() const { return interrupted_ && interrupted_(); }

  /// False where it was interrupted.
  bool run_way(const std::string& way, Vector state) {
    std::vector<double> values = sweep_.values;
    if (way == "down") std::reverse(values.begin(), values.end());
    for (std::size_t i = 0; i < values.size(); ++i) {
      const Dataset data = settled(way, values[i], state, way + "_" + std::to_string(i));
      if (interrupted()) return false;
      chains_[way].push_back(chain_point(data));
      state = chains_[way].back().state;
      points_[way].push_back(data);
      if (journal_ != nullptr) journal_->advance(++done_, values.size() * sweep_.ways().size());
    }
    return true;
  }

  /// The state that the flow starts from at a value: the last one, disturbed in the way's manner.
  Vector disturbed(const std::string& way, const Vector& from, const std::string& name) const {
    if (way == "down" && sweep_.down_perturbation_law == "initial")
      return from + sweep_.down_perturbation * initial_;
    const double sd = way == "down" ? sweep_.down_perturbation : sweep_.perturbation;
    Vector noise(from.size());
    RandomStream(setup_.flow.seed, "sweep " + name).fill_normal(noise, sd);
    return from + noise;
  }

  /// A value of the chain, from the journal or computed.
  Dataset settled(const std::string& way, double value, const Vector& from,
                  const std::string& name) {
    if (journal_ != nullptr) {
      if (std::optional<Dataset> found = journal_->find(name)) {
        count(*found);
        return *std::move(found);
      }
    }
    const SweptSetup at = setup_.at(value);
    const std::unique_ptr<System> system = at.model->system(at.flow);
    const Settled rest = settle(*system, settle_, disturbed(way, from, name), interrupted_);
    Dataset data = value_dataset(at, *system, value, rest);
    if (rest.failure == Status::interrupted) return data;
    if (journal_ != nullptr) journal_->put(name, data);
    count(data);
    return data;
  }

  Dataset value_dataset(const SweptSetup& at, System& system, double value, const Settled& rest) {
    Dataset data;
    const std::vector<Observable> observables =
        chosen_observables(at.model->observables(at.flow), setup_.output);
    const State state{rest.time, rest.state, next_serial()};
    for (const Observable& observable : observables) {
      std::vector<double> values(static_cast<std::size_t>(observable.size()), nan);
      if (rest.state.allFinite()) observable.evaluate(state, values.data());
      const std::vector<std::string> dimensions = axis_names(data, observable.axes);
      data.add({observable.name, dimensions, std::move(values),
                attributes(observable.long_name, observable.units)});
    }
    add_rest(data, rest);
    const double norm_squared = rest.state.squaredNorm(), energy = system.energy(rest.state);
    const bool decay_swept = sweep_.key == "flow.weight_decay";
    for (const auto& [name, number] :
         {std::pair{"value", value}, std::pair{"norm_squared", norm_squared},
          std::pair{"regularised_loss", energy},
          std::pair{"train_loss", energy - 0.5 * at.flow.weight_decay * norm_squared},
          std::pair{"slope", decay_swept ? -2 * rest.inverse_form : nan}})
      add_number(data, {hidden + name, ""}, number);
    for (const Count& c : counts) add_count(data, hidden + c.name, rest.statistics.*c.count, "");
    data.add({hidden + "message", {}, std::vector<std::string>{rest.message}, {}});
    data.add({hidden + "solver_method", {}, std::vector<std::string>{rest.method}, {}});
    data.add({hidden + "solver_linear", {}, std::vector<std::string>{rest.linear}, {}});
    add_axis(data, counting_axis("parameter", rest.state.size(), "entry of the state"));
    data.add({hidden + "state",
              {"parameter"},
              std::vector<double>(rest.state.begin(), rest.state.end()),
              attributes("state at rest", "1")});
    return data;
  }

  static void add_rest(Dataset& data, const Settled& rest) {
    add_number(data, {"settle_time", "time t after which the flow was at rest"}, rest.time);
    add_count(data, "settle_steps", rest.statistics.steps, "accepted steps to there");
    add_number(data,
               {"rest_distance", "Newton step at the state, flat modes left out, over max(1, |w|)"},
               rest.rest_distance);
    add_number(data,
               {"lowest_eigenvalue",
                "lowest eigenvalue of the regularised loss's Hessian, flat modes apart"},
               rest.lowest_eigenvalue);
    add_count(data, "unstable_modes", rest.unstable_modes, "modes of negative curvature");
    add_count(data, "flat_modes", rest.flat_modes,
              "modes with a curvature below 1e-6 of the largest; -1: not known");
    auto meaning = attributes("how the way to rest ended", "1");
    meaning.push_back({"flag_values", std::vector<std::int32_t>{0, 1, 2}});
    meaning.push_back({"flag_meanings", std::string("settled not_settled marginal")});
    data.add({"value_status",
              {},
              std::vector<std::int32_t>{static_cast<std::int32_t>(rest.rest)},
              std::move(meaning)});
  }

  void count(const Dataset& data) {
    for (const Count& c : counts) outcome_.statistics.*c.count += count_of(data, hidden + c.name);
    outcome_.method = data.values<std::string>(hidden + "solver_method").front();
    outcome_.linear = data.values<std::string>(hidden + "solver_linear").front();
  }

  std::string key_name() const { return sweep_.key.substr(sweep_.key.find('.') + 1); }

  /// All values, over direction and key.
  void assemble(Dataset& data) {
    std::vector<Dataset> shown;
    std::vector<std::string> directions = sweep_.ways();
    std::sort(directions.begin(), directions.end(), std::greater<>());  // up, down
    for (const std::string& way : directions) {
      std::vector<Dataset>& all = points_[way];
      if (way == "down") std::reverse(all.begin(), all.end());
      for (const Dataset& point : all) shown.push_back(visible(point));
      if (way == "down") std::reverse(all.begin(), all.end());
    }
    std::vector<const Dataset*> pointers;
    for (const Dataset& point : shown) pointers.push_back(&point);
    data = stack({{"direction", {{"long_name", std::string("way of the sweep")}}, directions},
                  {key_name(), attributes(sweep_.key, "1"), sweep_.values}},
                 pointers);
    add_transitions(data, directions);
    if (sweep_.key == "flow.weight_decay" && directions.size() == 2) {
      add_number(data, hysteresis_area,
                 ways_["up"].half_norm_integral - ways_["down"].half_norm_integral);
      double shed = 0;
      for (const std::string& way : directions)
        for (const Transition& transition : ways_[way].transitions) shed += transition.shed;
      add_number(data, dissipated_loss, shed);
    }
    add_measurements(data, setup_.model->constants(setup_.flow));
  }

  Dataset visible(const Dataset& point) const {
    Dataset out;
    const bool states = setup_.output.parameters;
    for (const Dimension& dimension : point.dimensions())
      if (point.find(dimension.name) == nullptr)
        out.add_dimension(dimension.name, dimension.length);
    for (const Variable& variable : point.variables()) {
      if (variable.name == hidden + "state" && states) {
        Variable renamed = variable;
        renamed.name = "parameters";
        out.add(std::move(renamed));
      } else if (variable.name == "parameter" ? states : !variable.name.starts_with(hidden)) {
        if (variable.is_coordinate())
          out.add_coordinate(variable.name, variable.values, variable.attributes);
        else
          out.add(variable);
      }
    }
    return out;
  }

  void add_transitions(Dataset& data, const std::vector<std::string>& directions) const {
    std::vector<std::pair<int, Transition>> all;
    for (const std::string& way : directions)
      for (const Transition& transition : ways_.at(way).transitions)
        all.emplace_back(way == "down" ? 1 : 0, transition);
    const auto n = static_cast<std::int64_t>(all.size());
    add_count(data, "transitions", n, "transitions that were found");
    add_axis(data, counting_axis("transition", std::max<Index>(1, n), "transition, of both ways"));
    const auto integers = [&](const std::string& name, const std::string& long_name, auto&& of) {
      std::vector<std::int32_t> values;
      for (const auto& entry : all) values.push_back(of(entry));
      if (values.empty()) values.push_back(-1);
      data.add({name, {"transition"}, std::move(values), attributes(long_name, "1")});
    };
    const auto numbers = [&](const std::string& name, const std::string& long_name,
                             double Transition::*member) {
      std::vector<double> values;
      for (const auto& entry : all) values.push_back(entry.second.*member);
      if (values.empty()) values.push_back(nan);
      data.add({name, {"transition"}, std::move(values), attributes(long_name, "1")});
    };
    integers("transition_direction", "way of the sweep: 0 up, 1 down",
             [](const auto& entry) { return entry.first; });
    numbers("transition_low", "lower end of the bracket", &Transition::low);
    numbers("transition_high", "upper end of the bracket", &Transition::high);
    integers("transition_order", "1, 2; 0: refine is 0 or too wide to tell",
             [](const auto& entry) { return entry.second.order; });
    numbers("transition_norm_squared_jump", "change of |w|^2, in the sweep's sense",
            &Transition::norm_squared_jump);
    numbers("transition_train_loss_jump", "change of the training loss",
            &Transition::train_loss_jump);
    const auto known = [&](double Transition::*member) {
      return std::any_of(all.begin(), all.end(),
                         [&](const auto& entry) { return std::isfinite(entry.second.*member); });
    };
    if (known(&Transition::rank_before)) {
      numbers("transition_rank_before", "rank before", &Transition::rank_before);
      numbers("transition_rank_after", "rank after", &Transition::rank_after);
    }
    if (known(&Transition::scalar_curvature_jump))
      numbers("transition_scalar_curvature_jump", "change of the scalar curvature",
              &Transition::scalar_curvature_jump);
  }

  void say(const std::string& message) {
    outcome_.message += (outcome_.message.empty() ? "" : "; ") + message;
  }

  /// Status and warnings of the whole chain.
  void judge() {
    for (const std::string& way : sweep_.ways())
      for (const Dataset& point : points_[way]) {
        const std::int32_t rest = point.values<std::int32_t>("value_status").front();
        const std::string at = way + ", " + key_name() + " = " +
                               short_number(stored<double>(point, hidden + "value").value_or(nan));
        if (rest == static_cast<std::int32_t>(Rest::not_settled)) {
          if (outcome_.status == Status::ok)
            say(at + ": " + point.values<std::string>(hidden + "message").front());
          outcome_.status = Status::not_settled;
        }
        if (rest == static_cast<std::int32_t>(Rest::marginal)) {
          if ((outcome_.warnings & marginal_point) == 0)
            say(at + ": at a transition within the tolerance");
          outcome_.warnings |= marginal_point;
        }
      }
    const std::vector<std::string> ways = sweep_.ways();
    if (ways.size() == 2) {
      const ChainPoint &begin = chains_[ways[0]].front(), &end = chains_[ways[1]].back();
      const auto differ = [](double a, double b) {
        return std::abs(a - b) > same_end * std::max({1.0, std::abs(a), std::abs(b)});
      };
      if (differ(begin.norm_squared, end.norm_squared) ||
          differ(begin.regularised_loss, end.regularised_loss)) {
        outcome_.warnings |= loop_open;
        say("the way back ends elsewhere than it began: |w|^2 = " + short_number(end.norm_squared) +
            " against " + short_number(begin.norm_squared));
      }
    }
    say(summary());
  }

  /// What the sweep was made for, in a line.
  std::string summary() const {
    std::string text;
    for (const std::string& way : sweep_.ways())
      for (const Transition& transition : ways_.at(way).transitions) {
        const char* orders[] = {"", ", first order", ", second order"};
        text += (text.empty() ? "" : "; ") + way + ": transition between " +
                short_number(transition.low) + " and " + short_number(transition.high) +
                orders[transition.order];
      }
    return text.empty() ? "no transition" : text;
  }

  const Setup& setup_;
  const SweepSettings& sweep_;
  const std::function<bool()>& interrupted_;
  Journal* journal_;
  SettleSettings settle_;
  Vector initial_;
  std::map<std::string, std::vector<ChainPoint>> chains_;  ///< in the order of the way
  std::map<std::string, std::vector<Dataset>> points_;
  std::map<std::string, Way> ways_;
  std::size_t done_ = 0;
  Outcome outcome_;
};

}  // namespace

std::vector<NumberInfo> sweep_numbers(const SweepSettings& sweep) {
  if (sweep.key != "flow.weight_decay" || sweep.ways().size() != 2) return {};
  return {hysteresis_area, dissipated_loss};
}

Experiment run_sweep(const Setup& setup, const std::function<bool()>& interrupted,
                     Journal* journal) {
  return Chain(setup, interrupted, journal).run();
}

}  // namespace gradflow
