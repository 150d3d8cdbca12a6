// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <gmock/gmock.h>

#include <filesystem>
#include <functional>
#include <map>

#include "embedded_world.hpp"
#include "millrace/base/fault_point.hpp"

// A log whose directory is moved away while it is open, and another one put in its place.
namespace millrace::log {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

template <class Outcome>
void expect_closed(const Outcome& outcome) {
  ASSERT_FALSE(outcome);
  EXPECT_TRUE(outcome.error().is(errc::closed)) << outcome.error().to_string();
  EXPECT_THAT(outcome.error().message(), HasSubstr("replaced"));
}

class ReplacedLog : public testing::Test {
 protected:
  void SetUp() override {
    {
      const auto first = open();
      ASSERT_TRUE(put_all(*first, {topic_at(*first, "orders")}, "kept"));
    }
    fs::copy(path("log"), path("backup"), fs::copy_options::recursive);
    log_ = open();
    orders_ = topic_at(*log_, "orders");
    ASSERT_TRUE(put_all(*log_, {orders_}, "later"));
    ASSERT_TRUE(log_->maintain());
  }
  void replace() {
    fs::rename(path("log"), path("bad"));
    fs::rename(path("backup"), path("log"));
    before_ = content();
  }
  [[nodiscard]] std::string path(const std::string& name) const {
    return root_.path() + "/" + name;
  }
  std::unique_ptr<Log> open() {
    auto log = open_embedded(path("log"), environment_, options_of(), small_segments());
    EXPECT_TRUE(log) << log.error().to_string();
    return log ? *std::move(log) : nullptr;
  }
  /// Every file of the directory that lies at the log's path now.
  [[nodiscard]] std::map<std::string, std::string> content() const {
    std::map<std::string, std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(path("log"))) {
      found[entry.path().string()] =
          entry.is_directory() ? "" : read_file(real_file_system(), entry.path().string()).value();
    }
    return found;
  }
  void expect_untouched() const { EXPECT_TRUE(content() == before_); }

  TemporaryDirectory root_;
  SeededRandom random_{1};
  LogEnvironment environment_{real_clock(), real_file_system(), random_, real_processes()};
  std::unique_ptr<Log> log_;
  TopicPartition orders_;
  std::map<std::string, std::string> before_;
};

TEST_F(ReplacedLog, a_member_notices_it_and_is_closed) {
  replace();
  expect_closed(log_->maintain());
  const auto lost = put_all(*log_, {orders_}, "lost");
  ASSERT_FALSE(lost) << "nobody would ever read it";
  EXPECT_TRUE(lost.error().is(errc::closed)) << lost.error().to_string();
  log_.reset();
  expect_untouched();
  EXPECT_EQ(values_of(*open(), orders_), (std::vector<std::string>{"kept"}));
}

TEST_F(ReplacedLog, a_lock_that_a_member_took_along_is_not_waited_for) {
  if (!fault_points_compiled_in()) {
    GTEST_SKIP() << "this build has no fault points";
  }
  // It joined after the other looked at the members last, and is cut off while it holds the lock,
  // which it does not give back: it must not touch the log any more.
  auto holder = open();
  static std::function<void()> cut_off;
  cut_off = [&] {
    fs::rename(path("log"), path("bad"));
    static_cast<void>(holder->maintain());
  };
  const FaultHandler former = set_fault_handler([](std::string_view point) {
    if (point == "commit.before_frame") {
      cut_off();
    }
  });
  static_cast<void>(put_all(*holder, {orders_}, "lost"));
  set_fault_handler(former);
  expect_closed(put_all(*log_, {orders_}, "lost too"));
  EXPECT_FALSE(fs::exists(path("log")));
}

TEST_F(ReplacedLog, a_member_that_leaves_writes_no_checkpoint_into_the_new_one) {
  replace();
  log_.reset();
  expect_untouched();
}

TEST_F(ReplacedLog, no_segment_is_made_in_the_new_one) {
  replace();
  Result<Committed> committed;
  for (int i = 0; i < 60 && committed; ++i) {
    committed = put_all(*log_, {orders_}, std::string(3000, 'x'));
  }
  expect_closed(committed);
  log_.reset();
  expect_untouched();
}

TEST_F(ReplacedLog, no_block_of_the_index_is_made_in_the_new_one) {
  replace();
  for (int i = 0; i < 3; ++i) {
    const auto topic = log_->create_topic({"t" + std::to_string(i), 8, TopicKind::events, "stock"});
    Transaction transaction;
    for (int p = 0; topic && p < 8; ++p) {
      transaction.append({topic->id, partition(p)}, {0, "k", "v", {}});
    }
    static_cast<void>(log_->commit(transaction));
  }
  log_.reset();
  expect_untouched();
}

TEST(ReplacedLogMark, a_failed_sync_does_not_mark_the_new_one) {
  SimulatedMachine machine;
  const auto log = machine.open();
  const TopicPartition orders = topic_at(*log, "orders");
  const auto committed = put_all(*log, {orders}, "x");
  ASSERT_TRUE(committed);
  machine.regions.replace(SimulatedMachine::directory);
  machine.files.fail_syncs(true);
  EXPECT_FALSE(log->wait_durable(committed->position));
  machine.files.fail_syncs(false);
  EXPECT_FALSE(machine.files.exists("/log/FAILED"));
  EXPECT_TRUE(machine.try_open()) << "the log that lies there now has not failed";
}

TEST(ReplacedLogMark, a_simulated_member_notices_it_too) {
  SimulatedMachine machine;
  const auto log = machine.open();
  ASSERT_TRUE(log->maintain());
  machine.regions.replace(SimulatedMachine::directory);
  expect_closed(log->maintain());
}

}  // namespace
}  // namespace millrace::log
