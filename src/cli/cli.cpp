#include "cli/cli.hpp"

#include <fcntl.h>
#include <malloc.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <functional>
#include <memory>
#include <new>

#include "cli/commands.hpp"
#include "cli/editor.hpp"
#include "io/toml_document.hpp"
#include "models/registry.hpp"
#include "study/build_info.hpp"
#include "study/complaints.hpp"

namespace gradflow {

std::atomic<bool> interrupt_requested{false};

namespace {

void on_signal(int signal) {
  interrupt_requested = true;
  std::signal(signal, SIG_DFL);  // a second Ctrl-C ends the process at once
}

/// The system would rather kill a process than refuse it memory; refused at the size of the
/// machine (or of the container), a config with sizes too large ends with a message.
void limit_memory() {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // shadow memory has no end
  rlim_t bytes =
      static_cast<rlim_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<rlim_t>(sysconf(_SC_PAGESIZE));
  std::ifstream container("/sys/fs/cgroup/memory.max");
  rlim_t share = 0;
  if (container >> share) bytes = std::min(bytes, share);
  rlimit limit{};
  if (getrlimit(RLIMIT_AS, &limit) != 0) return;
#ifdef M_ARENA_MAX
  // The heap that malloc gives each thread takes 64 MiB of addresses: of few, not one for each.
  constexpr rlim_t few = rlim_t{4} << 30;
  if (limit.rlim_cur < few) mallopt(M_ARENA_MAX, 1);
#endif
  if (limit.rlim_cur <= bytes) return;
  limit.rlim_cur = bytes;
  setrlimit(RLIMIT_AS, &limit);
#endif
}

/// Runs take and give back the same arrays over and over. What malloc returns to the system at once
/// comes back page by page, each zeroed: a tenth of the time of a small network. Arrays beyond the
/// first number are still mapped by themselves, and go back when they are freed.
void keep_heap() {
#ifdef M_TRIM_THRESHOLD
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 256 << 20);
#endif
}

/// The next file to be opened would take the number of a closed one, and messages would be written
/// into it. What stands in for it cannot be written to, and is found so in the end.
void keep_standard_streams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (::fcntl(stream, F_GETFD) < 0) ::open("/dev/null", O_RDONLY);
}

/// A full disk and a closed stream show at the latest now.
bool output_is_written() {
  errno = 0;
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return true;
  // The write that failed may be long past, and its reason lost: once more.
  if (errno == 0 && std::fputc('\n', stdout) != EOF) std::fflush(stdout);
  report(std::string("gradflow: the output cannot be written") +
         (errno != 0 ? std::string(": ") + std::strerror(errno) : ""));
  return false;
}

std::string number_of_jobs(const std::string& text) {
  constexpr int most = 4096;
  int jobs = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), jobs);
  if (error == std::errc() && end == text.data() + text.size() && jobs >= 1 && jobs <= most)
    return "";
  return "is " + toml_text(shortened(text)) + ", expected an integer from 1 to " +
         std::to_string(most);
}

std::string number_of_jobs_or_auto(const std::string& text) {
  const std::string problem = text == "auto" ? "" : number_of_jobs(text);
  return problem.empty() ? "" : problem + ", or auto";
}

/// Those that this process may use.
int processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return std::max(1, CPU_COUNT(&set));
}

/// What to say of arguments that no command takes, in the order they stand in.
std::string unexpected(const CLI::App& app) {
  const auto first = [](const std::vector<std::string>& words) {
    const auto option = std::find_if(words.begin(), words.end(),
                                     [](const std::string& w) { return w.starts_with("-"); });
    return option != words.end() ? *option : words.front();
  };
  const CLI::App* command = &app;
  for (const CLI::App* parsed : app.get_subcommands())
    if (parsed->remaining_size() > 0) command = parsed;
  const std::string word = first(command->remaining());
  if (word.starts_with("-")) {
    // Compared without their dashes, which all of them share.
    std::vector<std::string> names, options;
    for (const CLI::Option* option : command->get_options())
      for (const std::string& name : option->get_lnames()) {
        names.push_back(name);
        options.push_back("--" + name);
      }
    const std::string name = word.substr(0, word.find('='));
    const std::string nearest =
        nearest_name(name.substr(std::min(name.find_first_not_of('-'), name.size())), names);
    return "there is no option " + word +
           (nearest.empty() ? suggestion("", options) : "; did you mean \"--" + nearest + "\"?");
  }
  if (command != &app)
    return command->get_name() + ": " + toml_text(word) + " is one argument too many";
  std::vector<std::string> commands;
  for (const CLI::App* other : app.get_subcommands({})) commands.push_back(other->get_name());
  return "there is no command " + toml_text(word) + suggestion(word, commands);
}

/// The help of a command, or of all of them.
int command_help(const CLI::App& app, const std::string& topic) {
  if (topic.empty()) {
    // The app itself would speak of the command that was parsed.
    std::fputs(
        app.get_formatter()->make_help(&app, app.get_name(), CLI::AppFormatMode::Normal).c_str(),
        stdout);
    return exit_done;
  }
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands({})) {
    if (command->get_name() == topic) {
      std::fputs(command->help(app.get_name()).c_str(), stdout);
      return exit_done;
    }
    names.push_back(command->get_name());
  }
  report("gradflow: there is no command " + toml_text(topic) + suggestion(topic, names));
  return exit_usage;
}

std::vector<CommandInfo> declared_commands(const CLI::App& app) {
  std::vector<CommandInfo> all;
  for (const CLI::App* command : app.get_subcommands({})) {
    CommandInfo info{command->get_name(), command->get_description(), {}};
    for (const CLI::Option* option : command->get_options()) {
      if (option == command->get_help_ptr()) continue;
      const std::vector<std::string>& names = option->get_lnames();
      info.options.push_back({names.empty() ? option->get_name() : "--" + names.front(),
                              option->get_description(),
                              !names.empty() && option->get_expected_max() > 0});
    }
    all.push_back(std::move(info));
  }
  return all;
}

int command_print(const CLI::App& app, const std::string& what) {
  const std::string text = what == "man"          ? man_page(declared_commands(app))
                           : what == "completion" ? bash_completion(declared_commands(app))
                                                  : config_schema();
  std::fputs(text.c_str(), stdout);
  return exit_done;
}

/// All that is wrong with a config, a line each.
void report_errors(const ConfigErrors& errors) {
  constexpr std::size_t most = 9;  // besides the first
  report(std::string("gradflow: ") + errors.what());
  const std::vector<std::string>& others = errors.others();
  // A last one is as short as saying that there is one.
  const std::size_t shown = others.size() <= most ? others.size() : most - 1;
  for (std::size_t k = 0; k < shown; ++k) report("gradflow: " + others[k]);
  if (shown < others.size())
    report("gradflow: ... and " + std::to_string(others.size() - shown) + " more");
}

/// What the command that is given does; null where none is.
using Command = std::function<int()>;

/// Once `command` is parsed without an error, it is the one that is given.
void take(CLI::App* command, Command& given, Command what) {
  command->callback([&given, what = std::move(what)] { given = what; });
}

void add_run(CLI::App& app, Command& given) {
  struct Call {
    RunArguments arguments;
    std::string jobs = "1";
  };
  const auto call = std::make_shared<Call>();
  RunArguments& arguments = call->arguments;
  auto* run = app.add_subcommand("run", "run a config: one run, or every point of its study");
  run->add_option("CONFIG", arguments.config, "TOML file; -: stdin")->required();
  run->add_option("--out", arguments.out, "folder of the results (results/<config's name>)");
  run->add_option("--set", arguments.overrides, "KEY=VALUE, overrides a key (TOML syntax)")
      ->allow_extra_args(false);
  run->add_option("--jobs", call->jobs, "worker processes of a study; auto: one a core")
      ->check(number_of_jobs_or_auto);
  run->add_flag("--resume", arguments.resume, "go on with the results in the folder");
  run->add_option("--extend", arguments.extend,
                  "END: prolong the finished single run in the folder to this time.end");
  run->add_flag("--overwrite", arguments.overwrite,
                "remove the results that are in the folder, whatever config they are of");
  run->add_flag("--quiet", arguments.quiet,
                "no progress, no warnings, no summary: the result's path alone");
  run->add_flag("--join", arguments.join,
                "work on a study together with all others that run it into the same folder");
  run->add_option("--shard", arguments.shard,
                  "K/N: only the points whose number is K modulo N (implies --join)");
  run->add_option("--reuse", arguments.reuse,
                  "take the points that this study shares with the one in a folder from there")
      ->allow_extra_args(false);
  run->add_flag("--dry-run", arguments.dry_run, "say what would be run, write nothing");
  run->add_option("--progress", arguments.progress, "auto, lines or none")
      ->check(CLI::IsMember({"auto", "lines", "none"}));
  take(run, given, [call] {
    call->arguments.jobs = call->jobs == "auto" ? processors() : std::stoi(call->jobs);
    return command_run(call->arguments);
  });
}

void add_status(CLI::App& app, Command& given) {
  struct Call {
    std::string folder;
    bool json = false;
  };
  const auto call = std::make_shared<Call>();
  auto* status = app.add_subcommand("status", "say what there is of a study, whoever works on it");
  status->add_option("DIR", call->folder, "folder of a study")->required();
  status->add_flag("--json", call->json, "as JSON");
  take(status, given, [call] { return command_status(call->folder, call->json); });
}

void add_collect(CLI::App& app, Command& given) {
  struct Call {
    std::string folder;
    std::vector<std::string> shards;
  };
  const auto call = std::make_shared<Call>();
  auto* collect =
      app.add_subcommand("collect", "make a study's result of the points that are there");
  collect->add_option("DIR", call->folder, "folder of a study; with FROM, also a new one")
      ->required();
  collect->add_option("FROM", call->shards, "folders with further points of the same study");
  take(collect, given, [call] { return command_collect(call->folder, call->shards); });
}

void add_check(CLI::App& app, Command& given) {
  struct Call {
    std::string config;
    std::vector<std::string> overrides;
    bool derivatives = false;
  };
  const auto call = std::make_shared<Call>();
  auto* check = app.add_subcommand("check", "validate a config and print it fully resolved");
  check->add_flag("--derivatives", call->derivatives,
                  "instead, compare the model's derivatives with finite differences");
  check->add_option("CONFIG", call->config, "TOML file; -: stdin")->required();
  check->add_option("--set", call->overrides, "KEY=VALUE, overrides a key (TOML syntax)")
      ->allow_extra_args(false);
  take(check, given, [call] {
    return call->derivatives ? command_check_derivatives(call->config, call->overrides)
                             : command_check(call->config, call->overrides);
  });
}

void add_models(CLI::App& app, Command& given) {
  const auto model = std::make_shared<std::string>();
  auto* models = app.add_subcommand("models", "list the models, or explain one");
  models->add_option("NAME", *model, "a model");
  take(models, given, [model] { return command_models(*model); });
}

/// The options of plots/plot.py, which says what is wrong with their values.
void add_plot(CLI::App& app, Command& given) {
  const auto call = std::make_shared<PlotArguments>();
  auto* plot = app.add_subcommand("plot", "draw what results hold");
  plot->add_option("DIR", call->results, "folders of results, or result files")->required();
  const auto pass = [&](const std::string& name, const std::string& meaning) {
    plot->add_option_function<std::vector<std::string>>(
            name,
            [call, name](const std::vector<std::string>& values) {
              for (const std::string& value : values) call->options.push_back(name + "=" + value);
            },
            meaning)
        ->allow_extra_args(false);
  };
  pass("--out", "picture to write: .png, .pdf, .svg, .jpg (DIR/figure.png)");
  pass("--variables", "what to draw, separated by commas");
  pass("--x", "what to draw it over: an axis or a key of the study, a dimension, an observable");
  pass("--where", "KEY=VALUE, what to select along an axis or a dimension");
  pass("--style", "paper or slides");
  for (const std::string name : {"--log", "--linear"})
    plot->add_flag_callback(
        name, [call, name] { call->options.push_back(name); }, name.substr(2) + " y axes");
  take(plot, given, [call] { return command_plot(*call); });
}

void add_report(CLI::App& app, Command& given) {
  struct Call {
    std::string folder, page;
  };
  const auto call = std::make_shared<Call>();
  auto* write_report =
      app.add_subcommand("report", "write a result as one page that can be passed on");
  write_report->add_option("DIR", call->folder, "folder of results")->required();
  write_report->add_option("--out", call->page, "the page to write (DIR/report.html)");
  take(write_report, given, [call] { return command_report(call->folder, call->page); });
}

void add_figures(CLI::App& app, Command& given) {
  struct Call {
    std::vector<std::string> names;
    bool list = false, quiet = false;
    int jobs = 1;
    std::string folder = "figures";
  };
  const auto call = std::make_shared<Call>();
  auto* figures = app.add_subcommand("figures", "reproduce the papers' figures");
  figures->add_option("NAME", call->names, "a paper (grokking), or one figure (grokking/figure2)");
  figures->add_flag("--list", call->list, "name them with their expected run times");
  figures->add_option("--jobs", call->jobs, "points of a study in parallel")->check(number_of_jobs);
  figures->add_flag("--quiet", call->quiet, "no progress");
  figures->add_option("--out", call->folder, "folder of the figures (figures)");
  take(figures, given, [call] {
    return command_figures(call->names, call->list, call->jobs, call->quiet, call->folder);
  });
}

void add_new(CLI::App& app, Command& given) {
  const auto model = std::make_shared<std::string>();
  auto* begin = app.add_subcommand("new", "print a config of a model to begin with");
  begin->add_option("MODEL", *model, "a model")->required();
  take(begin, given, [model] { return command_new(*model); });
}

void add_print(CLI::App& app, Command& given) {
  const auto what = std::make_shared<std::string>();
  auto* print = app.add_subcommand(
      "print", "print the man page, the completion for bash, or the schema of configs");
  print->add_option("WHAT", *what, "man, completion or schema")
      ->required()
      ->check(CLI::IsMember({"man", "completion", "schema"}));
  take(print, given, [&app, what] { return command_print(app, *what); });
}

void add_help(CLI::App& app, Command& given) {
  const auto topic = std::make_shared<std::string>();
  auto* help = app.add_subcommand("help", "explain a command");
  help->add_option("COMMAND", *topic, "a command");
  take(help, given, [&app, topic] { return command_help(app, *topic); });
}

int run_command(int argc, char** argv) {
  CLI::App app{"gradflow: the gradient flow of machine-learning losses as a stiff ODE"};
  app.require_subcommand(0, 1);
  bool version = false;
  app.add_flag("--version", version, "version, commit, build and libraries");
  Command given;
  for (const auto add : {add_run, add_status, add_collect, add_check, add_models, add_plot,
                         add_report, add_figures, add_new, add_print, add_help})
    add(app, given);

  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    std::fputs(app.help().c_str(), stdout);
    return exit_done;
  } catch (const CLI::ExtrasError&) {
    report("gradflow: " + unexpected(app) + " (see gradflow --help)");
    return exit_usage;
  } catch (const CLI::ParseError& error) {
    report(std::string("gradflow: ") + error.what() + " (see gradflow --help)");
    return exit_usage;
  }

  if (version) return command_version();
  if (given) return given();
  std::fputs(app.help().c_str(), stderr);
  return exit_usage;
}

}  // namespace

int run_cli(int argc, char** argv) {
  keep_standard_streams();
  limit_memory();
  keep_heap();
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
  // A file that may not grow any more is an error of the write.
  std::signal(SIGXFSZ, SIG_IGN);
  note_call(argc, argv);
  int code = exit_usage;
  try {
    register_models();
    code = run_command(argc, argv);
  } catch (const ConfigErrors& errors) {
    report_errors(errors);
  } catch (const std::bad_alloc&) {
    report("gradflow: out of memory");
  } catch (const std::exception& error) {
    report(std::string("gradflow: ") + error.what());
  }
  return output_is_written() ? code : exit_usage;
}

}  // namespace gradflow
