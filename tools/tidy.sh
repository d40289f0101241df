#!/usr/bin/env bash
# What clang-tidy finds, by the checks of .clang-tidy, in files of a tree that is built:
#
#   tools/tidy.sh                # those of the floors below the study, and models
#   tools/tidy.sh src/flow/*.cpp
#
# Ends with an error where there is a finding. JOBS (all cores): how many files at once.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
commands=build/compile_commands.json
[ -f "$commands" ] || { echo "build first: $commands is not there" >&2; exit 1; }
if [ $# -eq 0 ]; then
  # But for those that read TOML, which clang 14 does not compile with GCC 12's library.
  mapfile -t files < <(find src/numerics src/flow src/solve src/continuation src/measure models -name '*.cpp' |
    xargs grep -L toml_document | sort)
  set -- "${files[@]}"
fi
# Without the compiler's own precompiled headers, which are not clang's.
mkdir -p build/tidy
sed -E 's/ -Winvalid-pch//; s/ -include [^ ]*cmake_pch\.hxx//' "$commands" \
  > build/tidy/compile_commands.json
printf '%s\n' "$@" | xargs -P "${JOBS:-$(nproc)}" -n 1 clang-tidy -p build/tidy --quiet
