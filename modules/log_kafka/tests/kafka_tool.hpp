// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <millrace_test_paths.hpp>
#include <string>

namespace millrace::log {

/// What `tools/kafka ARGUMENTS` prints, of the cluster in MILLRACE_TEST_KAFKA_DIR; the arguments
/// are words of a shell. Empty without a cluster.
inline std::string run_kafka_tool(const std::string& arguments) {
  const char* const directory = std::getenv("MILLRACE_TEST_KAFKA_DIR");
  if (directory == nullptr) return {};
  const std::size_t first = arguments.find(' ');
  const std::string command = std::string(test::source_dir) + "/tools/kafka " +
                              arguments.substr(0, first) + " --dir '" + directory + "'" +
                              (first == std::string::npos ? "" : arguments.substr(first));
  std::FILE* const output = ::popen(command.c_str(), "r");
  if (output == nullptr) return {};
  std::string text;
  std::array<char, 4096> room;
  while (const std::size_t size = std::fread(room.data(), 1, room.size(), output))
    text.append(room.data(), size);
  EXPECT_EQ(::pclose(output), 0) << command;
  return text;
}

}  // namespace millrace::log
