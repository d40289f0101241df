#include "numerics/memory.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <fstream>

namespace gradflow {
namespace {

std::atomic<double> largest_required{0};

}  // namespace

LargestRequired::LargestRequired() {
  largest_required = 0;
}
LargestRequired::~LargestRequired() {
  largest_required = 0;
}
double LargestRequired::bytes() const {
  return largest_required;
}

void require_memory(double bytes) {
  if (!(bytes > 0)) return;
  largest_required = std::max(largest_required.load(), bytes);
  constexpr double small = 1 << 20;  // is had or not as all else is; a study of small points asks often
  if (bytes < small) return;
  constexpr double most = 1e18;  // more than any machine has, and less than a size can say
  const auto size = static_cast<std::size_t>(bytes < most ? bytes : most);
  // Not malloc, which would keep what it got, and another threshold for what is large.
  void* const piece =
      ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (piece == MAP_FAILED) throw OutOfMemory(bytes);
  ::munmap(piece, size);
}

double process_bytes() {
  double pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

}  // namespace gradflow
