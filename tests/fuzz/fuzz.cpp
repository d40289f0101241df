/// Tries a reader (readers.hpp) on inputs grown from its seeds until something is found.
///
///   gradflow_fuzz READER SECONDS [SEED]
///
/// Inputs that reach new code (by -fsanitize-coverage=trace-pc in what is read with) are kept and
/// grown further. A finding stays in the current folder as READER.finding, for the seeds; it ends
/// the process where it is a crash or a sanitizer's. See docs/testing.md.
#include <sys/time.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "models/registry.hpp"
#include "tests/fuzz/coverage.hpp"
#include "tests/fuzz/damage.hpp"
#include "tests/fuzz/readers.hpp"

namespace {

using namespace gradflow;
using namespace gradflow::testing;
namespace fs = std::filesystem;

/// Of processor time, which other work on the machine does not use up, and of waiting.
constexpr unsigned longest_seconds = 10, longest_wait = 120;
constexpr std::size_t longest_input = 4096;

std::string grown(const std::vector<std::string>& kept, const Reader& reader, RandomStream& draws) {
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(draws.below(n)); };
  std::string input = kept[below(kept.size())];
  for (std::size_t changes = 1 + below(4); changes > 0; --changes) {
    switch (draws.below(4)) {
      case 0:
        if (!reader.words.empty())
          input.insert(below(input.size() + 1), reader.words[below(reader.words.size())]);
        break;
      case 1: {  // a piece of another
        const std::string& other = kept[below(kept.size())];
        const std::size_t from = below(other.size() + 1);
        input.insert(below(input.size() + 1), other.substr(from, below(128)));
        break;
      }
      case 2:
        if (!input.empty()) input[below(input.size())] = static_cast<char>(draws.below(256));
        break;
      default:
        input = damaged(input, draws);
    }
  }
  if (input.size() > longest_input) input.resize(longest_input);
  return input;
}

/// Their signals end the process; 0: stopped.
void set_alarms(unsigned processor_seconds, unsigned wait) {
  itimerval limit{};
  limit.it_value.tv_sec = processor_seconds;
  ::setitimer(ITIMER_PROF, &limit, nullptr);
  ::alarm(wait);
}

}  // namespace

int main(int argc, char** argv) {
  gradflow::register_models();
  std::vector<Reader> readers = file_readers();
  readers.push_back(config_reader());
  const Reader* reader = nullptr;
  for (const Reader& known : readers)
    if (argc >= 3 && known.name == argv[1]) reader = &known;
  if (reader == nullptr) {
    std::fprintf(stderr, "usage: gradflow_fuzz READER SECONDS [SEED], with READER one of\n");
    for (const Reader& known : readers)
      std::fprintf(stderr, "  %-8s %s\n", known.name.c_str(), known.what.c_str());
    return 2;
  }
  const double seconds = std::atof(argv[2]);
  RandomStream draws(argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 0, "fuzz");
  const fs::path scratch =
      fs::temp_directory_path() / ("gradflow-fuzz-" + std::to_string(::getpid()));
  fs::create_directories(scratch);

  std::vector<std::string> kept{""};
  for (const auto& entry : fs::directory_iterator(fs::path(GRADFLOW_SOURCE) / "tests" / "fuzz" /
                                                  "seeds" / reader->seeds)) {
    std::ifstream in(entry.path(), std::ios::binary);
    kept.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }

  const fs::path finding = reader->name + ".finding";
  const auto began = std::chrono::steady_clock::now();
  const auto elapsed = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  };
  unsigned long tried = 0, taken = 0;
  const std::size_t seeds = kept.size();
  for (; elapsed() < seconds; ++tried) {
    const std::string input = tried < seeds ? kept[tried] : grown(kept, *reader, draws);
    // Before it is tried: what crashes does not come back to write it.
    std::ofstream(finding, std::ios::binary | std::ios::trunc) << input;
    set_alarms(longest_seconds, longest_wait);
    try {
      taken += reader->read(input, scratch) ? 1 : 0;
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s: %s\n", finding.c_str(), error.what());
      return 1;
    }
    set_alarms(0, 0);
    if (coverage::take_new() && tried >= seeds) kept.push_back(input);
  }
  fs::remove(finding);
  fs::remove_all(scratch);
  std::printf("%s: %lu inputs in %.0f s, %lu taken, %zu kept for new code, no finding\n",
              reader->name.c_str(), tried, elapsed(), taken, kept.size() - seeds);
  return 0;
}
