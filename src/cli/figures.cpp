#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "cli/commands.hpp"
#include "io/input_file.hpp"
#include "study/build_info.hpp"
#include "study/config.hpp"
#include "study/runner.hpp"

namespace gradflow {
namespace {

namespace fs = std::filesystem;

struct Figure {
  std::string group, name, title, script;
  std::vector<std::string> configs;
  double seconds = 0;
  std::string full_name() const { return group + "/" + name; }
};

std::string text_of(const TomlValue& value) {
  const auto* text = std::get_if<std::string>(&value.value);
  if (text == nullptr) throw ConfigError(value.position, "expected a text");
  return *text;
}

/// Reads examples/GROUP/figures.toml: what is drawn from which configs by which script.
void read_group(const fs::path& folder, std::vector<Figure>& figures) {
  const fs::path file = folder / "figures.toml";
  const TomlValue document = parse_toml(read_text_file(file), file.string());
  for (const auto& [key, list] : *document.table()) {
    if (key != "figure" || list.list() == nullptr)
      throw ConfigError(list.position, key + ": expected [[figure]]");
    for (const TomlValue& entry : *list.list()) {
      Figure figure;
      figure.group = folder.filename().string();
      for (const auto& [field, value] : *entry.table()) {
        if (field == "name") figure.name = text_of(value);
        if (field == "title") figure.title = text_of(value);
        if (field == "script") figure.script = text_of(value);
        if (field == "configs")
          for (const TomlValue& config : *value.list()) figure.configs.push_back(text_of(config));
        if (field == "seconds") {
          const auto* whole = std::get_if<std::int64_t>(&value.value);
          figure.seconds =
              whole != nullptr ? static_cast<double>(*whole) : std::get<double>(value.value);
        }
      }
      figures.push_back(std::move(figure));
    }
  }
}

std::vector<Figure> all_figures() {
  std::vector<fs::path> folders;
  const fs::path examples = fs::path(data_folder()) / "examples";
  if (fs::is_directory(examples))
    for (const fs::directory_entry& entry : fs::directory_iterator(examples))
      if (fs::exists(entry.path() / "figures.toml")) folders.push_back(entry.path());
  std::sort(folders.begin(), folders.end());
  std::vector<Figure> figures;
  for (const fs::path& folder : folders) read_group(folder, figures);
  return figures;
}

}  // namespace

int command_figures(const std::vector<std::string>& names, bool list, int jobs, bool quiet,
                    const std::string& out) {
  const std::vector<Figure> figures = all_figures();
  if (list) {
    for (const Figure& figure : figures)
      std::printf("%-28s %6.0f s  %s\n", figure.full_name().c_str(), figure.seconds,
                  figure.title.c_str());
    return exit_done;
  }
  std::vector<Figure> chosen;
  std::vector<std::string> known, groups;
  for (const Figure& figure : figures) {
    known.push_back(figure.full_name());
    if (std::find(groups.begin(), groups.end(), figure.group) == groups.end())
      groups.push_back(figure.group);
  }
  known.insert(known.end(), groups.begin(), groups.end());
  for (const std::string& name : names)
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      throw std::runtime_error(
          "there is no figure \"" + name + "\"" +
          suggestion(name, nearest_name(name, known).empty() ? groups : known) +
          " (gradflow figures --list names them all)");
    }
  for (const Figure& figure : figures)
    if (names.empty() || std::find(names.begin(), names.end(), figure.group) != names.end() ||
        std::find(names.begin(), names.end(), figure.full_name()) != names.end())
      chosen.push_back(figure);

  bool failed = false;
  std::vector<std::string> done;
  for (const Figure& figure : chosen) {
    const fs::path source = fs::path(data_folder()) / "examples" / figure.group;
    const fs::path runs = fs::path(out) / "runs" / figure.group;
    for (const std::string& name : figure.configs) {
      const Config config = Config::load(source / name, {});
      RunOptions options;
      options.folder = runs / config.name();
      options.jobs = jobs;
      options.progress = quiet ? ProgressMode::none : ProgressMode::automatic;
      options.interrupt = &interrupt_requested;
      const std::string key = options.folder.string();
      if (std::find(done.begin(), done.end(), key) == done.end()) {
        // Computed anew at each call: the binary may have changed since the last.
        fs::remove_all(options.folder);
        const RunSummary summary = run_study(config, options);
        for (const PointNote& note : summary.notes)
          if (note.status != Status::ok)
            report("failed: " + name + ": " + note.where + (note.where.empty() ? "" : ": ") +
                   note.message);
        for (const std::string& warning : summary.warnings)
          report("warning: " + name + ": " + warning);
        if (summary.interrupted) return exit_interrupted;
        failed = failed || summary.failed > 0;
        done.push_back(key);
      }
    }
    const fs::path picture = fs::path(out) / (figure.group + "_" + figure.name + ".png");
    std::printf("%s: %s\n", figure.full_name().c_str(), figure.title.c_str());
    const int code = run_script(figure.script, {runs.string(), "--out", picture.string()});
    if (code == exit_interrupted) return code;
    if (code != 0) throw std::runtime_error("the script " + figure.script + " failed");
    print_path(picture);
    std::printf("\n");
  }
  return failed ? exit_numerical : exit_done;
}

}  // namespace gradflow
