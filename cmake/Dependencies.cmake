# SPDX-License-Identifier: Apache-2.0
# Copyright The Millrace Authors
#
# Everything Millrace takes from outside, found once; the installed package includes this file too.
# Each Debian package and its reason is named in tools/packages.txt.

# A missing package is answered with the name of the Debian package that brings it.
macro(millrace_find package debian)
  find_package(${package} ${ARGN} QUIET)
  if(NOT ${package}_FOUND)
    message(FATAL_ERROR "Millrace needs ${package}. On Debian: apt-get install ${debian}")
  endif()
endmacro()

# On Debian 12 Boost 1.81 ships its own config beside the default 1.74; headers are all that modules get unless they ask.
set(Boost_NO_WARN_NEW_VERSIONS ON)
millrace_find(Threads libc6-dev)
millrace_find(Boost "libboost1.81-dev (Debian 12) or libboost1.83-dev (Debian 13)" 1.81)
millrace_find(simdjson libsimdjson-dev)
millrace_find(zstd libzstd-dev)
millrace_find(Snappy libsnappy-dev)
millrace_find(ZLIB zlib1g-dev)
millrace_find(OpenSSL libssl-dev 3.0)
millrace_find(CLI11 libcli11-dev)
millrace_find(prometheus-cpp prometheus-cpp-dev COMPONENTS core)

find_package(PkgConfig QUIET REQUIRED)
# The same for what comes with a description for pkg-config only: the target PkgConfig::<name>.
macro(millrace_find_described name module version debian)
  if(NOT TARGET PkgConfig::${name})
    pkg_check_modules(${name} QUIET IMPORTED_TARGET GLOBAL "${module}>=${version}")
    if(NOT ${name}_FOUND)
      message(FATAL_ERROR "Millrace needs ${debian} ${version} or later. On Debian: apt-get install ${debian} pkg-config")
    endif()
  endif()
endmacro()
millrace_find_described(rdkafka rdkafka 2.0.2 librdkafka-dev)
millrace_find_described(lz4 liblz4 1.8.0 liblz4-dev)

if(NOT TARGET xxhash::xxhash)
  find_path(XXHASH_INCLUDE_DIR xxhash.h)
  find_library(XXHASH_LIBRARY xxhash)
  if(NOT XXHASH_INCLUDE_DIR OR NOT XXHASH_LIBRARY)
    message(FATAL_ERROR "Millrace needs xxhash. On Debian: apt-get install libxxhash-dev")
  endif()
  mark_as_advanced(XXHASH_INCLUDE_DIR XXHASH_LIBRARY)
  add_library(xxhash::xxhash UNKNOWN IMPORTED)
  set_target_properties(xxhash::xxhash PROPERTIES
    IMPORTED_LOCATION "${XXHASH_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${XXHASH_INCLUDE_DIR}")
endif()

if(MILLRACE_TESTS)
  millrace_find(GTest "libgtest-dev libgmock-dev")
  millrace_find(rapidcheck librapidcheck-dev)
endif()
if(MILLRACE_BENCH)
  millrace_find(benchmark libbenchmark-dev)
endif()
