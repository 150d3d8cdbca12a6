#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright The Millrace Authors
#
# The stages that CI runs, one by one or together. A stage whose subject is not in the tree yet is left out.
set -uo pipefail
root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)
# shellcheck source=tools/lib.sh
. "$root/tools/lib.sh"

usage() {
  cat <<'USAGE'
Usage: tools/check.sh [--full] [STAGE...]
Stages:
  test      ./test: tidy, the dev build with every header alone, all tests
  package   an outside project uses the installed package, and the tree by add_subdirectory
  asan      address and undefined-behaviour sanitizers: unit and contract tests
  tsan      thread sanitizer: base, net, log, stream
  locks     clang checks which mutex guards what (tools/thread_safety)
  retail    the release build of the retail example: on a part of the data twice, on all of it once
  fuzz      every fuzz target, 30 s each
  bench     bench/run of every suite, the quick form (for its results, not its times)
  chroot    tools/chroot_test of Debian 12 and 13: the README's commands in a clean root
  ci        what CI runs after ./test: package asan tsan locks retail fuzz
Without a stage: test ci. --full: the long forms (all tests under asan, 300 s of fuzzing, bench, chroot).
USAGE
}

stage_test() { "$root/test"; }

stage_package() {
  [ -f "$root/tests/package/CMakeLists.txt" ] && [ -f "$root/modules/base/CMakeLists.txt" ] || return 77
  ensure_packages build test && build_preset dev || return 1
  "$root/tests/package/run.sh" "$root/build/dev" "$root/build/package"
}

# Address space randomisation with many bits is more than GCC 12's thread sanitizer can map.
unrandomised() {
  if setarch -R true 2>/dev/null; then setarch -R "$@"; else "$@"; fi
}

stage_asan() {
  local targets labels
  mapfile -t targets < <(cd "$root" && present_targets modules/* tests/contracts tests/fixtures tests/formats)
  [ "${#targets[@]}" -gt 0 ] || return 77
  labels="^($(cd "$root/modules" && printf '%s|' *)contract|formats)\$"
  ensure_packages build test || return 1
  if [ "$full" = yes ]; then
    build_preset asan && run_ctest asan
  else
    build_preset asan "${targets[@]}" && run_ctest asan -L "$labels" -LE "slow|kafka"
  fi
}

stage_tsan() {
  local targets
  mapfile -t targets < <(cd "$root" && present_targets modules/base modules/net modules/net_tls modules/log modules/log_embedded modules/log_kafka modules/stream)
  [ "${#targets[@]}" -gt 0 ] || return 77
  ensure_packages build test && build_preset tsan "${targets[@]}" || return 1
  # Their members run in one thread, for minutes under this sanitizer: it has nothing to find there.
  export simulated='^log_embedded\.(SettlingFaults|CleaningFaults|CleaningMeanwhile|Seeds/LogSimulationSeeds)\.'
  export -f run_ctest print_failures
  unrandomised env root="$root" bash -o pipefail -c 'run_ctest tsan -L "^(base|net|net_tls|log|log_embedded|log_kafka|stream)\$" -LE "slow|kafka" -E "$simulated"'
}

stage_locks() {
  ensure_packages build fuzz && "$root/tools/thread_safety" && python3 -B "$root/tests/tools/thread_safety_test.py"
}

# One run of the retail example in a directory of its own, and the audit of its log.
retail_run() {
  local name=$1 data="$root/build/retail/$1"
  shift
  rm -rf "$data"
  say "./run --once $* (in build/retail/$name)"
  "$root/run" --once --data "$data" --port 0 --summary "$data.json" "$@" >"$data.out" 2>&1 ||
    { tail -n 40 "$data.out" && say "The retail example failed; its output is $data.out" && return 1; }
  "$root/build/release/bin/retail-audit" "$data" || return 1
  rm -rf "$data"
}

stage_retail() {
  grep -qs 'retail-run' "$root"/examples/retail/CMakeLists.txt || return 77
  mkdir -p "$root/build/retail"
  retail_run part-ample --stock ample --limit 2500 &&
    retail_run part-scarce --stock scarce --limit 2500 --chaos 0.5 &&
    retail_run whole --stock scarce
}

# fuzz_one SECONDS TARGET: prints what the target said only when it failed.
fuzz_one() {
  local corpus="$root/build/fuzz/corpus/${2##*/}"
  mkdir -p "$corpus"
  printf '%s: %s s\n' "${2##*/}" "$1"
  "$2" -max_total_time="$1" -timeout=100 -rss_limit_mb=1024 -print_final_stats=1 \
    -artifact_prefix="$corpus." "$corpus" >"$corpus.log" 2>&1 ||
    { printf '%s failed:\n' "${2##*/}" && tail -n 40 "$corpus.log" && return 1; }
}

# Each target has one thread: two run at a time.
stage_fuzz() {
  grep -rqs --include=CMakeLists.txt '^ *millrace_fuzz_target(' "$root/modules" "$root/tests" || return 77
  local seconds=30
  [ "$full" = yes ] && seconds=300
  ensure_packages build fuzz && build_preset fuzz fuzz_targets || return 1
  export -f fuzz_one
  printf '%s\0' "$root"/build/fuzz/bin/fuzz/* | root="$root" xargs -0 -n 1 -P 2 bash -c 'fuzz_one "$0" "$1"' "$seconds"
}

# A newcomer's clone on each Debian that is supported. Where no such root can be made, the stage is left out.
stage_chroot() {
  local release
  for release in 12 13; do
    "$root/tools/chroot_test" "$release" || return
  done
}

stage_bench() {
  [ -x "$root/bench/run" ] || return 77
  local suite
  for suite in $("$root/bench/run" --list 2>/dev/null || echo log stream); do
    "$root/bench/run" "$suite" --quick --json "$root/build/bench-$suite.json" || return 1
  done
}

full=no
stages=()
for argument in "$@"; do
  case $argument in
    -h | --help) usage && exit 0 ;;
    --full) full=yes ;;
    ci) stages+=(package asan tsan locks retail fuzz) ;;
    test | package | asan | tsan | locks | retail | fuzz | bench | chroot) stages+=("$argument") ;;
    *) usage >&2 && exit 2 ;;
  esac
done
[ "${#stages[@]}" -gt 0 ] || stages=(test package asan tsan locks retail fuzz)
[ "$full" = no ] || [[ " ${stages[*]} " == *" bench "* ]] || stages+=(bench)
[ "$full" = no ] || [[ " ${stages[*]} " == *" chroot "* ]] || stages+=(chroot)
export MILLRACE_FULL=$full
mkdir -p "$root/build"
if [ -z "${MILLRACE_RESULTS:-}" ]; then
  MILLRACE_RESULTS=$(mktemp "$root/build/results.XXXXXX")
  trap 'rm -f "$MILLRACE_RESULTS" "$MILLRACE_FAILURES"' EXIT
else
  trap 'rm -f "$MILLRACE_FAILURES"' EXIT
fi
MILLRACE_FAILURES=$(mktemp "$root/build/failures.XXXXXX")
export MILLRACE_RESULTS MILLRACE_FAILURES

report=() failed=no
for stage in "${stages[@]}"; do
  say "--- $stage"
  began=$SECONDS
  before=$(wc -l <"$MILLRACE_RESULTS")
  (set -e; "stage_$stage")
  case $? in
    0) outcome=passed ;;
    77) outcome='left out: its subject is not in this tree, or this machine cannot run it' ;;
    *) outcome=FAILED failed=yes ;;
  esac
  # A stage that ran no ctest counts as one test; so does one that broke down before its tests could fail.
  if [[ $outcome == left* ]]; then
    :
  elif [ "$outcome" = FAILED ] && ! tail -n +"$((before + 1))" "$MILLRACE_RESULTS" | grep -qE ' [1-9]'; then
    echo "0 1" >>"$MILLRACE_RESULTS"
  elif [ "$(wc -l <"$MILLRACE_RESULTS")" -eq "$before" ]; then
    echo "1 0" >>"$MILLRACE_RESULTS"
  fi
  report+=("$(printf '%-8s %5d s  %s' "$stage" $((SECONDS - began)) "$outcome")")
done

# The stages that follow a failed one print far more than is read: its failures once more, where they are seen.
head -n 60 "$MILLRACE_FAILURES"
printf '\n'
printf '%s\n' "${report[@]}"
awk '{ passed += $1; failed += $2 } END { printf "%d passed, %d failed\n", passed, failed }' "$MILLRACE_RESULTS"
[ "$failed" = no ]
