# SPDX-License-Identifier: Apache-2.0
# Copyright The Millrace Authors
#
# What ./run, ./test and tools/check.sh share: packages, builds, test runs. To be sourced; needs `root` set to the tree.
# shellcheck shell=bash

say() { printf '%s\n' "$*" >&2; }
die() {
  say "$*"
  exit 1
}

# The lines of tools/packages.txt with the names of this Debian: the second name of `a|b` from Debian 13 on.
listed_packages() {
  local release
  release=$(. /etc/os-release 2>/dev/null && echo "${VERSION_ID:-}")
  awk -v release="${MILLRACE_DEBIAN:-${release:-12}}" '!/^#/ && NF {
    if (split($1, names, "|") == 2) $1 = names[release + 0 >= 13 ? 2 : 1]
    print }' "$root/tools/packages.txt"
}

# Names the packages of the given groups that tools/packages.txt lists and that are not installed.
missing_packages() {
  local wanted
  wanted=$(listed_packages | awk -v groups=" $* " 'index(groups, " " $2 " ") { print $1 }')
  # dpkg-query fails when it has never heard of one of them; that one is missing.
  # shellcheck disable=SC2086
  { dpkg-query -W -f '${db:Status-Status} ${Package}\n' $wanted 2>/dev/null || true; } |
    awk '$1 == "installed" { print $2 }' | sort -u |
    comm -23 <(printf '%s\n' $wanted | sort -u) -
}

# Installs what is missing for the given groups, and says so. A second call finds nothing to do.
ensure_packages() {
  if ! command -v dpkg-query >/dev/null; then
    say "This is no Debian: expecting what tools/packages.txt names to be here already."
    return 0
  fi
  local missing
  missing=$(missing_packages "$@")
  [ -n "$missing" ] || return 0
  say "Installing Debian packages that the build needs and this machine lacks:"
  local package
  for package in $missing; do
    say "  $(awk -v p="$package" '$1 == p { name = $1; $1 = $2 = ""; printf "%-20s%s", name, $0 }' <<<"$(listed_packages)")"
  done
  local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -y -q -o DPkg::Lock::Timeout=300)
  if [ "$(id -u)" -ne 0 ]; then
    # shellcheck disable=SC2086
    command -v sudo >/dev/null ||
      die "This needs root, and there is no sudo here. As root: apt-get install $(echo $missing)"
    say "(with sudo, because installing packages needs root)"
    apt=(sudo "${apt[@]}")
  fi
  local log="$root/build/packages.log"
  mkdir -p "$root/build"
  # The lists are fetched only when the packages cannot be had from those that are here.
  # shellcheck disable=SC2086
  "${apt[@]}" install --no-install-recommends $missing >"$log" 2>&1 ||
    { "${apt[@]}" update >>"$log" 2>&1 && "${apt[@]}" install --no-install-recommends $missing >>"$log" 2>&1; } ||
    { tail -n 20 "$log" >&2 && die "The packages could not be installed; the log is $log"; }
}

# Copies ninja's output to the log and shows where it is: one line that moves on a terminal, few lines elsewhere.
show_progress() {
  local preset=$1 log=$2 line shown=-1 percent
  while IFS= read -r line; do
    printf '%s\n' "$line" >>"$log"
    if [[ $line =~ ^\[([1-9][0-9]*)/([0-9]+)\] ]]; then
      percent=$((BASH_REMATCH[1] * 100 / BASH_REMATCH[2]))
      if [ -t 2 ]; then
        printf '\rBuilding %s: %3d%% (%s of %s) ' "$preset" "$percent" "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}" >&2
        shown=$percent
      elif [ $((percent / 25)) -gt $((shown / 25)) ] || [ "$shown" -lt 0 ]; then
        say "Building $preset: $percent% (${BASH_REMATCH[1]} of ${BASH_REMATCH[2]})"
        shown=$percent
      fi
    fi
  done
  if [ -t 2 ] && [ "$shown" -ge 0 ]; then printf '\n' >&2; fi
}

# Who holds the lock of a build, as the holder wrote it: " (pid 12 of user ann: ./test)"; nothing before it has.
lock_holder() {
  local holder
  # What is printed comes from a file: no control characters.
  holder=$(head -n 1 "$1" 2>/dev/null | head -c 300 | LC_ALL=C tr -cd ' -~')
  if [ -n "$holder" ]; then printf ' (%s)' "$holder"; fi
}

# build_preset PRESET [-DNAME=VALUE...] [TARGET...]: configures when needed and builds the targets, one caller at a time.
build_preset() (
  preset=$1
  shift
  definitions=() targets=()
  for argument in "$@"; do
    case $argument in
      -D*) definitions+=("$argument") ;;
      *) targets+=("$argument") ;;
    esac
  done
  directory="$root/build/$preset"
  log="$directory/build.log"
  mkdir -p "$directory"
  # Not emptied by opening: the file tells who holds the lock.
  exec 9>>"$directory/build.lock"
  flock -n 9 || { say "Waiting for another build of $preset$(lock_holder "$directory/build.lock")" && flock 9; }
  printf 'pid %s of user %s: %s\n' "$BASHPID" "$(id -un)" "$0" >"$directory/build.lock"
  : >"$log"
  cd "$root"
  key="$(cksum <CMakePresets.json) ${definitions[*]-}"
  if [ ! -f "$directory/build.ninja" ] || [ "$(cat "$directory/configured" 2>/dev/null)" != "$key" ]; then
    rm -f "$directory/configured"
    cmake --preset "$preset" "${definitions[@]}" >>"$log" 2>&1 9>&- ||
      { tail -n 40 "$log" >&2 && die "Configuring $preset failed; the log is $log"; }
    printf '%s\n' "$key" >"$directory/configured"
  fi
  if ! ninja -C "$directory" "${targets[@]}" 2>&1 9>&- | show_progress "$preset" "$log"; then
    grep -nE -A 8 'error:|Error|FAILED:' "$log" | head -n 60 >&2 || true
    die "Building $preset failed; the log is $log"
  fi
)

# The targets that build whole directories of a preset, of those that exist: `present_targets modules/base apps/*`.
present_targets() {
  local directory
  for directory in "$@"; do
    if [ -f "$root/$directory/CMakeLists.txt" ]; then printf '%s/all\n' "$directory"; fi
  done
}

# print_failures LOG: of each test that failed in ctest's output its assertions, 12 lines at most. A long run prints them
# once more at its end, where they are seen.
print_failures() {
  awk '
    /^ *[0-9]+\/[0-9]+ Test +#[0-9]+:/ { left = 0 }
    /Test +#[0-9]+:.*\*\*\*(Failed|Timeout|Exception)/ {
      sub(/^.*Test +#[0-9]+: /, ""); sub(/ \.\.\..*/, ""); print "\n" $0
      left = 12; detail = 0; next
    }
    left <= 0 { next }
    /: Failure$/ { detail = 6 }
    detail > 0 || /^\[  FAILED  \] [^0-9]/ || /ERROR: |WARNING: ThreadSanitizer|runtime error:/ { print "  " $0; --left; --detail }
    /^\[  FAILED  \]/ { detail = 0 }
  ' "$1"
}

# run_ctest PRESET ARGUMENT...: ctest, its numbers added to the file $MILLRACE_RESULTS (lines "passed failed"), and what
# failed to the file $MILLRACE_FAILURES, if there is one.
run_ctest() {
  local preset=$1 log status=0
  shift
  log="$root/build/$preset/ctest.log"
  (cd "$root/build/$preset" && env -u MILLRACE_RESULTS -u MILLRACE_FAILURES -u MILLRACE_FULL ctest --output-on-failure -j2 "$@") 2>&1 | tee "$log" || status=$?
  [ "$status" -eq 0 ] || print_failures "$log" | tee -a "${MILLRACE_FAILURES:-/dev/null}"
  if [ -n "${MILLRACE_RESULTS:-}" ]; then
    awk '/tests? passed, .* tests? failed out of/ {
      for (i = 1; i <= NF; i++) if ($i == "failed") failed = $(i - 2)
      print $NF - failed, failed }' "$log" >>"$MILLRACE_RESULTS"
  fi
  return "$status"
}
