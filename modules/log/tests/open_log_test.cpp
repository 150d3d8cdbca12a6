// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/base/file_system.hpp"
#include "millrace/log/backend/registry.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log/memory_log.hpp"

namespace millrace::log {
namespace {

using testing::HasSubstr;

// The logs of the scheme `test`.
MemoryBroker& broker() {
  static ManualClock clock;
  static MemoryBroker broker(clock, true);
  return broker;
}

Result<std::unique_ptr<Log>> connect(std::string_view url, LogEnvironment&, LogOptions options) {
  if (url != "test:here") {
    return fail(errc::not_found, "there is only test:here");
  }
  return broker().connect(std::move(options));
}

class OpenLog : public testing::Test {
 protected:
  Result<std::unique_ptr<Log>> open(std::string_view url) {
    return open_log(url, environment_, LogOptions{});
  }

 private:
  ManualClock clock_;
  SeededRandom random_{1};
  SimulatedProcesses processes_;
  LogEnvironment environment_{clock_, real_file_system(), random_, processes_};
};

TEST_F(OpenLog, gives_the_whole_url_to_the_backend_of_its_scheme) {
  register_scheme("test", "test:PLACE", &connect);
  EXPECT_TRUE(open("test:here"));
  const auto elsewhere = open("test:there");
  ASSERT_FALSE(elsewhere);
  EXPECT_TRUE(elsewhere.error().is(errc::not_found));
}

TEST_F(OpenLog, names_the_urls_that_the_program_can_open) {
  register_scheme("test", "test:PLACE", &connect);
  for (const char* url : {"other:here", "", "test", ":here", "/var/lib/shop"}) {
    const auto opened = open(url);
    ASSERT_FALSE(opened) << url;
    EXPECT_TRUE(opened.error().is(errc::unsupported_scheme)) << url;
    EXPECT_THAT(opened.error().message(), HasSubstr("test:PLACE"));
  }
}

}  // namespace
}  // namespace millrace::log
