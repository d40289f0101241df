#!/usr/bin/env bash
# Set-up shared by ./run and ./test: installs what packages.txt lists and is missing, configures and
# builds. Prints one line for each thing it does, and nothing where there is nothing to do.
# usage: tools/setup.sh TARGET [CMAKE OPTION...]
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
target=$1
shift
log=$root/build/setup.log
mkdir -p "$root/build"

packages=$(grep -vE '^\s*(#|$)' "$root/packages.txt")
if command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; then
  # shellcheck disable=SC2086
  installed=$(dpkg-query -W -f '${Status} ${binary:Package}\n' $packages 2>/dev/null |
    sed -n 's/^install ok installed \([^:]*\).*/\1/p' || true)
  missing=$(comm -23 <(sort <<<"$packages") <(sort <<<"$installed") | tr '\n' ' ')
  if [ -n "${missing// /}" ]; then
    echo "installing: $missing" >&2
    sudo=""
    [ "$(id -u)" -eq 0 ] || sudo=sudo
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086
    install() { $sudo apt-get install -y -q --no-install-recommends $missing >>"$log" 2>&1; }
    if ! install; then
      { $sudo apt-get update -q >>"$log" 2>&1 && install; } || {
        tail -n 5 "$log" >&2
        echo "the packages could not be installed; the whole log is in $log" >&2
        exit 1
      }
    fi
  fi
elif [ ! -e "$root/build/build.ninja" ]; then
  echo "not a Debian system: make sure that what packages.txt lists is there: ${packages//$'\n'/ }" >&2
fi

cd "$root"
if [ ! -e build/build.ninja ] || [ $# -gt 0 ]; then
  echo "configuring (Release, build/)" >&2
  cmake --preset release "$@" >>"$log" 2>&1 || {
    tail -n 15 "$log" >&2
    exit 1
  }
fi
# A dry run tells whether there is something to say; the build itself keeps its output for failures.
if ! ninja -C build -n "$target" 2>/dev/null | grep -q 'no work to do'; then
  # Just after configuring, a dry run sees nothing but the check of the globbed folders.
  if [ ! -e build/gradflow ] || ninja -C build -n "$target" 2>/dev/null | grep -q 'Building'; then
    echo "building $target (the first time takes some minutes)" >&2
  fi
  ninja -C build "$target" >"$log.build" 2>&1 || {
    grep -E 'error|FAILED' -A3 "$log.build" | head -n 40 >&2
    echo "the build failed; the whole log is in $log.build" >&2
    exit 1
  }
fi
