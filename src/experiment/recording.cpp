#include "experiment/recording.hpp"

namespace gradflow {

std::uint64_t next_serial() {
  static thread_local std::uint64_t serial = 0;
  return ++serial;
}

void Recording::First::exchange(Archive& archive) {
  Recording& all = recording;
  const auto list = [&](const std::string& name, std::vector<double>& values, Index size) {
    const std::size_t length = count * static_cast<std::size_t>(size);
    if (archive.reading()) {
      archive(name, values);
      if (values.size() != length)
        throw ArchiveError("\"" + name + "\" is not as long as it should be");
    } else {
      std::vector<double> first(values.begin(),
                                values.begin() + static_cast<std::ptrdiff_t>(length));
      archive(name, first);
    }
  };
  list("coordinate", all.coordinate_, 1);
  if (all.keep_states_) list("states", all.states_, all.state_size_);
  for (std::size_t k = 0; k < all.observables_.size(); ++k)
    list("values_" + all.observables_[k].name, all.values_[k], all.observables_[k].size());
}

std::vector<Attribute> attributes(const std::string& long_name, const std::string& units) {
  std::vector<Attribute> list{{"long_name", long_name}};
  // xarray prints "[1]" on every axis where a number says that it has none.
  if (units != "1") list.push_back({"units", units});
  return list;
}

void add_axis(Dataset& data, const Axis& axis) {
  if (data.find_dimension(axis.name) != nullptr) return;
  if (axis.integer) {
    data.add_coordinate(axis.name,
                        std::vector<std::int32_t>(axis.coordinate.begin(), axis.coordinate.end()),
                        attributes(axis.long_name, "1"));
  } else {
    data.add_coordinate(axis.name, axis.coordinate, attributes(axis.long_name, "1"));
  }
}

std::vector<std::string> axis_names(Dataset& data, const std::vector<Axis>& axes) {
  std::vector<std::string> names;
  for (const Axis& axis : axes) {
    add_axis(data, axis);
    names.push_back(axis.name);
  }
  return names;
}

void add_number(Dataset& data, const NumberInfo& info, double value) {
  data.add({info.name, {}, std::vector<double>{value}, attributes(info.long_name, info.units)});
}

void add_count(Dataset& data, const std::string& name, std::int64_t value,
               const std::string& long_name) {
  data.add({name, {}, std::vector<std::int64_t>{value}, attributes(long_name, "1")});
}

static void add_codes(Dataset& data, const std::string& name, std::int32_t value,
                      const std::vector<StatusName>& names, const std::string& long_name,
                      bool bits) {
  std::vector<std::int32_t> values;
  std::string meanings;
  for (const StatusName& entry : names) {
    values.push_back(entry.value);
    if (!meanings.empty()) meanings += ' ';
    meanings += entry.name;
  }
  auto all = attributes(long_name, "1");
  all.push_back({bits ? "flag_masks" : "flag_values", values});
  if (bits) all.push_back({"flag_values", values});
  all.push_back({"flag_meanings", meanings});
  data.add({name, {}, std::vector<std::int32_t>{value}, std::move(all)});
}

void add_status(Dataset& data, Status status) {
  add_codes(data, "status", static_cast<std::int32_t>(status), status_names(), "how the run ended",
            false);
}

void add_message(Dataset& data, const std::string& message) {
  data.add({"message",
            {},
            std::vector<std::string>{message},
            {{"long_name", "what there is to say about the run"}}});
}

void add_warning(Dataset& data, std::int32_t bits) {
  add_codes(data, "warning", bits, warning_names(), "warnings, as bits", true);
}

void add_measurements(Dataset& data, const std::vector<Measurement>& all) {
  for (const Measurement& m : all) {
    const std::vector<std::string> dimensions = axis_names(data, m.axes);
    data.add({m.name, dimensions, m.values, attributes(m.long_name, m.units)});
  }
}

void add_outcome(Dataset& data, const Outcome& outcome) {
  add_status(data, outcome.status);
  add_warning(data, outcome.warnings);
  add_count(data, "attempts", outcome.attempts, "runs that it took (solver.retries)");
  add_count(data, "steps", outcome.statistics.steps, "accepted steps");
  add_count(data, "rejected_steps", outcome.statistics.rejected_steps, "rejected steps");
  add_count(data, "rhs_evaluations", outcome.statistics.rhs_evaluations,
            "evaluations of the right-hand side by the solver");
  add_count(data, "linearisations", outcome.statistics.linearisations, "Jacobians set up");
  add_count(data, "factorisations", outcome.statistics.factorisations,
            "Newton matrices factorised");
  add_count(data, "indefinite_factorisations", outcome.statistics.indefinite_factorisations,
            "Newton matrices with negative eigenvalues");
  add_count(data, "events", outcome.statistics.events,
            "boundaries between smooth pieces (activation changes) that were met");
  add_number(data, wall_seconds, outcome.wall_seconds);
  data.add({"solver_method",
            {},
            std::vector<std::string>{outcome.method},
            {{"long_name", "method used"}}});
  data.add({"solver_linear",
            {},
            std::vector<std::string>{outcome.linear},
            {{"long_name", "Newton matrices used, and why"}}});
  add_message(data, outcome.message);
}

std::vector<Observable> chosen_observables(const std::vector<Observable>& all,
                                           const OutputSettings& output) {
  std::vector<Observable> out;
  for (const Observable& observable : all)
    if (observable.by_default || observable.named_in(output.observables)) out.push_back(observable);
  return out;
}

}  // namespace gradflow
