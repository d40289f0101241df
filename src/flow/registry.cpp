#include "flow/registry.hpp"

#include <stdexcept>

namespace gradflow {
namespace {

std::vector<ModelInfo>& registered() {
  static std::vector<ModelInfo> all;
  return all;
}

}  // namespace

const std::vector<ModelInfo>& models() {
  return registered();
}

const ModelInfo* find_model(const std::string& name) {
  for (const ModelInfo& info : registered())
    if (info.name == name) return &info;
  return nullptr;
}

void register_model(ModelInfo info) {
  if (find_model(info.name) != nullptr)
    throw std::logic_error("a model named '" + info.name + "' is registered already");
  registered().push_back(std::move(info));
}

}  // namespace gradflow
