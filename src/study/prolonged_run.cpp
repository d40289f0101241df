#include "study/prolonged_run.hpp"

#include <new>

#include "io/input_file.hpp"
#include "io/netcdf_file.hpp"
#include "study/config.hpp"
#include "study/point_files.hpp"

namespace gradflow {
namespace {

namespace fs = std::filesystem;

/// The ends of a run: `last`, and those that it had before it was prolonged.
struct Ends {
  std::vector<double> earlier;
  double last = 0;

  std::vector<std::string> overrides() const {
    std::vector<std::string> all{"time.end=" + toml_number(last)};
    if (!earlier.empty()) all.push_back("time.earlier_ends=" + toml_value(earlier));
    return all;
  }
  /// Those of the run that this one prolongs.
  Ends before() const { return {{earlier.begin(), earlier.end() - 1}, earlier.back()}; }
};

double number(const TomlValue& value, const fs::path& mark) {
  // An expression comes to the number that it came to then.
  if (std::holds_alternative<std::string>(value.value))
    return Config::load(mark, {}).run(0).sections.at("time").real("end");
  const auto* real = std::get_if<double>(&value.value);
  return real != nullptr ? *real : 0;
}

/// As the mark of a folder has them. \throws FileError where it has none
Ends ends_in(const fs::path& folder) {
  const fs::path mark = folder / "resolved.toml";
  if (!fs::exists(mark))
    throw FileError(folder, "holds no run of gradflow that could be prolonged (--extend)");
  Ends ends;
  const TomlValue document = parse_toml(read_text_file(mark, largest_config), mark.string());
  for (const auto& [section, values] : *document.table()) {
    if (section != "time" || values.table() == nullptr) continue;
    for (const auto& [name, value] : *values.table()) {
      if (name == "end") ends.last = number(value, mark);
      if (name == "earlier_ends" && value.list() != nullptr)
        for (const TomlValue& each : *value.list()) ends.earlier.push_back(number(each, mark));
    }
  }
  if (!(ends.last > 0))
    throw FileError(folder,
                    "holds a run without time.end, which ends where it is settled: there "
                    "is nothing to prolong (--extend)");
  return ends;
}

/// \throws FileError where the run has not come to its end
void require_done(const fs::path& folder) {
  const fs::path file = folder / "result.nc";
  const auto refuse = [&](const std::string& why) { throw FileError(file, why + " (--extend)"); };
  if (!fs::exists(file)) refuse("is not there: the run is not done, --resume goes on with it");
  const Dataset result = read_netcdf(file, {"status", "stopped_early", "end_time"});
  const auto status = static_cast<Status>(stored<std::int32_t>(result, "status").value_or(0));
  if (!is_final(status))
    refuse("is of a run that is not done (" + std::string(status_name(status)) +
           "): --resume goes on with it");
  if (status != Status::ok)
    refuse("is of a run that failed (" + std::string(status_name(status)) +
           "): there is nothing to prolong");
  if (stored<std::int64_t>(result, "stopped_early").value_or(0) != 0)
    refuse("is of a run that a condition ended at t = " +
           toml_number(stored<double>(result, "end_time").value_or(0)) +
           ", before its last time: there is nothing to prolong");
}

}  // namespace

ProlongedRun prolonged_run(const fs::path& config, const std::vector<std::string>& overrides,
                           const fs::path& folder, double end) {
  const auto load = [&](const Ends& ends) {
    std::vector<std::string> all = overrides;
    for (std::string& option : ends.overrides()) all.push_back(std::move(option));
    return Config::load(config, all);
  };
  if (Config::load(config, overrides).is_study())
    throw FileError(config,
                    "has a [study], and --extend is for a single run; run it with a later "
                    "time.end into another folder");
  Ends ends = ends_in(folder);
  if (end == ends.last && !ends.earlier.empty())
    return {ends.overrides(), load(ends.before()).fingerprint()};
  if (!(end > ends.last))
    throw FileError(folder, "holds a run to time.end = " + toml_number(ends.last) +
                                "; --extend is " + toml_number(end) + ", expected a later time");
  require_done(folder);
  const std::string before = load(ends).fingerprint();
  ends.earlier.push_back(ends.last);
  ends.last = end;
  return {ends.overrides(), before};
}

}  // namespace gradflow
