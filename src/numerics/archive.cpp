#include "numerics/archive.hpp"

namespace gradflow {

template <class T>
void Archive::exchange(const std::string& name, std::vector<T>& values, std::size_t expected) {
  const std::string whole = prefix_ + name;
  if (!reading_) {
    if (!values.empty()) entries_.emplace(whole, values);
    return;
  }
  const auto entry = entries_.find(whole);
  auto* found = entry != entries_.end() ? std::get_if<std::vector<T>>(&entry->second) : nullptr;
  values = found != nullptr ? std::move(*found) : std::vector<T>();
  if (expected != any && values.size() != expected)
    throw ArchiveError("\"" + whole + "\" is not there as it is written now");
}

template void Archive::exchange(const std::string&, std::vector<double>&, std::size_t);
template void Archive::exchange(const std::string&, std::vector<std::int64_t>&, std::size_t);

void Archive::operator()(const std::string& name, double& value) {
  std::vector<double> one{value};
  exchange(name, one, 1);
  value = one.front();
}

void Archive::operator()(const std::string& name, std::string& value) {
  std::vector<std::string> one{value};
  exchange(name, one, 1);
  value = one.front();
}

void Archive::operator()(const std::string& name, std::vector<double>& values) {
  exchange(name, values);
}

void Archive::operator()(const std::string& name, std::vector<std::int64_t>& values) {
  exchange(name, values);
}

void Archive::operator()(const std::string& name, Vector& values) {
  std::vector<double> list(values.begin(), values.end());
  exchange(name, list, values.size() > 0 ? list.size() : any);
  if (reading_) values = Eigen::Map<const Vector>(list.data(), static_cast<Index>(list.size()));
}

void Archive::operator()(const std::string& name, Matrix& values) {
  std::vector<std::int64_t> shape{values.rows(), values.cols()};
  exchange(name + ".shape", shape, 2);
  std::vector<double> list(values.data(), values.data() + values.size());
  exchange(name, list, static_cast<std::size_t>(shape[0] * shape[1]));
  if (reading_) values = Eigen::Map<const Matrix>(list.data(), shape[0], shape[1]);
}

void Archive::operator()(const std::string& name, std::optional<double>& value) {
  std::vector<double> list;
  if (value) list.push_back(*value);
  exchange(name, list);
  if (reading_) value = list.empty() ? std::nullopt : std::optional<double>(list.front());
}

}  // namespace gradflow
