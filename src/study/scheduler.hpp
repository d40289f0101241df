#pragma once

#include <cstddef>
#include <functional>
#include <vector>

namespace gradflow {

/// Computes items on several threads, the calling one among them, and keeps what they come to.
///
/// `compute(item)` returns what puts its result where it belongs, which may wait for a disk: that
/// runs behind, on a thread of its own, while the next items are computed (disks make several files
/// safe at a time; each job has up to eight on their way). No item is begun once `interrupted`
/// says so or something has thrown; all that was begun is finished. Where no thread is to be had,
/// those that there are do the work. \throws the first exception, once all threads have come to
/// rest
void schedule(const std::vector<std::size_t>& items, int jobs,
              const std::function<bool()>& interrupted,
              const std::function<std::function<void()>(std::size_t item)>& compute);

}  // namespace gradflow
