// What gradient flows cost: ours and peers, in processor seconds against true error, and how our
// cost grows. Sections by name; `bench/run` calls it and makes tables and plots of its rows.
//
//   gradflow_bench [--out DIR] [--cap SECONDS] [--repeat N] [--quick] [--reuse] [--solver NAME]...
//   [--shard K/N] SECTION...
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "bench/batch.hpp"
#include "bench/battery.hpp"
#include "bench/condition.hpp"
#include "bench/ivp_test_set.hpp"
#include "bench/machine.hpp"
#include "bench/problems.hpp"
#include "bench/solvers.hpp"
#include "io/data_file.hpp"
#include "models/registry.hpp"

namespace gradflow::bench {
namespace {

struct Options {
  std::filesystem::path out = "bench/results";
  double cap = 60;  ///< processor seconds a run may take
  int repeat = 5;   ///< runs of which minimum and median are given; fewer where they take long
  bool quick = false;
  bool reuse = false;  ///< take references of an earlier call
  Shard shard;         ///< of the battery's problems
  std::vector<std::string> sections;
  std::vector<std::string> solvers;  ///< empty: all that a section has
  bool wants(const std::string& solver) const {
    return solvers.empty() || std::find(solvers.begin(), solvers.end(), solver) != solvers.end();
  }
};

void write_npy(const std::filesystem::path& path, const double* values, Index rows, Index columns) {
  std::string shape = columns == 1
                          ? "(" + std::to_string(rows) + ",)"
                          : "(" + std::to_string(rows) + ", " + std::to_string(columns) + ")";
  std::string header = "{'descr': '<f8', 'fortran_order': False, 'shape': " + shape + ", }";
  header.resize((10 + header.size() + 64) / 64 * 64 - 10, ' ');
  header.back() = '\n';
  std::ofstream file(path, std::ios::binary);
  file << std::string("\x93NUMPY\x01\x00", 8) << static_cast<char>(header.size() & 0xff)
       << static_cast<char>(header.size() >> 8) << header;
  file.write(reinterpret_cast<const char*>(values),
             static_cast<std::streamsize>(8 * rows * columns));
  if (!file) throw std::runtime_error("cannot write " + path.string());
}

double load_average() {
  double load[1] = {0};
  return getloadavg(load, 1) == 1 ? load[0] : -1;
}

class Bench {
 public:
  explicit Bench(Options options) : options_(std::move(options)) {
    std::filesystem::create_directories(options_.out);
  }

  /// A ladder of tolerances for each solver, errors against a reference at rtol 1e-12.
  void work_precision(Problem problem, const std::vector<std::string>& solvers,
                      const std::string& reference_solver, const std::string& check_solver) {
    open(problem.name);
    const std::vector<Vector> reference = find_reference(problem, reference_solver, check_solver);
    std::vector<double> ladder{1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10};
    if (options_.quick) ladder = {1e-4, 1e-6, 1e-8};
    for (const std::string& solver : solvers) {
      if (!options_.wants(solver)) continue;
      const bool descent = solver.rfind("descent", 0) == 0;
      for (const double rtol : ladder) {
        const bool finished = row(problem, solver, descent ? 0 : rtol, &reference);
        if (!finished || descent) break;  // tighter ones would be cut too
      }
    }
  }

  /// One run each, no reference: how the cost grows.
  void growth(const std::string& table, std::vector<Problem> problems,
              const std::vector<std::string>& solvers, double rtol,
              const std::vector<double>& value) {
    open(table);
    for (const std::string& solver : solvers)
      for (std::size_t k = 0; k < problems.size() && options_.wants(solver); ++k)
        if (!row(problems[k], solver, rtol, nullptr, value[k])) break;
  }

 private:
  void open(const std::string& name) {
    rows_.close();
    rows_.open(options_.out / (name + ".csv"));
    rows_ << "problem,solver,value,rtol,seconds,seconds_median,runs,steps,rhs,factorisations,error,"
             "error_end,finished,t_end,load,note\n";
  }

  std::vector<Vector> find_reference(const Problem& problem, const std::string& solver,
                                     const std::string& check_solver) {
    const auto folder = options_.out / "data" / problem.name;
    std::filesystem::create_directories(folder);
    const Index p = problem.start.size(), samples = static_cast<Index>(problem.times.size());
    RowMatrix table(samples, p);
    const auto path = folder / "reference.npy";
    std::ifstream known(folder / "setting.txt");
    std::string setting;
    std::getline(known, setting);
    if (options_.reuse && setting == problem.setting && std::filesystem::exists(path)) {
      table = read_data_file(path);
    } else {
      const Run run = solve(problem, solver, 1e-12, 1e9);
      if (!run.finished) throw std::runtime_error(problem.name + ": no reference: " + run.note);
      for (Index k = 0; k < samples; ++k)
        table.row(k) = run.states[static_cast<std::size_t>(k)].transpose();
      const Run check = solve(problem, check_solver, 1e-11, 1e9);
      const double difference = largest_error(problem, check, run.states);
      print(problem.name,
            "reference: " + solver + " at rtol 1e-12, " + std::to_string(run.steps) + " steps");
      std::ofstream known_rows(folder / "reference.csv");
      known_rows << problem.name << ",reference,," << 1e-12 << ',' << run.seconds << ",,1,"
                 << run.steps << ",,,,,1,," << load_average() << ",\"" << solver << "\"\n"
                 << problem.name << ",reference check,," << 1e-11 << ',' << check.seconds << ",,1,"
                 << check.steps << ",,," << difference << ",,1,," << load_average() << ",\""
                 << check_solver << "\"\n";
      // The peers in Python read the same data.
      write_npy(path, table.data(), samples, p);
      write_npy(folder / "times.npy", problem.times.data(), samples, 1);
      write_npy(folder / "start.npy", problem.start.data(), p, 1);
      const double numbers[] = {problem.flow.weight_decay, problem.epsilon, problem.atol_factor};
      write_npy(folder / "numbers.npy", numbers, 3, 1);
      for (const Measurement& constant : problem.model->constants(problem.flow))
        write_npy(folder / (constant.name + ".npy"), constant.values.data(),
                  static_cast<Index>(constant.values.size()), 1);
      std::ofstream(folder / "setting.txt") << problem.setting << '\n';
    }
    rows_ << std::ifstream(folder / "reference.csv").rdbuf();
    std::vector<Vector> states;
    for (Index k = 0; k < samples; ++k) states.emplace_back(table.row(k).transpose());
    return states;
  }

  bool row(const Problem& problem, const std::string& solver, double rtol,
           const std::vector<Vector>* reference, double value = 0) {
    std::vector<double> seconds;
    Run run;
    double total = 0;
    do {
      run = solve(problem, solver, rtol, options_.cap);
      seconds.push_back(run.seconds);
      total += run.seconds;
    } while (run.finished && static_cast<int>(seconds.size()) < options_.repeat && total < 2);
    std::sort(seconds.begin(), seconds.end());
    rows_ << problem.name << ',' << solver << ',' << value << ',' << rtol << ',' << seconds.front()
          << ',' << seconds[seconds.size() / 2] << ',' << seconds.size() << ',' << run.steps << ','
          << run.rhs << ',' << run.factorisations << ',';
    double error = 0;
    if (reference != nullptr) {
      error = largest_error(problem, run, *reference);
      const Vector& last = reference->back();
      rows_ << error << ',';
      if (run.finished) rows_ << (run.states.back() - last).norm() / last.norm();
    } else {
      rows_ << ',';
    }
    rows_ << ',' << run.finished << ',' << run.t_end << ',' << load_average() << ",\"" << run.note
          << "\"\n";
    rows_.flush();
    std::ostringstream text;
    text.precision(3);
    text << solver << "  ";
    if (value != 0) text << value << "  ";
    text << "rtol " << rtol << "  " << seconds.front() << " s  " << run.steps << " steps";
    if (reference != nullptr) text << "  error " << error;
    if (!run.finished) text << "  ended at t = " << run.t_end << "  " << run.note;
    print(problem.name, text.str());
    return run.finished;
  }

  static void print(const std::string& problem, const std::string& text) {
    std::cout << problem << "  " << text << std::endl;
  }

  Options options_;
  std::ofstream rows_;
};

template <class Make>
std::vector<Problem> each(const std::vector<double>& values, const Make& make) {
  std::vector<Problem> problems;
  for (const double value : values) problems.push_back(make(value));
  return problems;
}

/// `auto` with one thread and more, up to what the machine has; two processors are left to others
/// where there are many.
/// Beside each the bandwidth that it has to memory, which bounds what long vectors gain.
std::vector<std::string> auto_by_threads() {
  const auto cores = static_cast<int>(std::thread::hardware_concurrency());
  const int most = cores > 8 ? cores - 2 : cores;
  std::vector<std::string> solvers;
  const auto add = [&](int threads) {
    solvers.push_back("auto x" + std::to_string(threads));
    std::cout << "memory x" << threads << "  " << 1e-9 * memory_bandwidth(threads) << " GB/s\n";
  };
  for (int threads = 1; threads < most; threads *= 2) add(threads);
  add(std::max(1, most));
  return solvers;
}

void run_section(const std::string& section, const Options& options) {
  Bench bench(options);
  const bool quick = options.quick;
  const std::vector<double> lambdas{1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9};
  std::vector<double> more_lambdas = lambdas;
  more_lambdas.insert(more_lambdas.begin(), 1e-2);
  if (section == "completion") {
    bench.work_precision(completion(1e-3, 1e5),
                         {"auto", "cvode+dense", "rodas", "rodas+dense", "rock4", "cvode_dense",
                          "cvode_gmres", "dopri5", "rosenbrock4", "descent", "descent_tuned"},
                         "rodas+dense", "cvode+dense");
  } else if (section == "diagonal") {
    bench.work_precision(diagonal(1e-4, 3e5),
                         {"auto", "cvode+structured", "cvode+dense", "rodas", "rodas+structured",
                          "cvode_dense", "cvode_gmres", "dopri5", "rosenbrock4"},
                         "rodas+structured", "cvode+structured");
  } else if (section == "tanh") {
    bench.work_precision(tanh_network(200, 40, 1e-5),
                         {"auto", "cvode+structured", "cvode+dense", "rodas", "rodas+structured",
                          "cvode_dense", "cvode_gmres", "dopri5", "rosenbrock4"},
                         "rodas+structured", "cvode+structured");
  } else if (section == "mean_field_100" || section == "mean_field") {
    bench.work_precision(
        mean_field(section == "mean_field" ? 1000 : 100, 1e-4),
        {"auto", "cvode", "rodas", "rock4", "cvode_gmres", "dopri5", "cvode_dense", "rosenbrock4"},
        "rodas", "cvode");
  } else if (section == "mean_field_epsilon") {
    for (const double epsilon : {1e-2, 1e-6, 1e-8, 1e-10, 1e-12}) {
      std::vector<std::string> solvers{"auto", "cvode", "rodas", "rock4"};
      if (epsilon == 1e-8) solvers.insert(solvers.end(), {"cvode_gmres", "dopri5"});
      bench.work_precision(mean_field(1000, epsilon), solvers, "rodas", "cvode");
    }
  } else if (section == "deep_linear") {
    bench.work_precision(deep_linear(),
                         {"auto", "cvode+dense", "rodas", "rodas+dense", "cvode_dense",
                          "cvode_gmres", "dopri5", "rosenbrock4"},
                         "rodas+dense", "cvode+dense");
  } else if (section == "relu") {
    bench.work_precision(relu_network(200, 20, 1e-3, 1e4),
                         {"auto", "cvode+structured", "rodas", "rodas+structured", "cvode_dense",
                          "cvode_gmres", "dopri5"},
                         "dopri5", "cvode+structured");
  } else if (section == "larger") {
    bench.work_precision(larger_completion(), {"auto", "cvode_gmres", "dopri5"}, "rodas+dense",
                         "cvode");
    bench.work_precision(diagonal(1e-4, 3e5, 300), {"auto", "cvode_dense", "cvode_gmres", "dopri5"},
                         "rodas+structured", "cvode+structured");
    bench.work_precision(tanh_network(2000, 40, 1e-5), {"auto", "cvode_gmres", "dopri5"},
                         "rodas+structured", "cvode+structured");
    bench.work_precision(mean_field(10000, 1e-4), {"auto", "cvode_gmres", "dopri5"}, "rodas",
                         "cvode");
  } else if (section == "stiffer") {
    const std::vector<std::string> solvers{"auto",   "cvode_dense", "cvode_gmres",
                                           "dopri5", "rosenbrock4", "descent_tuned"};
    bench.work_precision(completion(1e-6, 1e7), solvers, "cvode+dense", "cvode");
    const std::vector<std::string> without_descent(solvers.begin(), solvers.end() - 1);
    bench.work_precision(diagonal(1e-8, 1e9), without_descent, "cvode+dense", "cvode+structured");
    bench.work_precision(tanh_network(200, 40, 1e-9), without_descent, "cvode+dense",
                         "cvode+structured");
  } else if (section == "lambda_completion") {
    bench.growth(section, each(lambdas, [](double l) { return completion(l, 10 / l); }),
                 {"auto", "rodas"}, 1e-6, lambdas);
  } else if (section == "lambda_diagonal") {
    bench.growth(section, each(lambdas, [](double l) { return diagonal(l, 10 / l); }),
                 {"auto", "rodas", "rodas+structured"}, 1e-6, lambdas);
  } else if (section == "lambda_tanh") {
    bench.growth(section, each(more_lambdas, [](double l) { return tanh_network(200, 40, l); }),
                 {"auto", "cvode+structured", "rodas+structured"}, 1e-6, more_lambdas);
  } else if (section == "lambda_tanh_1100") {
    bench.growth(section, each(more_lambdas, tanh_network_1100), {"auto"}, 1e-6, more_lambdas);
  } else if (section == "lambda_tanh_ten_inputs") {
    bench.growth(section, each(lambdas, [](double l) { return tanh_network_of_inputs(10, l); }),
                 {"auto", "rodas+structured"}, 1e-6, lambdas);
  } else if (section == "lambda_tanh_hundred_inputs") {
    bench.growth(section, each(lambdas, [](double l) { return tanh_network_of_inputs(100, l); }),
                 {"auto"}, 1e-6, lambdas);
  } else if (section == "lambda_relu") {
    const std::vector<double> values{1e-3, 1e-4, 1e-5, 1e-6};
    bench.growth(section, each(values, [](double l) { return relu_network(200, 20, l, 10 / l); }),
                 {"auto", "dopri5"}, 1e-6, values);
  } else if (section == "riemannian") {
    std::vector<Problem> problems = each(lambdas, [](double l) { return diagonal(l, 5 / l); });
    std::vector<double> values = lambdas;
    problems.push_back(slow_flow());
    values.push_back(0);  // its limit
    bench.growth(section, std::move(problems), {"auto"}, 1e-8, values);
  } else if (section == "modular_addition") {
    const std::vector<double> values{1e-3, 4e-3};
    bench.growth(section, each(values, modular_addition), {"auto", "rock4", "descent_stable"}, 1e-4,
                 values);
  } else if (section == "epsilon") {
    const std::vector<double> values{1e-2, 1e-4, 1e-6, 1e-8, 1e-10, 1e-12};
    bench.growth(section, each(values, [](double e) { return mean_field(1000, e); }),
                 {"auto", "cvode", "rodas"}, 1e-8, values);
  } else if (section == "width") {
    std::vector<double> values{1e2, 1e3, 1e4, 1e5};
    if (!quick) values.push_back(1e6);
    bench.growth(section,
                 each(values, [](double m) { return mean_field(static_cast<Index>(m), 1e-4); }),
                 {"cvode", "rodas"}, 1e-8, values);
  } else if (section == "parameters") {
    const std::vector<double> values{99, 300, 999, 3000, 9999, 30000, 99999};
    bench.growth(
        section,
        each(values, [](double p) { return tanh_network(static_cast<Index>(p) / 3, 40, 1e-5); }),
        {"auto", "cvode+structured"}, 1e-6, values);
  } else if (section == "samples") {
    const std::vector<double> values{10, 30, 100, 300, 1000};
    bench.growth(
        section,
        each(values, [](double n) { return tanh_network(400, static_cast<Index>(n), 1e-5); }),
        {"auto", "cvode+structured"}, 1e-6, values);
  } else if (section == "threads_width") {
    const auto values = quick ? std::vector<double>{2e5} : std::vector<double>{1e4, 2e5, 1e6};
    bench.growth(section,
                 each(values, [](double m) { return mean_field(static_cast<Index>(m), 1e-4); }),
                 auto_by_threads(), 1e-6, values);
  } else if (section == "threads_parameters") {
    const auto values = quick ? std::vector<double>{99999} : std::vector<double>{9999, 99999};
    bench.growth(
        section,
        each(values, [](double p) { return tanh_network(static_cast<Index>(p) / 3, 40, 1e-5); }),
        auto_by_threads(), 1e-6, values);
  } else if (section == "threads_samples") {
    const auto values = quick ? std::vector<double>{500} : std::vector<double>{100, 500};
    bench.growth(
        section,
        each(values, [](double n) { return tanh_network(4000, static_cast<Index>(n), 1e-5); }),
        auto_by_threads(), 1e-6, values);
  } else if (section == "batch") {
    for (const std::string kind : {"seeds", "decays", "larger"})
      for (const Index count : {1, 4, 16, 64})
        bench.work_precision(
            side_by_side("batch_" + kind + "_" + std::to_string(count), study_of(kind, count)),
            {"each:auto", "auto", "each:rodas", "rodas"}, "each:rodas+structured",
            "each:cvode+structured");
  } else if (section == "machine" || section == "ivp" || section == "condition" ||
             section == "battery" || section == "battery_tight") {
    std::ofstream file(options.out / (section + ".md"));
    std::ostringstream text;
    if (section == "ivp")
      measure_ivp_digits(text);
    else if (section == "machine")
      measure_machine(text);
    else if (section == "battery" || section == "battery_tight")  // row by row: it takes long
      measure_battery(file, section == "battery" ? 1e-5 : 1e-8, quick, options.shard);
    else
      measure_condition(text, options.repeat);
    file << text.str();
    std::cout << text.str();
  } else {
    throw std::invalid_argument("no section " + section);
  }
}

Options read(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const auto value = [&]() -> std::string {
      if (++i == argc) throw std::invalid_argument(word + " needs a value");
      return argv[i];
    };
    if (word == "--out")
      options.out = value();
    else if (word == "--cap")
      options.cap = std::stod(value());
    else if (word == "--repeat")
      options.repeat = std::stoi(value());
    else if (word == "--solver")
      options.solvers.push_back(value());
    else if (word == "--shard") {
      char slash = 0;
      std::istringstream text(value());
      text >> options.shard.index >> slash >> options.shard.count;
      if (!text || slash != '/' || options.shard.index < 1 ||
          options.shard.index > options.shard.count)
        throw std::invalid_argument("--shard takes K/N, 1 <= K <= N");
    } else if (word == "--quick")
      options.quick = true;
    else if (word == "--reuse")
      options.reuse = true;
    else if (word.rfind("--", 0) == 0)
      throw std::invalid_argument("no option " + word);
    else
      options.sections.push_back(word);
  }
  if (options.sections.empty())
    options.sections = {"machine",
                        "ivp",
                        "condition",
                        "battery",
                        "battery_tight",
                        "completion",
                        "diagonal",
                        "tanh",
                        "mean_field_100",
                        "mean_field",
                        "mean_field_epsilon",
                        "deep_linear",
                        "relu",
                        "larger",
                        "stiffer",
                        "lambda_diagonal",
                        "lambda_completion",
                        "riemannian",
                        "modular_addition",
                        "lambda_tanh",
                        "lambda_tanh_1100",
                        "lambda_tanh_ten_inputs",
                        "lambda_tanh_hundred_inputs",
                        "lambda_relu",
                        "epsilon",
                        "width",
                        "parameters",
                        "samples",
                        "threads_width",
                        "threads_parameters",
                        "threads_samples",
                        "batch"};
  return options;
}

}  // namespace
}  // namespace gradflow::bench

int main(int argc, char** argv) {
  try {
    gradflow::register_models();
    const gradflow::bench::Options options = gradflow::bench::read(argc, argv);
    for (const std::string& section : options.sections)
      gradflow::bench::run_section(section, options);
  } catch (const std::exception& error) {
    std::cerr << "gradflow_bench: " << error.what() << '\n';
    return 1;
  }
  return 0;
}
