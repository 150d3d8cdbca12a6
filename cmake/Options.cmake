# SPDX-License-Identifier: Apache-2.0
# Copyright The Millrace Authors
#
# Options, and what they mean for one target: millrace_apply_options(<target>).

option(MILLRACE_TESTS "Build the tests" ${PROJECT_IS_TOP_LEVEL})
option(MILLRACE_BENCH "Build the benchmarks" ${PROJECT_IS_TOP_LEVEL})
option(MILLRACE_APPS "Build the applications and the examples" ${PROJECT_IS_TOP_LEVEL})
option(MILLRACE_INSTALL "Install the libraries, the headers and the package files" ${PROJECT_IS_TOP_LEVEL})
option(MILLRACE_WERROR "Warnings are errors" OFF)
option(MILLRACE_FAULT_POINTS "Compile in the named points at which a test kills a process" OFF)
option(MILLRACE_PCH "Share precompiled standard headers among all targets" OFF)
option(MILLRACE_BATCHES "Compile several sources of a target at once: half the cost of a whole build" OFF)
option(MILLRACE_LTO "Optimise at link time" OFF)
option(MILLRACE_HEADER_CHECK "Compile every public header alone as part of the build" OFF)
option(MILLRACE_FUZZ "Build the fuzz targets; needs clang" OFF)
option(MILLRACE_CCACHE "Compile through ccache when it is installed" ${PROJECT_IS_TOP_LEVEL})
set(MILLRACE_LINKER "" CACHE STRING "Linker to use (mold, lld, bfd); empty for the compiler's own")
set(MILLRACE_MODULES "" CACHE STRING "Build only these modules and nothing else; empty for everything")

if(PROJECT_IS_TOP_LEVEL AND NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

# Another clone of the same tree hits the cache: paths below the base directory are hashed relative to the build, and the
# prefix map keeps them out of the objects. The PCH needs its two kinds of sloppiness. A build directory outside the tree
# has nothing but the root in common with it.
if(MILLRACE_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  find_program(CCACHE_PROGRAM ccache)
  if(CCACHE_PROGRAM)
    cmake_path(IS_PREFIX PROJECT_SOURCE_DIR "${PROJECT_BINARY_DIR}" build_is_inside)
    set(cache_base /)
    if(build_is_inside)
      set(cache_base "${PROJECT_SOURCE_DIR}")
    endif()
    set(CMAKE_CXX_COMPILER_LAUNCHER
      env "CCACHE_BASEDIR=${cache_base}" CCACHE_NOHASHDIR=1
      "CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime" ${CCACHE_PROGRAM})
  endif()
endif()

# A link with LTO takes all cores and much memory: one at a time.
set_property(GLOBAL APPEND PROPERTY JOB_POOLS millrace_lto=1)
if(MILLRACE_LTO)
  include(CheckIPOSupported)
  check_ipo_supported(LANGUAGES CXX)
endif()

# GCC 12 raises these falsely once it inlines the standard library (-Wrestrict on string concatenation is its bug 105651).
set(millrace_false_alarms
  "$<$<CXX_COMPILER_ID:GNU>:-Wno-restrict;-Wno-error=maybe-uninitialized;-Wno-error=array-bounds>"
  "$<$<CXX_COMPILER_ID:GNU>:-Wno-error=stringop-overflow;-Wno-error=stringop-overread>")

function(millrace_apply_options target)
  target_compile_features(${target} PUBLIC cxx_std_23)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
  target_compile_options(${target} PRIVATE
    -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual
    $<$<BOOL:${MILLRACE_WERROR}>:-Werror>
    ${millrace_false_alarms}
    "-ffile-prefix-map=${millrace_SOURCE_DIR}=."
    "-ffile-prefix-map=${millrace_BINARY_DIR}=build")
  if(MILLRACE_FAULT_POINTS)
    target_compile_definitions(${target} PUBLIC MILLRACE_FAULT_POINTS=1)
  endif()
  if(MILLRACE_LINKER)
    target_link_options(${target} PRIVATE "-fuse-ld=${MILLRACE_LINKER}")
  endif()
  if(MILLRACE_LTO)
    set_target_properties(${target} PROPERTIES INTERPROCEDURAL_OPTIMIZATION ON JOB_POOL_LINK millrace_lto)
  endif()
  if(MILLRACE_PCH)
    millrace_use_pch(${target} millrace_pch)
  endif()
endfunction()

# The options of a target of tests: those of every target, and the precompiled header that has GoogleTest in it.
function(millrace_apply_test_options target)
  set(with_pch "${MILLRACE_PCH}")
  set(MILLRACE_PCH OFF)
  millrace_apply_options(${target})
  if(with_pch)
    if(NOT TARGET millrace_test_pch)
      millrace_add_pch(millrace_test_pch <gmock/gmock.h> <gtest/gtest.h>)
      target_link_libraries(millrace_test_pch PRIVATE GTest::gtest GTest::gmock)
    endif()
    millrace_use_pch(${target} millrace_test_pch)
  endif()
endfunction()

function(millrace_use_pch target pch)
  target_precompile_headers(${target} REUSE_FROM ${pch})
  target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
endfunction()

# A precompiled header that targets share: what nearly every file includes, and the further headers named.
function(millrace_add_pch name)
  file(CONFIGURE OUTPUT "${millrace_BINARY_DIR}/pch/${name}.cpp" CONTENT "// Carries the precompiled header.\n")
  add_library(${name} OBJECT "${millrace_BINARY_DIR}/pch/${name}.cpp")
  target_precompile_headers(${name} PRIVATE
    <algorithm> <atomic> <cstdint> <expected> <functional> <map> <memory> <optional> <span> <string> <string_view>
    <vector> ${ARGN})
  set(MILLRACE_PCH OFF)
  millrace_apply_options(${name})
  target_compile_options(${name} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
endfunction()
