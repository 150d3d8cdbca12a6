// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/service/log_settings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "millrace/log/memory_log.hpp"

namespace millrace::service {
namespace {

using testing::HasSubstr;

class LogSettings : public testing::Test {
 protected:
  std::unique_ptr<log::Log> connect(const std::string& service) {
    return broker_.connect({.service = service, .member = ""});
  }
  Status agree(log::Log& log, const std::string& stock) {
    const std::array<LogSetting, 1> settings{{{"stock", stock}}};
    return agree_on_settings(log, real_clock(), settings, log.options().service);
  }

  log::MemoryBroker broker_{real_clock(), false};
};

TEST_F(LogSettings, the_first_value_counts_for_all_services) {
  auto orders = connect("orders");
  auto stock = connect("stock");
  auto tool = connect("");
  EXPECT_TRUE(agree(*orders, "ample"));
  EXPECT_TRUE(agree(*stock, "ample"));
  EXPECT_TRUE(agree(*tool, "ample"));
  const Status other = agree(*stock, "scarce");
  ASSERT_FALSE(other);
  EXPECT_TRUE(other.error().is(errc::invalid_argument));
  EXPECT_THAT(other.error().message(), HasSubstr("begun with --stock ample"));
  EXPECT_THAT(other.error().message(), HasSubstr("stock was started with --stock scarce"));
  EXPECT_TRUE(agree(*orders, "ample")) << "the refused one changed nothing";
}

TEST_F(LogSettings, a_setting_that_the_log_does_not_have_yet_is_added) {
  auto stock = connect("stock");
  ASSERT_TRUE(agree(*stock, "ample"));
  const std::array<LogSetting, 2> more{{{"stock", "ample"}, {"region", "north"}}};
  EXPECT_TRUE(agree_on_settings(*stock, real_clock(), more, "stock"));
  const std::array<LogSetting, 1> other{{{"region", "south"}}};
  EXPECT_FALSE(agree_on_settings(*stock, real_clock(), other, "stock"));
}

TEST_F(LogSettings, no_settings_write_nothing) {
  auto stock = connect("stock");
  EXPECT_TRUE(agree_on_settings(*stock, real_clock(), {}, "stock"));
  EXPECT_FALSE(stock->find_topic("__millrace.settings"));
}

TEST_F(LogSettings, of_two_that_both_found_none_the_first_to_write_counts) {
  auto stock = connect("stock");
  ASSERT_TRUE(agree(*stock, "ample"));
  // What a service writes that read the topic before that.
  const auto topic = stock->find_topic("__millrace.settings");
  ASSERT_TRUE(topic);
  log::Transaction late;
  late.append({topic->id, log::partition(0)}, {0, "stock", "scarce", {}});
  ASSERT_TRUE(stock->commit(late));
  EXPECT_TRUE(agree(*stock, "ample"));
  EXPECT_FALSE(agree(*stock, "scarce"));
}

TEST_F(LogSettings, of_many_that_start_at_once_all_that_go_on_have_the_same_value) {
  constexpr int starts = 8;
  std::array<std::atomic<int>, 2> went_on{};
  std::vector<std::thread> threads;
  for (int i = 0; i < starts; ++i) {
    threads.emplace_back([&, i] {
      auto log = connect("service-" + std::to_string(i));
      const std::size_t kind = i % 2;
      if (agree(*log, kind == 0 ? "ample" : "scarce")) ++went_on[kind];
    });
  }
  for (std::thread& thread : threads)
    thread.join();
  EXPECT_EQ(went_on[0] + went_on[1], starts / 2);
  EXPECT_TRUE(went_on[0] == 0 || went_on[1] == 0);
}

}  // namespace
}  // namespace millrace::service
