#include "cli/commands.hpp"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <filesystem>

#include "models/registry.hpp"
#include "study/atomic_file.hpp"
#include "study/build_info.hpp"
#include "study/config.hpp"
#include "study/runner.hpp"

namespace gradflow {
namespace {

namespace fs = std::filesystem;

std::string parameter_default(const ParameterInfo& info) {
  const std::string text = toml_value(info.default_value);
  return text.empty() ? "-" : text;
}

void print_summary(const RunSummary& summary, bool quiet) {
  const std::size_t most = 20;
  std::size_t shown = 0;
  if (!quiet) {
    for (const PointNote& note : summary.notes) {
      if (note.status == Status::interrupted) continue;  // told once for all
      // Of a large study only what needs attention; the rest is in the result.
      if (note.status == Status::ok && note.warnings == 0 && summary.points > 10) continue;
      if (++shown > most) {
        report("  ... and " + std::to_string(summary.notes.size() - most) +
               " more (variable `message` of the result)");
        break;
      }
      const std::string at = note.where.empty() ? "" : note.where + ": ";
      const char* kind = note.status != Status::ok ? "failed: "
                         : note.warnings != 0      ? "warning: "
                                                   : "note: ";
      report(kind + at + note.message);
    }
    for (const std::string& warning : summary.warnings) report("warning: " + warning);
  }
  if (summary.failed > 0)
    report(std::to_string(summary.failed) + " of " + std::to_string(summary.points) +
           (summary.points == 1 ? " run failed" : " points failed") +
           " (variable `status` of the result)");
}

}  // namespace

std::string valid_utf8(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    std::size_t length = c < 0x80          ? 1
                         : (c >> 5U) == 6  ? 2
                         : (c >> 4U) == 14 ? 3
                         : (c >> 3U) == 30 ? 4
                                           : 0;
    bool good = length > 0 && i + length <= text.size() && !(length == 2 && c < 0xc2);
    for (std::size_t k = 1; good && k < length; ++k)
      good = (static_cast<unsigned char>(text[i + k]) >> 6U) == 2;
    if (good && length == 3) {
      const auto second = static_cast<unsigned char>(text[i + 1]);
      good = !(c == 0xe0 && second < 0xa0) && !(c == 0xed && second >= 0xa0);
    }
    if (good && length == 4) {
      const auto second = static_cast<unsigned char>(text[i + 1]);
      good = !(c == 0xf0 && second < 0x90) && !(c == 0xf4 && second >= 0x90) && c <= 0xf4;
    }
    if (good) {
      out += text.substr(i, length);
      i += length;
    } else {
      out += "\xef\xbf\xbd";
      ++i;
    }
  }
  return out;
}

std::string one_line(const std::string& text) {
  const std::size_t most = 2000;
  std::string out = valid_utf8(shortened(text, most));
  for (char& c : out)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  return out;
}

void report(const std::string& message) {
  std::fprintf(stderr, "%s\n", one_line(message).c_str());
}

int command_run(const RunArguments& arguments) {
  const Config config = Config::load(arguments.config, arguments.overrides);
  config.validate();
  RunOptions options;
  options.folder =
      arguments.out.empty() ? fs::path("results") / config.name() : fs::path(arguments.out);
  options.jobs = arguments.jobs;
  options.resume = arguments.resume;
  options.quiet = arguments.quiet;
  options.interrupt = &interrupt_requested;
  const RunSummary summary = run_config(config, options);
  print_summary(summary, arguments.quiet);
  if (summary.interrupted) {
    report("interrupted: what is done is in " + options.folder.string() +
           " (--resume goes on with it)");
    return exit_interrupted;
  }
  if (summary.already_complete && !arguments.quiet) report("nothing left to do");
  std::printf("%s\n", valid_utf8(summary.result.string()).c_str());
  return summary.failed > 0 ? exit_numerical : exit_done;
}

int command_check(const std::string& path, const std::vector<std::string>& overrides) {
  const Config config = Config::load(path, overrides);
  config.validate();
  std::fputs(config.resolved().c_str(), stdout);
  return exit_done;
}

int command_models(const std::string& name) {
  if (name.empty()) {
    for (const ModelInfo& info : models())
      std::printf("%-26s %s\n", info.name.c_str(), info.summary.c_str());
    return exit_done;
  }
  const ModelInfo* info = find_model(name);
  if (info == nullptr) {
    std::vector<std::string> names;
    for (const ModelInfo& other : models()) names.push_back(other.name);
    throw std::runtime_error("there is no model \"" + name + "\"" + suggestion(name, names) +
                             " (gradflow models explains them)");
  }
  std::printf("%s: %s\n\n", info->name.c_str(), info->summary.c_str());
  std::printf("equations   %s\n", info->equations.c_str());
  std::printf("paper       %s\n", info->paper.c_str());
  std::string flows;
  for (const std::string& flow : info->flows) flows += (flows.empty() ? "" : ", ") + flow;
  std::printf("flow.kind   %s\n\nparameters of [model]\n", flows.c_str());
  for (const ParameterInfo& parameter : info->parameters)
    std::printf("  %-22s %s\n  %-22s   %s; default %s\n", parameter.name.c_str(),
                parameter.meaning.c_str(), "", parameter.expectation().c_str(),
                parameter_default(parameter).c_str());
  // The observables of the model as its defaults build it.
  Parameters parameters(info->parameters);
  const std::unique_ptr<Model> model = info->make(parameters, 0);
  FlowSettings flow;
  flow.kind = info->flows.front();
  std::printf("\nobservables (* by default)\n");
  for (const Observable& observable : model->observables(flow)) {
    std::string axes = "time";
    for (const Axis& axis : observable.axes) axes += ", " + axis.name;
    std::printf("%s %-22s %s  (%s)\n", observable.by_default ? "*" : " ", observable.name.c_str(),
                observable.long_name.c_str(), axes.c_str());
  }
  return exit_done;
}

int command_version() {
  for (const auto& [name, text] : build_info()) {
    std::string label = name;
    for (char& c : label)
      if (c == '_') c = ' ';
    std::printf("%-18s %s\n", label.c_str(), text.c_str());
  }
  return exit_done;
}

int run_script(const std::string& script, const std::vector<std::string>& arguments) {
  const fs::path path = fs::path(data_folder()) / "plots" / script;
  if (!fs::exists(path)) throw FileError(path, "there is no such plot script");
  // Debian's interpreter has the plotting packages; another python3 may come first on PATH.
  const std::string python = fs::exists("/usr/bin/python3") ? "/usr/bin/python3" : "python3";
  std::vector<std::string> words{python, "-B", path.string()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  std::fflush(stdout);
  pid_t child = 0;
  const int failure = posix_spawnp(&child, python.c_str(), nullptr, nullptr, argv.data(), environ);
  if (failure != 0)
    throw std::runtime_error("cannot start " + python + ": " + std::strerror(failure));
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int command_plot(const PlotArguments& arguments) {
  for (const std::string& named : arguments.results) {
    const fs::path path = named;
    // What is not there was meant to be a folder.
    const fs::path result = fs::is_regular_file(path) ? path : path / "result.nc";
    if (!fs::exists(result)) throw FileError(result, "there is no result to plot");
  }
  std::vector<std::string> words = arguments.options;
  words.emplace_back("--");
  words.insert(words.end(), arguments.results.begin(), arguments.results.end());
  const int code = run_script("plot.py", words);
  return code == 0 ? exit_done : exit_usage;
}

}  // namespace gradflow
