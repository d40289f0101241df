#include <netinet/in.h>
#include <pwd.h>
#include <sys/socket.h>

#include <cstdlib>
#include <random>
#include <sstream>

#include "tests/catch.hpp"
#include "tests/cli/process.hpp"
#include "tests/cli/results.hpp"
#include "tests/cli/waiting.hpp"

using namespace gradflow;
using namespace gradflow::testing;

/// Studies under a queue: a Slurm of one node, of the caller's own, in a folder of its own.
namespace {

const std::vector<std::string> programs{"/usr/sbin/munged", "/usr/sbin/slurmctld",
                                        "/usr/sbin/slurmd", "/usr/bin/sbatch"};

/// A port that nobody listens at.
int free_port() {
  const int end = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  REQUIRE(::bind(end, reinterpret_cast<sockaddr*>(&address), length) == 0);
  ::getsockname(end, reinterpret_cast<sockaddr*>(&address), &length);
  ::close(end);
  return ntohs(address.sin_port);
}

std::string host_name() {
  std::array<char, 256> name{};
  ::gethostname(name.data(), name.size() - 1);
  const std::string whole = name.data();
  return whole.substr(0, whole.find('.'));
}

/// The queue, for as long as it lives.
class Slurm {
 public:
  explicit Slurm(const Scratch& scratch) : scratch_(scratch) {
    for (const char* folder : {"state", "spool"}) fs::create_directory(scratch / folder);
    fs::permissions(scratch.path, fs::perms::owner_all | fs::perms::group_exec |
                                      fs::perms::others_exec);  // munge's clients look at this
    write_key();
    write_config();
    ::setenv("SLURM_CONF", file("slurm.conf").c_str(), 1);
    ::setenv("PATH", (fs::path(GRADFLOW_BINARY).parent_path().string() + ":" + path_).c_str(), 1);
    start("/usr/sbin/munged",
          {"--foreground", "--force", "--key-file=" + file("munge.key"),
           "--socket=" + file("munge.socket"), "--pid-file=" + file("munge.pid"),
           "--log-file=" + file("munge.log"), "--seed-file=" + file("munge.seed")});
    wait_for([&] { return fs::exists(file("munge.socket")); });
    start("/usr/sbin/slurmctld", {"-D", "-i"});
    start("/usr/sbin/slurmd", {"-D"});
    const bool idle = wait_for([&] { return ask("sinfo", {"-h", "-o", "%T"}) == "idle\n"; });
    INFO(contents(file("controller.log")) + contents(file("node.log")));
    REQUIRE(idle);
  }
  ~Slurm() {
    ask("scancel", {"--user", user_});
    while (!daemons_.empty()) {
      daemons_.back()->send(SIGTERM);
      daemons_.back()->wait();
      daemons_.pop_back();
    }
    ::unsetenv("SLURM_CONF");
    ::setenv("PATH", path_.c_str(), 1);
  }
  Slurm(const Slurm&) = delete;
  Slurm& operator=(const Slurm&) = delete;

  std::string ask(const std::string& program, const std::vector<std::string>& arguments) const {
    return run_program(program, arguments, scratch_.path).out;
  }
  /// The number of the job.
  std::string submit(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "--parsable");
    const Finished sent = run_program("sbatch", arguments, scratch_.path);
    INFO(sent.err);
    REQUIRE(sent.code == 0);
    return sent.out.substr(0, sent.out.find('\n'));
  }
  bool ends(const std::string& job) const {
    return wait_for([&] { return ask("squeue", {"-h", "-j", job}).empty(); }, 120);
  }

 private:
  std::string file(const std::string& name) const { return (scratch_ / name).string(); }

  void start(const std::string& program, const std::vector<std::string>& arguments) {
    daemons_.push_back(std::make_unique<Process>(program, arguments, scratch_.path));
  }

  void write_key() const {
    std::random_device random;
    std::string key(1024, '\0');
    for (char& byte : key) byte = static_cast<char>(random());
    scratch_.write("munge.key", key);
    fs::permissions(file("munge.key"), fs::perms::owner_read | fs::perms::owner_write);
  }

  void write_config() const {
    std::ostringstream config;
    config << "ClusterName=test\n"
           << "SlurmctldHost=" << host_name() << "(127.0.0.1)\n"
           << "SlurmUser=" << user_ << "\nSlurmdUser=" << user_
           << "\nAuthType=auth/munge\nAuthInfo=socket=" << file("munge.socket")
           << "\nCredType=cred/munge\nMpiDefault=none\nSlurmctldPort=" << free_port()
           << "\nSlurmdPort=" << free_port() << "\nStateSaveLocation=" << file("state")
           << "\nSlurmdSpoolDir=" << file("spool")
           << "\nSlurmctldPidFile=" << file("controller.pid")
           << "\nSlurmdPidFile=" << file("node.pid")
           << "\nSlurmctldLogFile=" << file("controller.log")
           << "\nSlurmdLogFile=" << file("node.log")
           << "\nProctrackType=proctrack/linuxproc\nTaskPlugin=task/none\n"
              "SwitchType=switch/none\nJobAcctGatherType=jobacct_gather/none\n"
              "AccountingStorageType=accounting_storage/none\n"
              "SelectType=select/cons_tres\nSelectTypeParameters=CR_CPU\n"
              "SlurmdParameters=config_overrides\nKillWait=5\n"
           << "NodeName=" << host_name() << " NodeAddr=127.0.0.1 CPUs=4 State=UNKNOWN\n"
           << "PartitionName=all Nodes=" << host_name() << " Default=YES State=UP\n";
    scratch_.write("slurm.conf", config.str());
  }

  const Scratch& scratch_;
  std::string user_ = ::getpwuid(::geteuid())->pw_name, path_ = std::getenv("PATH");
  std::vector<std::unique_ptr<Process>> daemons_;
};

bool has_slurm() {
  for (const std::string& program : programs)
    if (!fs::exists(program)) {
      WARN("skipped: there is no " + program);
      return false;
    }
  return true;
}

/// The script of a job array that docs/cluster.md shows.
std::string documented_script() {
  const std::string page = contents(fs::path(GRADFLOW_SOURCE) / "docs" / "cluster.md");
  const std::size_t begin = page.find("#!/bin/sh\n#SBATCH");
  REQUIRE(begin != std::string::npos);
  return page.substr(begin, page.find("```", begin) - begin);
}

}  // namespace

TEST_CASE("Under a queue: the documented job array, one of its tasks cancelled; shards; srun") {
  if (!has_slurm()) return;
  const Scratch scratch;
  scratch.write("study.toml", small_study(60));
  scratch.write("array.sh", documented_script());
  scratch.write("shards.sh",
                "#!/bin/sh\n"
                "k=$SLURM_ARRAY_TASK_ID\n"
                "gradflow run study.toml --out \"shard$k\" --shard \"$k/3\" --quiet\n");
  call_ok({"run", "study.toml", "--out", "whole", "--quiet"}, scratch.path);
  const std::string whole = content_hash(scratch / "whole");
  const Slurm slurm(scratch);

  const std::string array = slurm.submit({"--array=0-3", "--cpus-per-task=1", "array.sh"});
  const fs::path folder = scratch / "results/study";
  const auto all_run = [&] {
    return slurm.ask("squeue", {"-h", "-r", "-t", "RUNNING", "-o", "%K", "-j", array}).size() == 8;
  };
  CHECK(wait_for([&] { return all_run() && points_of(folder) >= 8; }));
  slurm.ask("scancel", {array + "_2"});
  CHECK(points_of(folder) < 300);
  REQUIRE(slurm.ends(array));
  CHECK(points_of(folder) == 300);
  CHECK(content_hash(scratch / "results/study") == whole);

  const std::string shards = slurm.submit({"--array=0-2", "shards.sh"});
  REQUIRE(slurm.ends(shards));
  for (const std::string k : {"0", "1", "2"}) CHECK(points_of(scratch / ("shard" + k)) == 100);
  call_ok({"collect", "together", "shard0", "shard1", "shard2"}, scratch.path);
  CHECK(content_hash(scratch / "together") == whole);

  slurm.ask("srun", {"-n", "3", "gradflow", "run", "study.toml", "--out", "joined", "--quiet"});
  CHECK(points_of(scratch / "joined") == 300);
  CHECK(content_hash(scratch / "joined") == whole);
}
