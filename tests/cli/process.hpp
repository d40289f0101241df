#pragma once

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "io/dataset.hpp"
#include "io/netcdf_file.hpp"
#include "tests/catch.hpp"
#include "tests/sanitizer.hpp"
#include "tests/scratch.hpp"

/// The binary from outside: what it prints, its exit code, and what it leaves on disk.
namespace gradflow::testing {

namespace fs = std::filesystem;

inline std::string contents(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

/// A program started in a folder, its output going to files beside it.
class Process {
 public:
  Process(const std::string& program, const std::vector<std::string>& arguments,
          const fs::path& folder) {
    static int count = 0;
    const std::string stem =
        fs::temp_directory_path() /
        ("gradflow-cli-output-" + std::to_string(::getpid()) + "-" + std::to_string(count++));
    out_ = stem + ".out";
    err_ = stem + ".err";
    std::vector<std::string> words{program};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    const int flags = O_WRONLY | O_CREAT | O_TRUNC;
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, out_.c_str(), flags, 0600);
    posix_spawn_file_actions_addopen(&actions, 2, err_.c_str(), flags, 0600);
    posix_spawn_file_actions_addchdir_np(&actions, folder.c_str());
    const int failure =
        posix_spawnp(&id_, program.c_str(), &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    REQUIRE(failure == 0);
  }
  ~Process() {
    if (id_ > 0) {
      ::kill(id_, SIGKILL);
      wait();
    }
    std::error_code ignored;
    fs::remove(out_, ignored);
    fs::remove(err_, ignored);
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void send(int signal) const {
    if (id_ > 0) ::kill(id_, signal);
  }
  pid_t id() const { return id_; }
  /// The exit code; minus the signal's number for a killed process.
  int wait() {
    if (id_ <= 0) return code_;
    int status = 0;
    while (::waitpid(id_, &status, 0) < 0 && errno == EINTR) {
    }
    id_ = 0;
    code_ = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    return code_;
  }
  std::string out() const { return contents(out_); }
  /// Without what a sanitizer itself says of an allocation that it refuses.
  std::string err() const {
    std::string text = contents(err_);
    const std::string words = "WARNING: AddressSanitizer failed to allocate";
    for (std::size_t at; sanitized && (at = text.find(words)) != std::string::npos;) {
      const std::size_t line = text.rfind('\n', at) + 1;  // 0 in the first line
      text.erase(line, text.find('\n', at) + 1 - line);
    }
    return text;
  }

 private:
  pid_t id_ = 0;
  int code_ = 0;
  std::string out_, err_;
};

struct Finished {
  int code;
  std::string out, err;
};

inline Finished run_program(const std::string& program, const std::vector<std::string>& arguments,
                            const fs::path& folder) {
  Process process(program, arguments, folder);
  const int code = process.wait();
  return {code, process.out(), process.err()};
}

inline Finished call(const std::vector<std::string>& arguments, const fs::path& folder) {
  return run_program(GRADFLOW_BINARY, arguments, folder);
}

/// The same, of a call that must succeed.
inline Finished call_ok(const std::vector<std::string>& arguments, const fs::path& folder) {
  Finished result = call(arguments, folder);
  INFO(result.err);
  REQUIRE(result.code == 0);
  return result;
}

/// The last line of what it printed: of a run, the path of its result.
inline std::string last_line(const std::string& text) {
  const std::size_t end = text.find_last_not_of('\n');
  if (end == std::string::npos) return "";
  const std::size_t begin = text.rfind('\n', end);
  const std::size_t from = begin == std::string::npos ? 0 : begin + 1;
  return text.substr(from, end + 1 - from);
}

/// Exit code 2, and one line with this in it.
inline void check_one_line(const Finished& result, const std::string& word) {
  INFO(result.err);
  CHECK(result.code == 2);
  CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
  CHECK(result.err.find(word) != std::string::npos);
}

/// Python with Debian's packages, any warning an error but those that NumPy's builds give about
/// each other.
inline Finished python(const std::string& script, const fs::path& folder) {
  const std::string prelude =
      "import warnings\n"
      "warnings.simplefilter('error')\n"
      "warnings.filterwarnings('ignore', message='numpy.*size changed')\n"
      "warnings.filterwarnings('ignore', category=DeprecationWarning)\n";
  return run_program("/usr/bin/python3", {"-B", "-c", prelude + script}, folder);
}

/// All bytes of a variable: NaNs and signed zeros count as what they are.
inline std::string bits(const Variable& variable) {
  return std::visit(
      [](const auto& list) {
        using T = typename std::decay_t<decltype(list)>::value_type;
        std::string out;
        if constexpr (std::is_same_v<T, std::string>)
          for (const std::string& text : list) out += text + '\0';
        else
          out.assign(reinterpret_cast<const char*>(list.data()), list.size() * sizeof(T));
        return out;
      },
      variable.values);
}

/// Names of what differs between two results, but for `wall_seconds` and the text of the config.
inline std::vector<std::string> differences(const fs::path& a, const fs::path& b) {
  const Dataset x = read_netcdf(a), y = read_netcdf(b);
  std::vector<std::string> out;
  if (x.variables().size() != y.variables().size()) out.emplace_back("number of variables");
  if (!(x.dimensions() == y.dimensions())) out.emplace_back("dimensions");
  for (const Variable& variable : x.variables()) {
    const Variable* other = y.find(variable.name);
    if (other == nullptr || other->dimensions != variable.dimensions ||
        other->attributes != variable.attributes ||
        (variable.name != "wall_seconds" && bits(*other) != bits(variable)))
      out.push_back(variable.name);
  }
  return out;
}

/// A config that runs in a moment.
inline const std::string small_run = R"([model]
name = "linear_regression"
samples = 3
dimension = 4
[time]
end = 1
samples = 5
)";

}  // namespace gradflow::testing
