#include "study/build_info.hpp"

#include <netcdf.h>
#include <sundials/sundials_version.h>

#include <Eigen/Core>
#include <algorithm>
#include <boost/version.hpp>
#include <cctype>
#include <cstring>
#include <ctime>
#include <filesystem>

#include "gradflow_version.hpp"
#include "io/utf8.hpp"
#include "study/result_version.hpp"

namespace gradflow {
namespace {

std::string triple(int major, int minor, int patch) {
  return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(patch);
}

/// A program has one command line, and its results are made far from where that is read.
std::string& command_line() {
  static std::string line;
  return line;
}

std::string time_now() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

}  // namespace

void note_call(int argc, char** argv) {
  std::string line;
  for (int k = 0; k < argc; ++k) line += (k == 0 ? "" : " ") + shell_word(valid_utf8(argv[k]));
  command_line() = line;
}

std::vector<std::pair<std::string, std::string>> call_info() {
  std::vector<std::pair<std::string, std::string>> all{{"created", time_now()}};
  if (!command_line().empty()) all.emplace_back("command", command_line());
  return all;
}

std::string shell_word(const std::string& text) {
  const bool plain = std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || (c != 0 && std::strchr("/._-+=:,@%", c) != nullptr);
  });
  if (plain && !text.empty()) return text;
  std::string word = "'";
  for (const char c : text) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return word + "'";
}

std::vector<std::pair<std::string, std::string>> build_info() {
  char sundials[32] = "";
  SUNDIALSGetVersion(sundials, sizeof sundials);
  std::string netcdf = nc_inq_libvers();
  netcdf = netcdf.substr(0, netcdf.find(' '));
  return {{"gradflow_version", GRADFLOW_VERSION},
          {"gradflow_commit", GRADFLOW_COMMIT},
          {"result_version", std::to_string(result_version)},
          {"build_type", GRADFLOW_BUILD_TYPE},
          {"build_flags", GRADFLOW_BUILD_FLAGS},
          {"compiler", GRADFLOW_COMPILER},
          {"sundials_version", sundials},
          {"eigen_version", triple(EIGEN_WORLD_VERSION, EIGEN_MAJOR_VERSION, EIGEN_MINOR_VERSION)},
          {"boost_version",
           triple(BOOST_VERSION / 100000, BOOST_VERSION / 100 % 1000, BOOST_VERSION % 100)},
          {"netcdf_version", netcdf}};
}

std::string data_folder() {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path binary = fs::read_symlink("/proc/self/exe", error);
  const fs::path installed = binary.parent_path().parent_path() / "share" / "gradflow";
  if (!error && fs::exists(installed / "plots")) return installed.string();
  const fs::path beside = binary.parent_path().parent_path();
  if (!error && fs::exists(beside / "plots" / "style.py")) return beside.string();
  return GRADFLOW_SOURCE_DIR;
}

}  // namespace gradflow
