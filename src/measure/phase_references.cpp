#include "measure/phase_references.hpp"

#include <algorithm>

namespace gradflow {
namespace {

constexpr double most_bytes = 256 << 20;

double bytes_of(const PhaseReference& reference) {
  return static_cast<double>(sizeof(double)) *
         static_cast<double>(reference.limit.size() + reference.fast_states.size() +
                             reference.slow_states.size());
}

}  // namespace

std::shared_ptr<const PhaseReference> PhaseReferences::get(
    const std::string& key, const std::function<PhaseReference()>& make) {
  if (key.empty()) return std::make_shared<const PhaseReference>(make());
  const std::shared_ptr<Entry> shared = entry(key);
  const std::lock_guard lock(shared->mutex);
  if (shared->failure) throw SolverError(*shared->failure);
  if (shared->reference != nullptr) return shared->reference;
  try {
    shared->reference = std::make_shared<const PhaseReference>(make());
  } catch (const SolverError& error) {
    // A run that was interrupted, or used up its own time, says nothing about the others.
    if (error.status() != Status::interrupted && error.status() != Status::wall_budget)
      shared->failure = error;
    throw;
  }
  made(*shared, bytes_of(*shared->reference));
  return shared->reference;
}

std::shared_ptr<PhaseReferences::Entry> PhaseReferences::entry(const std::string& key) {
  const std::lock_guard lock(mutex_);
  for (const std::shared_ptr<Entry>& known : entries_)
    if (known->key == key) return known;
  entries_.push_back(std::make_shared<Entry>());
  entries_.back()->key = key;
  return entries_.back();
}

void PhaseReferences::made(Entry& entry, double bytes) {
  const std::lock_guard lock(mutex_);
  const auto same = [&](const std::shared_ptr<Entry>& other) { return other.get() == &entry; };
  if (std::none_of(entries_.begin(), entries_.end(), same)) return;  // others took its place
  entry.bytes = bytes;
  bytes_ += bytes;
  // Who still holds a reference keeps it; the last one stays in any case.
  while (bytes_ > most_bytes && entries_.front().get() != &entry) {
    bytes_ -= entries_.front()->bytes;
    entries_.pop_front();
  }
}

}  // namespace gradflow
