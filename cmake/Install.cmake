# SPDX-License-Identifier: Apache-2.0
# Copyright The Millrace Authors
#
# The package files: find_package(millrace) gives millrace::<module> for every module.
include(CMakePackageConfigHelpers)

set(package_dir lib/cmake/millrace)
get_property(millrace_modules GLOBAL PROPERTY millrace_installed_modules)
if(millrace_modules)
  install(EXPORT millrace-targets NAMESPACE millrace:: DESTINATION ${package_dir})
endif()
configure_package_config_file(cmake/millrace-config.cmake.in "${PROJECT_BINARY_DIR}/millrace-config.cmake"
  INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file("${PROJECT_BINARY_DIR}/millrace-config-version.cmake"
  VERSION ${PROJECT_VERSION} COMPATIBILITY SameMinorVersion)
install(FILES
  "${PROJECT_BINARY_DIR}/millrace-config.cmake" "${PROJECT_BINARY_DIR}/millrace-config-version.cmake"
  cmake/Dependencies.cmake
  DESTINATION ${package_dir})
