#include "measure/phase_references.hpp"

#include <atomic>
#include <thread>
#include <vector>

#include "tests/catch.hpp"

using namespace gradflow;

namespace {

PhaseReference of_size(Index n) {
  PhaseReference reference;
  reference.limit = Vector::Ones(n);
  return reference;
}

}  // namespace

TEST_CASE("A reference is made once for all that share it, also where they ask at the same time") {
  PhaseReferences references;
  std::atomic<int> made{0};
  std::vector<std::shared_ptr<const PhaseReference>> got(8);
  std::vector<std::thread> threads;
  for (std::size_t k = 0; k < got.size(); ++k)
    threads.emplace_back([&, k] {
      got[k] = references.get(k % 2 == 0 ? "even" : "odd", [&] {
        ++made;
        return of_size(3);
      });
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(made == 2);
  for (std::size_t k = 0; k < got.size(); ++k) CHECK(got[k] == got[k % 2]);
  CHECK(got[0] != got[1]);
}

TEST_CASE("Without a key each asks for a reference of its own") {
  PhaseReferences references;
  const auto make = [] { return of_size(3); };
  CHECK(references.get("", make) != references.get("", make));
}

TEST_CASE("A failure is shared too, unless it is the run's own affair") {
  for (const Status status : {Status::no_convergence, Status::interrupted, Status::wall_budget}) {
    PhaseReferences references;
    int made = 0;
    const auto fail = [&]() -> PhaseReference {
      ++made;
      throw SolverError(status, "why", "");
    };
    CHECK_THROWS_AS(references.get("a", fail), SolverError);
    CHECK_THROWS_AS(references.get("a", fail), SolverError);
    CHECK(made == (status == Status::no_convergence ? 1 : 2));
  }
}

TEST_CASE("Of references beyond a bound on memory the oldest are made again") {
  PhaseReferences references;
  int made = 0;
  const auto make = [&] {
    ++made;
    return of_size(20'000'000);  // 160 MB
  };
  references.get("a", make);
  references.get("a", make);
  CHECK(made == 1);
  references.get("b", make);
  references.get("b", make);
  CHECK(made == 2);
  references.get("a", make);
  CHECK(made == 3);
}
