#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright The Millrace Authors
#
# What tools/lib.sh does about packages, over a pretended dpkg-query, apt-get, sudo and id, and about failures of ctest.
set -euo pipefail
tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root/tools" "$root/bin"
printf 'alpha  build  compiles\nbeta  build  links\ngamma  test  tests\n' >"$root/tools/packages.txt"

# Installed is what the file `installed` names; installing adds to it; the first install can be made to need an update.
cat >"$root/bin/dpkg-query" <<'FAKE'
#!/usr/bin/env bash
for name in "$@"; do grep -qx "$name" "$root/installed" && echo "installed $name"; done
exit 1
FAKE
cat >"$root/bin/apt-get" <<'FAKE'
#!/usr/bin/env bash
echo "$*" >>"$root/calls"
case " $* " in
  *" update "*) rm -f "$root/stale" ;;
  *" install "*) [ ! -e "$root/stale" ] && printf '%s\n' "$@" | grep -E '^(alpha|beta|gamma)$' >>"$root/installed" ;;
esac
FAKE
cat >"$root/bin/sudo" <<'FAKE'
#!/usr/bin/env bash
echo sudo >>"$root/calls"
exec "$@"
FAKE
printf '#!/bin/sh\ncat "$root/uid"\n' >"$root/bin/id"
chmod +x "$root"/bin/*
export root PATH="$root/bin:$PATH"
# shellcheck source=../../tools/lib.sh
. "$tree/tools/lib.sh"

tests=0 failures=0
expect() {
  tests=$((tests + 1))
  if [ "$2" != "$3" ]; then
    failures=$((failures + 1))
    printf '%s: expected <%s>, got <%s>\n' "$1" "$2" "$3"
  fi
}
reset() {
  printf '%s\n' "$1" >"$root/installed"
  echo "$2" >"$root/uid"
  rm -f "$root/calls" "$root/stale"
}
calls() { cat "$root/calls" 2>/dev/null || true; }
apt='-y -q -o DPkg::Lock::Timeout=300'

reset alpha 0
expect 'what is missing is named by group' 'beta' "$(missing_packages build)"
expect 'groups add up' 'beta gamma' "$(missing_packages build test | tr '\n' ' ' | sed 's/ $//')"

said=$(ensure_packages build 2>&1)
expect 'only what is missing is installed' "$apt install --no-install-recommends beta" "$(calls)"
expect 'the reason is printed' 1 "$(grep -c 'beta .*links' <<<"$said")"
ensure_packages build
expect 'the second call does nothing' "$apt install --no-install-recommends beta" "$(calls)"

reset alpha 1000
ensure_packages build 2>/dev/null
expect 'who is not root goes through sudo' sudo "$(calls | head -n 1)"

reset alpha 0
touch "$root/stale"
ensure_packages build 2>/dev/null
expect 'stale lists are updated once' 1 "$(calls | grep -c update)"
expect 'and then it is installed' '' "$(missing_packages build)"

printf 'old|new  build  differs\nsame  build  does not\n' >"$root/tools/packages.txt"
expect 'on Debian 12 the first name counts' 'old same' "$(MILLRACE_DEBIAN=12 missing_packages build | xargs)"
expect 'on Debian 13 the second' 'new same' "$(MILLRACE_DEBIAN=13 missing_packages build | xargs)"
expect 'a name is given with its reason' 'new build differs' "$(MILLRACE_DEBIAN=13 listed_packages | head -n 1)"

outcome=0
"$tree/tools/chroot_test" 11 >/dev/null 2>&1 || outcome=$?
expect 'a root of another Debian is refused' 2 "$outcome"
echo 1000 >"$root/uid"
outcome=0
said=$("$tree/tools/chroot_test" 13 2>&1) || outcome=$?
expect 'without root no root is made' 77 "$outcome"
expect 'and the reason is given' 1 "$(grep -c 'left out: making a root needs root' <<<"$said")"

mkdir -p "$root/modules/base"
touch "$root/modules/base/CMakeLists.txt"
expect 'only directories that exist are built' 'modules/base/all' "$(present_targets modules/base modules/log)"

cat >"$root/ctest.log" <<'LOG'
1/3 Test #1: first ...   Passed  0.10 sec
2/3 Test #2: second.case ......***Failed  0.20 sec
[ RUN      ] Second.case
/src/second.cpp:12: Failure
Value of: done
[  FAILED  ] Second.case (3 ms)
[  FAILED  ] 1 test, listed below:
3/3 Test #3: third ...   Passed  0.10 sec
/src/third.cpp:12: Failure
LOG
expect 'what failed is printed again, and nothing else' \
  'second.case|  /src/second.cpp:12: Failure|  Value of: done|  [  FAILED  ] Second.case (3 ms)' \
  "$(print_failures "$root/ctest.log" | grep . | paste -sd'|')"

mkdir -p "$root/build/asan"
printf '#!/bin/sh\ncat "$root/failing.log"\nexit 8\n' >"$root/bin/ctest"
chmod +x "$root/bin/ctest"
cp "$root/ctest.log" "$root/failing.log"
echo '67% tests passed, 1 tests failed out of 3' >>"$root/failing.log"
MILLRACE_RESULTS="$root/results" MILLRACE_FAILURES="$root/failures" run_ctest asan >/dev/null && status=0 || status=$?
expect 'a failed ctest fails' 8 "$status"
expect 'what failed is kept for the end of the stages' \
  'second.case|  /src/second.cpp:12: Failure|  Value of: done|  [  FAILED  ] Second.case (3 ms)' \
  "$(grep . "$root/failures" | paste -sd'|')"
expect 'and counted' '2 1' "$(cat "$root/results")"

echo "$((tests - failures)) passed, $failures failed"
[ "$failures" -eq 0 ]
