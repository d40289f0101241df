#!/usr/bin/env bash
# What clang-tidy finds, by the checks of .clang-tidy, in files of a tree that is built:
#
#   tools/tidy.sh                # those of src and models
#   tools/tidy.sh src/flow/*.cpp
#
# Ends with an error where there is a finding. JOBS (all cores): how many files at once.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
commands=build/compile_commands.json
[ -f "$commands" ] || { echo "build first: $commands is not there" >&2; exit 1; }
if [ $# -eq 0 ]; then
  mapfile -t files < <(find src models -name '*.cpp' | sort)
  set -- "${files[@]}"
fi
# Without the compiler's own precompiled headers, which are not clang's.
mkdir -p build/tidy
sed -E 's/ -Winvalid-pch//; s/ -include [^ ]*cmake_pch\.hxx//' "$commands" \
  > build/tidy/compile_commands.json
printf '%s\n' "$@" | xargs -P "${JOBS:-$(nproc)}" -n 1 clang-tidy -p build/tidy --quiet
