// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "standard_settings.hpp"

namespace millrace::service {
namespace {

using testing::HasSubstr;

Result<http::ServerOptions> options_of(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "program");
  MILLRACE_ASSIGN(const ParsedSettings parsed,
                  parse_settings(static_cast<int>(arguments.size()), arguments.data(), "program",
                                 "Does things", "1.2.3", standard_settings()));
  return server_options(parsed.settings);
}

TEST(ServerOptions, the_memory_for_bodies_is_a_setting) {
  EXPECT_EQ(options_of({})->max_body_memory_bytes, http::ServerOptions{}.max_body_memory_bytes);
  EXPECT_EQ(options_of({"--max-body-memory-bytes", "4194304"})->max_body_memory_bytes, 4'194'304U);
}

TEST(ServerOptions, memory_for_less_than_one_body_is_refused_naming_the_flag) {
  const auto options = options_of({"--max-body-memory-bytes", "1000"});
  ASSERT_FALSE(options);
  EXPECT_THAT(options.error().message(), HasSubstr("--max-body-memory-bytes"));
}

}  // namespace
}  // namespace millrace::service
