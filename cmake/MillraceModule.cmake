# SPDX-License-Identifier: Apache-2.0
# Copyright The Millrace Authors
#
# How the parts of the tree are declared:
#   millrace_module(<name> SOURCES src/a.cpp... [DEPENDS millrace::x...] [LINK t...] [LINK_PUBLIC t...]
#                   [TESTS tests/a_test.cpp...] [TEST_LINK t...])
#   millrace_executable(<name> SOURCES main.cpp... [LINK t...])
#   millrace_test(<name> SOURCES a_test.cpp... [LINK t...] [LABELS l...] [TIMEOUT seconds])
#   millrace_fuzz_target(<name> SOURCES a_fuzz.cpp... [LINK t...])

set(millrace_layers_file "${CMAKE_CURRENT_LIST_DIR}/layers.txt")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${millrace_layers_file}")
file(STRINGS "${millrace_layers_file}" millrace_layer_lines REGEX "^[a-z_]+ +[0-9]+$")
set(millrace_all_modules "")
foreach(line IN LISTS millrace_layer_lines)
  string(REGEX MATCH "^([a-z_]+) +([0-9]+)$" ignored "${line}")
  list(APPEND millrace_all_modules ${CMAKE_MATCH_1})
  set(millrace_layer_${CMAKE_MATCH_1} ${CMAKE_MATCH_2})
endforeach()

# Stops the configuration when `module` would depend on a module that is not below it.
function(millrace_check_layers module)
  foreach(target IN LISTS ARGN)
    string(REGEX REPLACE "^millrace::" "" other "${target}")
    if(NOT DEFINED millrace_layer_${other})
      message(FATAL_ERROR "${module}: DEPENDS takes millrace::<module>, not '${target}'; others go to LINK")
    elseif(NOT millrace_layer_${other} LESS millrace_layer_${module})
      message(FATAL_ERROR "${module} (layer ${millrace_layer_${module}}) may not depend on ${other} "
        "(layer ${millrace_layer_${other}}): a module uses lower layers only, see cmake/layers.txt")
    endif()
  endforeach()
endfunction()

# Sets `result` to those millrace:: targets among the arguments whose modules are not part of this build.
function(millrace_absent result)
  set(absent "")
  foreach(target IN LISTS ARGN)
    if(target MATCHES "^millrace::(.+)$" AND NOT TARGET ${target} AND NOT CMAKE_MATCH_1 IN_LIST millrace_present_modules)
      list(APPEND absent ${target})
    endif()
  endforeach()
  set(${result} "${absent}" PARENT_SCOPE)
endfunction()

function(millrace_module name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPENDS;LINK;LINK_PUBLIC;TESTS;TEST_LINK" ${ARGN})
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "millrace_module(${name}): unknown arguments ${arg_UNPARSED_ARGUMENTS}")
  elseif(NOT DEFINED millrace_layer_${name})
    message(FATAL_ERROR "millrace_module(${name}): give it a layer in cmake/layers.txt first")
  endif()
  millrace_check_layers(${name} ${arg_DEPENDS})
  foreach(target IN LISTS arg_DEPENDS)
    if(NOT TARGET ${target})
      message(WARNING "${name} is left out: it depends on ${target}, which is not part of this build")
      return()
    endif()
  endforeach()

  set(target millrace_${name})
  if(arg_SOURCES)
    add_library(${target} STATIC ${arg_SOURCES})
  else()
    message(FATAL_ERROR "millrace_module(${name}): SOURCES is empty")
  endif()
  add_library(millrace::${name} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${name})
  target_include_directories(${target}
    PUBLIC $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:include>
    PRIVATE src)
  target_link_libraries(${target} PUBLIC ${arg_DEPENDS} ${arg_LINK_PUBLIC} PRIVATE ${arg_LINK})
  millrace_apply_options(${target})
  millrace_header_check(${name})
  if(MILLRACE_INSTALL)
    set_property(GLOBAL APPEND PROPERTY millrace_installed_modules ${name})
    install(TARGETS ${target} EXPORT millrace-targets ARCHIVE DESTINATION lib)
    install(DIRECTORY include/ DESTINATION include FILES_MATCHING PATTERN "*.hpp" PATTERN "*.ipp")
  endif()

  if(arg_TESTS AND MILLRACE_TESTS)
    millrace_test(${name}_test SOURCES ${arg_TESTS} LINK millrace::${name} ${arg_TEST_LINK} LABELS ${name} PREFIX ${name}.)
    if(TARGET ${name}_test)
      target_include_directories(${name}_test PRIVATE src tests)
    endif()
  endif()
endfunction()

# Compiles each public header of a module alone, twice in a row: it needs no other include and is guarded.
function(millrace_header_check name)
  if(NOT PROJECT_IS_TOP_LEVEL)
    return()
  endif()
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE "${CMAKE_CURRENT_SOURCE_DIR}/include" "include/millrace/${name}/*.hpp")
  set(units "")
  foreach(header IN LISTS headers)
    string(REPLACE "/" "_" unit "${header}")
    set(unit "${millrace_BINARY_DIR}/header_check/${unit}.cpp")
    file(CONFIGURE OUTPUT "${unit}" CONTENT "#include <${header}>\n#include <${header}>\n")
    list(APPEND units "${unit}")
  endforeach()
  if(units)
    add_library(header_check_${name} OBJECT ${units})
    if(NOT MILLRACE_HEADER_CHECK)
      set_target_properties(header_check_${name} PROPERTIES EXCLUDE_FROM_ALL ON)
    else()
      set_target_properties(header_check_${name} PROPERTIES EXCLUDE_FROM_ALL OFF)
    endif()
    target_link_libraries(header_check_${name} PRIVATE millrace::${name})
    set(MILLRACE_PCH OFF)
    set(MILLRACE_LTO OFF)
    millrace_apply_options(header_check_${name})
    target_compile_options(header_check_${name} PRIVATE -O0 -g0)
    if(NOT TARGET header_check)
      add_custom_target(header_check)
    endif()
    add_dependencies(header_check header_check_${name})
  endif()
endfunction()

# A program in <build>/bin under the target's own name.
function(millrace_executable name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK" ${ARGN})
  if(arg_UNPARSED_ARGUMENTS OR NOT arg_SOURCES)
    message(FATAL_ERROR "millrace_executable(${name}): takes SOURCES and LINK, got '${ARGN}'")
  endif()
  millrace_absent(absent ${arg_LINK})
  if(absent)
    message(WARNING "${name} is left out: it links ${absent}, which is not part of this build")
    return()
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_LINK})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${millrace_BINARY_DIR}/bin")
  millrace_apply_options(${name})
endfunction()

# Where the built programs and the tree are, for tests: <millrace_test_paths.hpp>. Linked rather than defined on the command
# line, so that the tests of another clone still hit the compiler cache.
function(millrace_test_paths)
  if(TARGET millrace_test_paths)
    return()
  endif()
  set(directory "${millrace_BINARY_DIR}/test_paths")
  file(CONFIGURE OUTPUT "${directory}/millrace_test_paths.hpp" CONTENT [[
#pragma once
namespace millrace::test {
extern const char* const bin_dir;     ///< Directory of the built programs.
extern const char* const source_dir;  ///< Root of the source tree.
}  // namespace millrace::test
]])
  file(CONFIGURE OUTPUT "${directory}/millrace_test_paths.cpp" CONTENT [[
#include <millrace_test_paths.hpp>
const char* const millrace::test::bin_dir = "@millrace_BINARY_DIR@/bin";
const char* const millrace::test::source_dir = "@millrace_SOURCE_DIR@";
]] @ONLY)
  add_library(millrace_test_paths STATIC "${directory}/millrace_test_paths.cpp")
  target_include_directories(millrace_test_paths PUBLIC "${directory}")
endfunction()

# A GoogleTest program; its cases are known to ctest as <prefix><suite>.<case>, the prefix being "<name>." unless given.
# LABELS select stages in tools/check.sh; TIMEOUT is a guard against a hang, in seconds per case.
function(millrace_test name)
  cmake_parse_arguments(arg "" "PREFIX;TIMEOUT" "SOURCES;LINK;LABELS" ${ARGN})
  if(arg_UNPARSED_ARGUMENTS OR NOT arg_SOURCES)
    message(FATAL_ERROR "millrace_test(${name}): takes SOURCES, LINK, LABELS, PREFIX, TIMEOUT, got '${ARGN}'")
  endif()
  if(NOT MILLRACE_TESTS)
    return()
  endif()
  millrace_absent(absent ${arg_LINK})
  if(absent)
    message(WARNING "${name} is left out: it links ${absent}, which is not part of this build")
    return()
  endif()
  if(NOT DEFINED arg_PREFIX)
    set(arg_PREFIX "${name}.")
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300)
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_LINK} GTest::gtest GTest::gmock GTest::gmock_main rapidcheck)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${millrace_BINARY_DIR}/bin/tests")
  millrace_apply_options(${name})
  millrace_test_paths()
  target_link_libraries(${name} PRIVATE millrace_test_paths)
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60 TEST_PREFIX "${arg_PREFIX}"
    PROPERTIES TIMEOUT ${arg_TIMEOUT})
  # Discovery flattens lists among its properties, so that of several labels only the first would stay.
  set(labels_file "${CMAKE_CURRENT_BINARY_DIR}/${name}_labels.cmake")
  file(CONFIGURE OUTPUT "${labels_file}" CONTENT [[
foreach(test IN LISTS @name@_TESTS)
  set_tests_properties("${test}" PROPERTIES LABELS "@arg_LABELS@")
endforeach()
]] @ONLY)
  set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES "${labels_file}")
endfunction()

# A libFuzzer program in <build>/bin/fuzz, built by the preset `fuzz` only.
function(millrace_fuzz_target name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK" ${ARGN})
  if(MILLRACE_FUZZ)
    millrace_executable(${name} SOURCES ${arg_SOURCES} LINK ${arg_LINK})
    if(TARGET ${name})
      set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${millrace_BINARY_DIR}/bin/fuzz")
      target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    endif()
  endif()
endfunction()
