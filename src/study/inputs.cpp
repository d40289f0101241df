#include "study/inputs.hpp"

#include "io/atomic_file.hpp"
#include "io/checksum.hpp"
#include "io/data_conversion.hpp"
#include "io/data_file.hpp"
#include "io/netcdf_file.hpp"
#include "io/packed_file.hpp"
#include "solve/outcome.hpp"
#include "study/overrides.hpp"
#include "study/store.hpp"

namespace gradflow {
namespace {

/// The state that a single run has come to. \throws FileError, which names `path`
Vector final_state(const Dataset& result, const std::filesystem::path& path) {
  const Variable* state = result.find("final_state");
  const Variable* status = result.find("status");
  const auto* values =
      state != nullptr ? std::get_if<std::vector<double>>(&state->values) : nullptr;
  const auto* codes =
      status != nullptr ? std::get_if<std::vector<std::int32_t>>(&status->values) : nullptr;
  if (values == nullptr || state->dimensions.size() != 1 || codes == nullptr || codes->size() != 1)
    throw FileError(path, "holds no single finished run to start from");
  // One that was cut short has come to a state like any other.
  const auto code = static_cast<Status>(codes->front());
  if (code != Status::ok && code != Status::interrupted && code != Status::wall_budget)
    throw FileError(path, "holds a run that failed");
  return Eigen::Map<const Vector>(values->data(), static_cast<Index>(values->size()));
}

/// The state that the run in a folder has come to: at its end or, where it was killed, when its
/// state was kept last.
Vector state_in(const std::filesystem::path& folder) {
  const std::filesystem::path result = folder / "result.nc";
  if (std::filesystem::exists(result)) return final_state(read_netcdf(result), folder);
  const std::filesystem::path kept = part_file(folder, 0, "run");
  if (!std::filesystem::exists(kept)) throw FileError(folder, "is a folder without result.nc");
  const auto& state = read_packed(kept).values<double>("final_state");
  return Eigen::Map<const Vector>(state.data(), static_cast<Index>(state.size()));
}

Matrix read_numbers(const std::filesystem::path& path) {
  if (std::filesystem::is_directory(path)) return state_in(path);
  if (path.extension() == ".nc") return final_state(read_netcdf(path), path);
  return read_data_file(path);
}

}  // namespace

std::filesystem::path Inputs::locate(std::filesystem::path file,
                                     const SourcePosition& position) const {
  if (file.is_relative() && !from_option(position)) file = folder_ / file;
  return std::filesystem::absolute(file).lexically_normal();
}

const Matrix& Inputs::numbers(const std::filesystem::path& path) const {
  const std::lock_guard lock(files_->mutex);
  const auto found = files_->read.find(path.string());
  if (found != files_->read.end()) return found->second;
  return files_->read.emplace(path.string(), read_numbers(path)).first->second;
}

std::vector<std::string> Inputs::notes() const {
  const std::lock_guard lock(files_->mutex);
  std::vector<std::string> lines;
  for (const auto& [path, numbers] : files_->read)
    if (const std::string type = converted_type(path); !type.empty())
      lines.push_back(path + ": its " + type + " entries are taken as float64");
  return lines;
}

std::string Inputs::content_hash(const std::filesystem::path& path) const {
  const Matrix& matrix = numbers(path);
  const std::lock_guard lock(files_->mutex);
  std::string& hash = files_->hashes[path.string()];
  if (hash.empty()) {
    Checksum checksum;
    checksum.add(std::to_string(matrix.rows()) + " x " + std::to_string(matrix.cols()) + "\n");
    checksum.add({reinterpret_cast<const char*>(matrix.data()),
                  static_cast<std::size_t>(matrix.size()) * sizeof(double)});
    hash = hexadecimal(checksum.digest());
  }
  return hash;
}

}  // namespace gradflow
