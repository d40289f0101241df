#include "study/store.hpp"

#include <fstream>

#include "io/netcdf_file.hpp"
#include "tests/catch.hpp"
#include "tests/cli/process.hpp"

using namespace gradflow;
using namespace gradflow::testing;

namespace {

Dataset point(const std::string& fingerprint, std::int32_t status) {
  Dataset data;
  data.add({"status", {}, std::vector<std::int32_t>{status}, {}});
  data.set_attribute({"fingerprint", fingerprint});
  return data;
}

const auto silent = [](const std::string&) {};
const Store::Owner owner{"f1", "a = 1\n", "a = 1\n", true};

}  // namespace

TEST_CASE("A store finds the points that are its own, final and whole, and no others") {
  const Scratch scratch;
  const fs::path folder = scratch / "s";
  {
    const Store store(folder, owner, false, silent);
    CHECK(!store.resumed());
    CHECK(!store.find(0).finished);
    store.put(0, point("f1", 0), std::nullopt);
    const Dataset second = point("f1", static_cast<std::int32_t>(Status::step_budget));
    store.put(1, second, store.bytes_of(1, second));
    store.put(2, point("f1", static_cast<std::int32_t>(Status::interrupted)), std::nullopt);
    store.put(3, point("another", 0), std::nullopt);
    store.put(4, point("f1", 0), std::nullopt);
    std::ofstream(folder / "points" / "000004.nc", std::ios::binary | std::ios::app) << "x";
  }
  const Store store(folder, owner, true, silent);
  CHECK(store.resumed());
  CHECK(store.find(0).finished);
  CHECK(store.find(1).finished);
  CHECK(!store.find(2).finished);
  CHECK(!store.find(3).finished);
  const Found damaged = store.find(4);
  CHECK(!damaged.finished);
  CHECK(damaged.damaged);
  CHECK(!store.find(5).finished);
  CHECK(!store.holds_result(1));
}

TEST_CASE(
    "A store is refused to another config, to the same without resume, and to a second user") {
  const Scratch scratch;
  const fs::path folder = scratch / "s";
  Store::Owner other = owner;
  other.fingerprint = "f2";
  other.resolved = "a = 2\n";
  {
    const Store store(folder, owner, false, silent);
    CHECK_THROWS(Store(folder, owner, true, silent));  // locked
  }
  CHECK_THROWS_AS(Store(folder, owner, false, silent), FolderRefused);
  CHECK_THROWS_AS(Store(folder, other, true, silent), FolderRefused);
  CHECK_NOTHROW(Store(folder, owner, true, silent));
  {
    const Store store(folder, owner, true, silent);
    store.clear();
  }
  CHECK_NOTHROW(Store(folder, other, false, silent));
}
