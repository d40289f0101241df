#include "study/store.hpp"

#include "io/netcdf_file.hpp"
#include "tests/catch.hpp"
#include "tests/cli/process.hpp"

using namespace gradflow;
using namespace gradflow::testing;

namespace {

const auto silent = [](const std::string&) {};

StudyHead owner_of(const std::string& fingerprint) {
  StudyHead head;
  head.fingerprint = fingerprint;
  head.version = 1;
  head.config = head.resolved = "a = " + fingerprint + "\n";
  head.axes = {{"seed", {"seed", {}, std::vector<std::int64_t>{0, 1, 2}}, {}}};
  return head;
}

const StudyHead owner = owner_of("f1");

std::string refusal(const fs::path& folder, const StudyHead& head, Access access) {
  try {
    const Store store(folder, head, access, silent);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE(
    "A store is refused to another config, to the same without resume, and to a second user") {
  const Scratch scratch;
  const fs::path folder = scratch / "s";
  {
    const Store store(folder, owner, Access::fresh, silent);
    CHECK(!store.resumed());
    const std::string busy = refusal(folder, owner, Access::resume);
    CHECK(busy.find("another gradflow") != std::string::npos);
    CHECK(busy.find("--join") != std::string::npos);
    CHECK(!refusal(folder, owner, Access::together).empty());
  }
  CHECK(refusal(folder, owner, Access::fresh).find("--resume") != std::string::npos);
  for (const Access access : {Access::resume, Access::together})
    CHECK(refusal(folder, owner_of("f2"), access).find("another config") != std::string::npos);
  {
    const Store store(folder, owner, Access::resume, silent);
    CHECK(store.resumed());
    store.clear();
  }
  CHECK(refusal(folder, owner_of("f2"), Access::fresh).empty());
}

TEST_CASE("Several open a store together, whoever is first, and keep out who wants it alone") {
  const Scratch scratch;
  const fs::path folder = scratch / "s";
  Store first(folder, owner, Access::together, silent);
  Store second(folder, owner, Access::together, silent);
  CHECK(second.resumed());
  CHECK(!refusal(folder, owner, Access::resume).empty());
  CHECK(refusal(folder, owner_of("f2"), Access::together).find("another config") !=
        std::string::npos);
  CHECK_FALSE(first.lock().take_alone());
  CHECK(encoded(read_study_head(folder)) == encoded(owner));
}

TEST_CASE("Results of another version of the program, and of its old layout, are refused") {
  const Scratch scratch;
  const fs::path folder = scratch / "s";
  { const Store store(folder, owner, Access::fresh, silent); }
  StudyHead newer = owner;
  newer.version = 2;
  const std::string versions = refusal(folder, newer, Access::resume);
  CHECK(versions.find("result version 1") != std::string::npos);
  CHECK(versions.find("version 2") != std::string::npos);
  scratch.write("s/points/000001.nc", "");
  CHECK(refusal(folder, owner, Access::resume).find("gradflow 0.2") != std::string::npos);
}

TEST_CASE("What cannot change a number may be another when a store is opened again") {
  const Scratch scratch;
  const fs::path folder = scratch / "s";
  { const Store store(folder, owner, Access::fresh, silent); }
  StudyHead other = owner;
  other.config = other.resolved = "solver.max_wall_seconds = 1000\n";
  other.exponents = {"end_time"};
  { const Store store(folder, other, Access::resume, silent); }
  CHECK(contents(folder / "config.toml") == other.config);
  CHECK(read_study_head(folder).exponents == other.exponents);
  // Its result is to be put together again.
  Dataset result;
  result.add_coordinate("seed", std::vector<std::int64_t>{0, 1, 2});
  result.add({"status", {"seed"}, std::vector<std::int32_t>{0, 0, 0}, {}});
  result.set_attribute({"fingerprint", owner.fingerprint});
  result.set_attribute({"config_resolved", owner.resolved});
  write_netcdf(result, folder / "result.nc");
  CHECK_FALSE(Store(folder, other, Access::resume, silent).holds_result(3));
  CHECK(Store(folder, owner, Access::resume, silent).holds_result(3));
  CHECK_FALSE(Store(folder, owner, Access::resume, silent).holds_result(4));
}
