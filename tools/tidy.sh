#!/usr/bin/env bash
# What clang-tidy finds, by the checks of .clang-tidy:
#
#   tools/tidy.sh                # in src and models
#   tools/tidy.sh src/flow/*.cpp
#
# Ends with an error where there is a finding. JOBS (all cores): how many files at once.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
if [ $# -eq 0 ]; then
  mapfile -t files < <(find src models -name '*.cpp' | sort)
  set -- "${files[@]}"
fi
# Each file by itself, and without the compiler's own precompiled headers, which are not clang's.
tidy=build/tidy
cmake -S . -B "$tidy" -G Ninja -DGRADFLOW_UNITY=OFF -DGRADFLOW_TESTS=OFF -DGRADFLOW_BENCH=OFF \
  -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON > /dev/null
cmake --build "$tidy" --target gradflow_version > /dev/null
printf '%s\n' "$@" | xargs -P "${JOBS:-$(nproc)}" -n 1 clang-tidy -p "$tidy" --quiet
