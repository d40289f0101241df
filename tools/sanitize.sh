#!/usr/bin/env bash
# Builds with sanitizers and runs the tests; what they find ends a test (docs/testing.md).
# usage: tools/sanitize.sh [address|threads] [CTEST OPTION...]
#   address: address and undefined behaviour, the whole suite in build-sanitize/
#   threads: data races, the tests of what has threads in build-sanitize-threads/
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
kind=${1:-address}
shift || true
case $kind in
  address) preset=sanitize ;;
  threads) preset=sanitize-threads ;;
  *) echo "usage: tools/sanitize.sh [address|threads] [CTEST OPTION...]" >&2; exit 2 ;;
esac
cmake --preset "$preset" >/dev/null
cmake --build --preset "$preset"
# No leaks: what the libraries below allocate once they leave to the end of the process. An allocation
# that is too large fails, as it does without sanitizers.
ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=0:allocator_may_return_null=1} ctest --preset "$preset" -j "$(nproc)" "$@"
