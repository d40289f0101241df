#!/usr/bin/env bash
# Set-up shared by ./run and ./test: installs what packages.txt lists and is missing, configures and
# builds. Prints one line for each thing it does, and nothing where there is nothing to do.
# usage: tools/setup.sh TARGET [CMAKE OPTION...]
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
target=$1
shift
log=$root/build/setup.log
if [ -x "$root/build/gradflow" ] && [ ! -w "$root/build" ]; then
  exit 0  # someone else's finished build, which can be run all the same
fi
mkdir -p "$root/build"

# Of packages.txt: what is not marked, or has this mark.
listed() { awk -v mark="${1:-}" '!/^ *(#|$)/ && $2 == mark { print $1 }' "$root/packages.txt"; }
# Of these packages: those that are not there.
missing() {
  local installed
  # shellcheck disable=SC2086
  installed=$(dpkg-query -W -f '${Status} ${binary:Package}\n' $1 2>/dev/null |
    sed -n 's/^install ok installed \([^:]*\).*/\1/p' || true)
  comm -23 <(sort <<<"$1") <(sort <<<"$installed") | tr '\n' ' '
}
install() {
  local sudo=""
  [ "$(id -u)" -eq 0 ] || sudo=sudo
  echo "installing: $1" >&2
  # shellcheck disable=SC2086
  get() { $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $1; }
  get "$1" >>"$log" 2>&1 || { $sudo apt-get update -q && get "$1"; } >>"$log" 2>&1
}
if command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; then
  needed=$(missing "$(listed)")
  if [ -n "${needed// /}" ] && ! install "$needed"; then
    tail -n 5 "$log" >&2
    echo "the packages could not be installed; the whole log is in $log" >&2
    exit 1
  fi
  if [ "${GRADFLOW_PACKAGES:-}" = all ]; then
    needed=$(missing "$(listed tests)")
    [ -z "${needed// /}" ] || install "$needed" ||
      echo "not installed: the tests that start them are skipped" >&2
  fi
elif [ ! -e "$root/build/build.ninja" ]; then
  echo "not a Debian system: make sure that what packages.txt lists is there: $(listed | tr '\n' ' ')" >&2
fi

cd "$root"
if [ ! -e build/build.ninja ] || [ $# -gt 0 ]; then
  echo "configuring (Release, build/; for the processor of this machine: where it is to run on others" \
    "too, as in a cluster, configure with -DGRADFLOW_NATIVE=OFF)" >&2
  cmake --preset release "$@" >>"$log" 2>&1 || {
    tail -n 15 "$log" >&2
    exit 1
  }
fi
# Of what ninja says its counts pass: over each other on a terminal, elsewhere one in twenty.
progress() {
  local line count total shown=0 terminal=0
  [ -t 2 ] && terminal=1
  while IFS= read -r line; do
    [[ $line =~ ^\[([0-9]+)/([0-9]+)\] ]] || continue
    count=${BASH_REMATCH[1]} total=${BASH_REMATCH[2]}
    [ "$total" -ge 5 ] || continue
    if [ $terminal -eq 1 ]; then
      printf '\rbuilding %s [%s/%s]' "$target" "$count" "$total" >&2
    elif [ $((count * 20 / total)) -gt $((shown * 20 / total)) ] || [ "$count" -eq "$total" ]; then
      echo "building $target [$count/$total]" >&2
    else
      continue
    fi
    shown=$count
  done
  [ $terminal -eq 0 ] || [ "$shown" -eq 0 ] || echo >&2
}
# A dry run tells whether there is something to do; the build keeps its output for failures.
if ! ninja -C build -n "$target" 2>/dev/null | grep -q 'no work to do'; then
  ninja -C build "$target" 2>&1 | tee "$log.build" | progress || {
    grep -E 'error|FAILED' -A3 "$log.build" | head -n 40 >&2
    echo "the build failed; the whole log is in $log.build" >&2
    exit 1
  }
fi
