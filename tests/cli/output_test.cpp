#include <sys/stat.h>

#include <algorithm>

#include "io/checksum.hpp"
#include "tests/catch.hpp"
#include "tests/cli/process.hpp"

using namespace gradflow;
using namespace gradflow::testing;

namespace {

/// A call as a shell has it, with its redirections: "models > /dev/full".
Finished shell(const std::string& command, const fs::path& folder) {
  return run_program("/bin/sh", {"-c", "\"$0\" " + command, GRADFLOW_BINARY}, folder);
}

}  // namespace

TEST_CASE("Output that cannot be written ends with exit code 2 and one line") {
  const Scratch scratch;
  scratch.write("run.toml", small_run);
  call_ok({"run", "run.toml", "--out", "done"}, scratch.path);
  for (const std::string command :
       {"check run.toml", "models", "models linear_regression", "--version", "--help", "run --help",
        "figures --list", "run run.toml --out full", "plot done", "report done"}) {
    INFO(command);
    check_one_line(shell(command + " > /dev/full", scratch.path),
                   "the output cannot be written: No space left on device");
    // Closed, the next file that is opened must not get the output.
    fs::remove_all(scratch / "full");
    check_one_line(shell(command + " >&-", scratch.path), "the output cannot be written");
  }
  // What was computed is there all the same.
  CHECK(last_line(call_ok({"run", "run.toml", "--out", "full", "--resume"}, scratch.path).out) ==
        "full/result.nc");
  CHECK(shell("run run.toml --out closed <&- >&- 2>&-", scratch.path).code == 2);
  CHECK_NOTHROW(read_netcdf(scratch / "closed" / "result.nc"));
  CHECK(shell("models 2>&-", scratch.path).code == 0);
}

TEST_CASE("Pipes and devices where a file is expected are refused in one line, at once") {
  const Scratch scratch;
  scratch.write("run.toml", small_run);
  REQUIRE(::mkfifo((scratch / "pipe.toml").c_str(), 0600) == 0);
  REQUIRE(::mkfifo((scratch / "pipe.npy").c_str(), 0600) == 0);
  const std::string not_regular = "is not a regular file";
  check_one_line(call({"check", "pipe.toml"}, scratch.path), not_regular);
  check_one_line(call({"run", "/dev/zero"}, scratch.path), not_regular);
  for (const std::string key : {"inputs", "initial"})
    check_one_line(
        call({"check", "run.toml", "--set", "model." + key + "=\"pipe.npy\""}, scratch.path),
        not_regular);
  fs::create_directory(scratch / "first");
  REQUIRE(::mkfifo((scratch / "first" / "result.nc").c_str(), 0600) == 0);
  check_one_line(call({"check", "run.toml", "--set", "model.initial=\"first\""}, scratch.path),
                 not_regular);
  check_one_line(call({"plot", "first"}, scratch.path), not_regular);
  REQUIRE(::mkfifo((scratch / "pipe.svg").c_str(), 0600) == 0);
  call_ok({"run", "run.toml", "--out", "done"}, scratch.path);
  for (const std::string command : {"plot", "report"})
    check_one_line(call({command, "done", "--out", "pipe.svg"}, scratch.path), not_regular);
  CHECK(fs::is_fifo(scratch / "pipe.svg"));

  // In a folder of results, before anything is run.
  scratch.write("study.toml", small_run + "[study]\nseed = [0, 1]\n");
  call_ok({"run", "study.toml", "--out", "s"}, scratch.path);
  for (const std::string name : {"points/x-1-0.points", "points/claims", "points/study",
                                 "result.nc", "resolved.toml", "processes.json"}) {
    INFO(name);
    fs::copy(scratch / "s", scratch / "t", fs::copy_options::recursive);
    fs::remove(scratch / "t" / name);
    REQUIRE(::mkfifo((scratch / "t" / name).c_str(), 0600) == 0);
    check_one_line(call({"run", "study.toml", "--out", "t", "--resume"}, scratch.path),
                   not_regular);
    fs::remove_all(scratch / "t");
  }
}

TEST_CASE("Names reach a terminal without what it would obey") {
  const Scratch scratch;
  // A key, a value, a path and an option with an escape of 8 bits and an override of direction.
  const std::string evil =
      "\xc2\x9b"
      "31m\xe2\x80\xae\xe2\x81\xa6x\x1b[2J";
  scratch.write("key.toml", small_run + "\"" +
                                "\xc2\x9b"
                                "31m\xe2\x80\xae" +
                                "\" = 1\n");
  scratch.write("value.toml",
                "[model]\nname = \"\xc2\x9b"
                "31m\xe2\x80\xae\"\n");
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"check", "key.toml"},
                                             {"check", "value.toml"},
                                             {"check", evil},
                                             {"run", "key.toml", "--out", evil},
                                             {"models", evil},
                                             {evil},
                                             {"check", "key.toml", "--set", evil + "=1"},
                                             {"plot", evil}}) {
    const Finished result = call(arguments, scratch.path);
    CHECK(result.code == 2);
    for (const std::string control : {"\xc2\x9b", "\xe2\x80\xae", "\xe2\x81\xa6", "\x1b"})
      CHECK(result.err.find(control) == std::string::npos);
  }
}

TEST_CASE("xarray, netCDF4 and NumPy see nothing of a checksum behind a file") {
  const Scratch scratch;
  scratch.write("study.toml", small_run + "[study]\nseed = [0, 1]\n");
  call_ok({"run", "study.toml", "--out", "s"}, scratch.path);
  verify_checksum(scratch / "s" / "result.nc");
  const Finished finished = python(R"(
import xarray, netCDF4
name = 's/result.nc'
whole = open(name, 'rb').read()
assert whole[-32:-24] == b'gradflow' and int.from_bytes(whole[-24:-16], 'little') == len(whole) - 32
open('bare.nc', 'wb').write(whole[:-32])
with xarray.open_dataset(name) as a, xarray.open_dataset('bare.nc') as b:
    assert a.identical(b)
with netCDF4.Dataset(name) as a:
    assert 'status' in a.variables
# A program that adds to a result goes on working; the checksum is then gone or outdated.
with netCDF4.Dataset('s/result.nc', 'a') as a:
    a.createVariable('mine', 'f8')[...] = 1
with netCDF4.Dataset('s/result.nc') as a:
    assert float(a['mine'][...]) == 1
)",
                                   scratch.path);
  INFO(finished.err);
  CHECK(finished.code == 0);
  CHECK_THROWS_AS(verify_checksum(scratch / "s" / "result.nc"), FileError);
  check_one_line(call({"run", "study.toml", "--out", "s", "--resume"}, scratch.path),
                 "has no checksum of gradflow's");
}

TEST_CASE("Another program's result, and a damaged one, are one line or a picture to plot") {
  const Scratch scratch;
  const Finished finished = python(R"(
import netCDF4, numpy, os
def new(name):
    os.mkdir(name)
    return netCDF4.Dataset(name + '/result.nc', 'w')
with new('type') as d:
    d.createDimension('n', 3); d.createVariable('status', str, ('n',))[0] = 'a'
with new('empty') as d:
    d.createDimension('n', 0); d.createVariable('status', 'i4', ('n',))
with new('zeros') as d:
    d.createDimension('n', 400_000_000); d.createVariable('final_state', 'f8', ('n',), zlib=True)
with new('curve') as d:
    d.createDimension('time', 30)
    d.createVariable('time', 'f8', ('time',))[:] = numpy.arange(30)
    d.createVariable('loss', 'f8', ('time',))[:] = numpy.exp(-numpy.arange(30.))
)",
                                   scratch.path);
  INFO(finished.err);
  REQUIRE(finished.code == 0);
  for (const std::string folder : {"type", "empty", "curve"}) {
    const Finished plot = call({"plot", folder}, scratch.path);
    INFO(plot.err);
    CHECK(std::count(plot.err.begin(), plot.err.end(), '\n') <= 1);
    CHECK((plot.code == 0 ? fs::exists(scratch / folder / "figure.png") : plot.code == 2));
  }
  check_one_line(call({"plot", "zeros"}, scratch.path), "holds more than the 1073741824 bytes");
  scratch.write("run.toml", small_run);
  for (const std::string folder : {"type", "empty", "zeros", "curve"})
    check_one_line(
        call({"check", "run.toml", "--set", "model.initial=\"" + folder + "\""}, scratch.path),
        "has no checksum of gradflow's");
  call_ok({"run", "run.toml", "--out", "good"}, scratch.path);
  std::string bytes = contents(scratch / "good" / "result.nc");
  bytes[bytes.size() / 2] = static_cast<char>(~bytes[bytes.size() / 2]);
  scratch.write("good/result.nc", bytes);
  check_one_line(call({"plot", "good"}, scratch.path), "is damaged");
  check_one_line(call({"check", "run.toml", "--set", "model.initial=\"good\""}, scratch.path),
                 "is damaged");
}

// A sanitizer's shadow takes more addresses than any limit here.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST_CASE("Too little memory is one line, for a run and for a study of ten thousand points") {
  // The linear programs' library brings a BLAS. A thread of OpenBLAS that finds no room for its
  // 128 MB asks for it again for ever, and the program does not end (docs/cluster.md).
  const std::string without_blas_threads = "export OPENBLAS_NUM_THREADS=1; ";
  const Scratch scratch;
  scratch.write("run.toml", small_run);
  scratch.write("study.toml", small_run + "[study]\nseed = { count = 10000 }\n");
  int started = 0;
  for (const std::string limit : {"100000", "130000", "250000", "280000"})
    for (const std::string arguments :
         {"run.toml --out run", "study.toml --out study", "study.toml --out study --resume",
          "study.toml --out two --jobs 4"}) {
      INFO(limit << " kB: " << arguments);
      const Finished result = run_program(
          "/bin/sh",
          {"-c", without_blas_threads + "ulimit -v " + limit + "; \"$0\" run " + arguments,
           GRADFLOW_BINARY},
          scratch.path);
      if (result.code == 127) continue;  // the loader's, for the libraries alone
      ++started;
      if (result.code != 0) check_one_line(result, "out of memory");  // a run needs little
      if (arguments != "study.toml --out study")
        for (const std::string folder : {"run", "study", "two"}) fs::remove_all(scratch / folder);
    }
  CHECK(started > 4);
}
#endif

TEST_CASE(
    "A Newton matrix that does not fit is blamed itself, with what it needs and what does not") {
  // Not the size, at which other structures run.
  const Scratch scratch;
  scratch.write("run.toml",
                "[model]\nname = \"matrix_completion\"\nrows = 1682\ncolumns = 943\nrank = 3\n"
                "true_rank = 3\nobserved = 0.063\n[solver]\nlinear = \"gauss_newton\"\n"
                "[time]\nend = 0.05\n");
  check_one_line(call({"check", "run.toml"}, scratch.path),
                 "run.toml:9:1: solver.linear: is \"gauss_newton\" (as asked), which needs 160 GB, "
                 "more memory than there is; \"krylov\" needs less");
}
