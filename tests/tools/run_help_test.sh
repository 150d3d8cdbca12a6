#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright The Millrace Authors
#
# `./run --help` on a fresh clone: the help and nothing else. And who waits for a build says for whose.
set -euo pipefail
tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
tests=0 failures=0
expect() {
  tests=$((tests + 1))
  if [ "$2" != "$3" ]; then
    failures=$((failures + 1))
    printf '%s: expected <%s>, got <%s>\n' "$1" "$2" "$3"
  fi
}

mkdir -p "$root/clone/tools" "$root/clone/examples/retail/run" "$root/bin"
cp "$tree/run" "$root/clone/"
cp "$tree/tools/lib.sh" "$tree/tools/packages.txt" "$root/clone/tools/"
cp "$tree/examples/retail/run/help.txt" "$root/clone/examples/retail/run/"
# A call that looks for packages or builds leaves a trace.
for name in dpkg-query apt-get sudo cmake ninja; do
  printf '#!/bin/sh\necho %s >>"%s/calls"\nexit 1\n' "$name" "$root" >"$root/bin/$name"
done
chmod +x "$root"/bin/*
help=$(cat "$tree/examples/retail/run/help.txt")
for arguments in --help -h '--once --help'; do
  # shellcheck disable=SC2086
  expect "./run $arguments prints the help" "$help" "$(PATH="$root/bin:$PATH" "$root/clone/run" $arguments 2>&1)"
done
expect 'nothing was installed or built' '' "$(cat "$root/calls" 2>/dev/null || true)"
expect 'nothing was made' 'examples run tools' "$(cd "$root/clone" && echo *)"

# shellcheck source=../../tools/lib.sh
. "$tree/tools/lib.sh"
mkdir -p "$root/build/dev"
printf '{}\n' >"$root/CMakePresets.json"
lock="$root/build/dev/build.lock"
# A build that waits for a line before it ends.
printf '#!/bin/sh\necho >"%s/building"\nread -r line <"%s/go_on"\n' "$root" "$root" >"$root/bin/ninja"
printf '#!/bin/sh\ntouch "%s/build/dev/build.ninja"\n' "$root" >"$root/bin/cmake"
mkfifo "$root/building" "$root/go_on"
(PATH="$root/bin:$PATH" build_preset dev 2>/dev/null) &
first=$!
read -r _ <"$root/building"
holder=$(cat "$lock")
expect 'the lock tells who has it' "of user $(id -un): $0" "${holder#pid * }"
pid=${holder#pid }
pid=${pid%% *}
expect 'and that process lives' yes "$(kill -0 "$pid" && echo yes)"
(PATH="$root/bin:$PATH" build_preset dev 2>"$root/said") &
second=$!
# The second one has opened the lock and asks who has it; only then the first one may end.
until [ -s "$root/said" ]; do kill -0 "$second"; done
expect 'who waits says for whom' "Waiting for another build of dev ($holder)" "$(cat "$root/said")"
echo >"$root/go_on"
wait "$first"
read -r _ <"$root/building"
expect 'then the lock names the other process' yes "$([ "$(cut -d ' ' -f 2 <"$lock")" != "$pid" ] && echo yes)"
echo >"$root/go_on"
wait "$second"
printf 'x\033[2Jy\n' >"$lock"
expect 'what the lock says has no control characters' ' (x[2Jy)' "$(lock_holder "$lock")"

echo "$((tests - failures)) passed, $failures failed"
[ "$failures" -eq 0 ]
