#pragma once

#include <ostream>

/// What the machine can do, and how much of it our kernels use.
namespace gradflow::bench {

/// Peaks of one core: Eigen's matrix product (flops), the triad a = b + s c in cache and in memory
/// (bandwidth). Then, for each model, the right-hand side, linearisation, factorisation and solve:
/// microseconds, flops (counted from the formulas) and bytes (arrays read and written once), and
/// what share of the peak that is. As a table in Markdown.
void measure_machine(std::ostream& out);

/// Bytes a second of the triad in memory (96 MB), its stretches shared out among threads as those
/// of a run's vectors are.
double memory_bandwidth(int threads);

}  // namespace gradflow::bench
