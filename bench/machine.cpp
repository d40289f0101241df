#include "bench/machine.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <string>

#include "bench/problems.hpp"
#include "bench/solvers.hpp"
#include "numerics/long_vectors.hpp"

namespace gradflow::bench {
namespace {

/// Seconds of one call: the least of five batches of at least 20 ms each.
double seconds_of(const std::function<void()>& call) {
  call();
  std::int64_t batch = 1;
  double best = INFINITY;
  for (int k = 0; k < 5;) {
    const double began = cpu_seconds();
    for (std::int64_t i = 0; i < batch; ++i) call();
    const double elapsed = cpu_seconds() - began;
    if (elapsed < 0.02) {
      batch *= 2;
      continue;
    }
    best = std::min(best, elapsed / static_cast<double>(batch));
    ++k;
  }
  return best;
}

double product_flops(Index n) {
  const Matrix a = Matrix::Random(n, n), b = Matrix::Random(n, n);
  Matrix c(n, n);
  return 2.0 * std::pow(static_cast<double>(n), 3) / seconds_of([&] { c.noalias() = a * b; });
}

double triad_bytes(Index n) {
  const Vector b = Vector::Ones(n), c = Vector::Ones(n);
  Vector a = Vector::Zero(n);
  double s = 0.5;
  return 24.0 * static_cast<double>(n) / seconds_of([&] {
           a = b + s * c;
           s = a[0] * 1e-3;
         });
}

}  // namespace

double memory_bandwidth(int threads) {
  constexpr Index n = 4'000'000;
  const Vector b = Vector::Ones(n), c = Vector::Ones(n);
  Vector a = Vector::Zero(n);
  const LoopThreads shared(threads);
  double best = INFINITY;
  for (int repeat = 0; repeat < 20; ++repeat) {
    const double began = wall_seconds();
    long_vectors::for_stretches(n, [&](Index first, Index count) {
      a.segment(first, count) = b.segment(first, count) + 0.5 * c.segment(first, count);
    });
    best = std::min(best, wall_seconds() - began);
  }
  return 24.0 * static_cast<double>(n) / best;
}

void measure_machine(std::ostream& out) {
  char line[300];
  const double peak = product_flops(512), small = product_flops(64);
  const double cache = triad_bytes(10'000), memory = triad_bytes(40'000'000);
  std::snprintf(
      line, sizeof line,
      "One core: matrix product %.1f Gflop/s (512 x 512; %.1f at 64 x 64), triad %.1f GB/s "
      "in cache (240 kB), %.1f GB/s in memory (960 MB).\n\n",
      1e-9 * peak, 1e-9 * small, 1e-9 * cache, 1e-9 * memory);
  out << line
      << "| problem | kernel | microseconds | flops | Gflop/s | share of the peak | bytes | GB/s "
         "|\n"
         "|---|---|--:|--:|--:|--:|--:|--:|\n";
  struct Case {
    Problem problem;
    LinearKind kind;
    double rhs_flops;                             ///< counted from the formulas
    double rhs_bytes, set_up_bytes, solve_bytes;  ///< of arrays that pass, each as often as it does
  };
  std::vector<Case> cases;
  // Mean field with K + 1 = 4: moments (K + 1 products and sums) and a polynomial with its slope.
  for (const double m : {1e3, 1e6}) {
    const double vector = 16 * m;
    cases.push_back({mean_field(static_cast<Index>(m), 1e-4), LinearKind::structured,
                     m * (2 * 4 + 4 * 4 + 5), 3 * vector, 7.5 * vector, 8.5 * vector});
  }
  {
    // Outputs, transposed Jacobian: 2 x rank flops an entry forward, 4 x rank back. Bytes: w, w';
    // the Gram matrix made and scaled, its triangle factorised; and that read twice, with b and w.
    const double vector = 8 * 400, square = 8 * 200 * 200;
    cases.push_back({completion(1e-3, 1e5), LinearKind::gauss_newton, 6.0 * 200 * 10, 2 * vector,
                     3 * square + vector, square + 4 * vector});
  }
  // tanh counted as 30 flops, as in the cost model. Bytes: sigma and sigma' of n x m written and
  // read; n columns of p where J is a matrix, beside the blocks of 3 x 3.
  const auto network = [&](Index width, LinearKind kind) {
    const double m = static_cast<double>(width), n = 40, vector = 8 * 3 * m, square = 8 * n * n;
    const double hidden = 2 * 8 * n * m;
    const bool blocks = kind == LinearKind::structured;
    cases.push_back({tanh_network(width, 40, 1e-5), kind, m * n * (30 + 12),
                     2 * vector + 2 * hidden,
                     blocks ? 2 * hidden + 4 * n * vector + 3 * 3 * vector + 2 * square
                            : 2 * hidden + 3 * square + vector,
                     blocks ? 2 * n * vector + 3 * vector * 2 + square + 4 * vector
                            : 2 * hidden + square + 4 * vector});
  };
  network(200, LinearKind::gauss_newton);
  network(200, LinearKind::structured);
  network(20000, LinearKind::gauss_newton);
  for (Case& c : cases) {
    const auto system = c.problem.system();
    const auto newton = system->newton_matrix(c.kind);
    const Index p = system->dimension();
    Vector y = c.problem.start, slope(p), b = Vector::Ones(p);
    // Off the initial state, where s = 0 makes some terms vanish.
    system->rhs(0, y, slope);
    y += 0.1 * slope / slope.cwiseAbs().maxCoeff();
    const double gamma = 1e-2;
    const NewtonCost cost = newton->cost();
    const auto print = [&](const char* kernel, double flops, double bytes, double seconds) {
      std::snprintf(line, sizeof line, "| %s | %s | %.3g | %.3g | %.2f | %.0f %% | ",
                    c.problem.name.c_str(), kernel, 1e6 * seconds, flops, 1e-9 * flops / seconds,
                    100 * flops / seconds / peak);
      out << line;
      std::snprintf(line, sizeof line, "%.3g | %.1f |\n", bytes, 1e-9 * bytes / seconds);
      out << line;
    };
    // Never twice at the same point: what is known of it would not be computed again.
    double nudge = 1e-9;
    const auto elsewhere = [&] { y[0] += nudge = -nudge; };
    print("right-hand side", c.rhs_flops, c.rhs_bytes, seconds_of([&] {
            elsewhere();
            system->rhs(0, y, slope);
          }));
    const std::string name = newton->name();
    print(("set-up, " + name).c_str(), cost.linearise_flops + cost.factorise_flops, c.set_up_bytes,
          seconds_of([&] {
            elsewhere();
            newton->linearise(0, y);
            newton->factorise(gamma);
          }));
    print("solve", cost.solve_flops, c.solve_bytes, seconds_of([&] {
            b.setOnes();
            newton->solve(b, 1e-10);
          }));
  }
}

}  // namespace gradflow::bench
