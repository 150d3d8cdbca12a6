#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright The Millrace Authors
#
# run.sh BUILD WORK: installs the finished build directory BUILD below WORK and builds the outside project against it,
# then builds the outside project with the tree as a subdirectory.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=$1 work=$2
# The compiler that BUILD was made with.
compiler=$(sed -n 's/^set(CMAKE_CXX_COMPILER "\(.*\)")$/\1/p' "$build"/CMakeFiles/*/CMakeCXXCompiler.cmake)
rm -rf "$work"
mkdir -p "$work"

# try NAME ARGUMENT...: configures, builds and runs the outside project.
try() {
  local name=$1
  shift
  {
    cmake -S "$here" -B "$work/$name" -G Ninja "-DCMAKE_CXX_COMPILER=$compiler" "$@" && ninja -C "$work/$name"
  } >"$work/$name.log" 2>&1 || { tail -n 40 "$work/$name.log" && echo "$name failed; the log is $work/$name.log" && exit 1; }
  echo "$name: $("$work/$name/consumer")"
  echo "$name: $("$work/$name/local_log" "$work/$name/log")"
  # What only the Kafka backend and TLS need.
  local libraries foreign
  libraries=$(ldd "$work/$name/local_log")
  foreign=$(grep -E 'rdkafka|libssl|libcrypto|snappy|lz4' <<<"$libraries" || true)
  [ -z "$foreign" ] || { echo "$name: local_log links what it does not use:" && echo "$foreign" && exit 1; }
}

cmake --install "$build" --prefix "$work/prefix" >"$work/install.log"
try find_package "-DCMAKE_PREFIX_PATH=$work/prefix"
try add_subdirectory "-DMILLRACE_TREE=$here/../.." -DMILLRACE_CCACHE=ON
python3 -B "$here/new_project.py" "$work/prefix" "$work" "$compiler"
