// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/log/memory_log.hpp"

#include <thread>

#include "log_contract.hpp"

namespace millrace::log {
namespace {

template <class WorldClock, bool simulated>
class MemoryFixture final : public LogFixture {
 public:
  std::unique_ptr<Log> connect(LogOptions options) override {
    return broker_.connect(std::move(options));
  }
  void kill(Log& handle) override { broker_.kill_member(handle); }
  Clock& clock() override { return clock_; }
  void advance_ms(std::int64_t ms) override { clock_.advance_ms(ms); }
  bool blocks() const override { return !simulated; }

 private:
  WorldClock clock_;
  MemoryBroker broker_{clock_, simulated};
};

INSTANTIATE_TEST_SUITE_P(
    Memory, LogContract,
    testing::Values(
        LogBackend{"threads", [] { return std::make_unique<MemoryFixture<SkewedClock, false>>(); }},
        LogBackend{"simulated",
                   [] { return std::make_unique<MemoryFixture<ManualClock, true>>(); }}),
    backend_name);

class MemoryLogTest : public testing::Test {
 protected:
  std::unique_ptr<Log> connect(std::string member = "") {
    LogOptions options;
    options.service = "stock";
    options.member = std::move(member);
    return broker_.connect(std::move(options));
  }

  Result<Committed> put(Log& log) {
    const auto topic = log.create_topic({"t", 1, TopicKind::events, "stock"});
    if (!topic) {
      return fail(topic.error());
    }
    Transaction transaction;
    transaction.append({topic->id, partition(0)}, {0, "k", "v", {}});
    return log.commit(transaction);
  }

  ManualClock clock_;
  MemoryBroker broker_{clock_, true};
};

TEST_F(MemoryLogTest, manual_durability_comes_on_request) {
  auto log = connect();
  ASSERT_TRUE(put(*log).has_value());
  broker_.set_manual_durability(true);
  const auto committed = put(*log);
  ASSERT_TRUE(committed.has_value());
  EXPECT_LT(log->durable().position, log->committed().position);
  EXPECT_TRUE(log->wait_durable(committed->position).error().is(errc::busy));
  broker_.make_durable();
  EXPECT_EQ(log->durable(), log->committed());
  EXPECT_TRUE(log->wait_durable(committed->position).has_value());
}

TEST_F(MemoryLogTest, a_thread_that_waits_for_durability_is_woken) {
  MemoryBroker broker(clock_, false);
  LogOptions options;
  options.service = "stock";
  auto log = broker.connect(options);
  broker.set_manual_durability(true);
  const auto committed = put(*log);
  ASSERT_TRUE(committed.has_value());
  std::thread thread([&] { EXPECT_TRUE(log->wait_durable(committed->position).has_value()); });
  broker.make_durable();
  thread.join();
}

TEST_F(MemoryLogTest, a_position_beyond_the_end_is_refused_instead_of_waited_for) {
  auto log = connect();
  EXPECT_TRUE(log->wait_durable({1, 1000}).error().is(errc::invalid_argument));
}

TEST_F(MemoryLogTest, commits_fail_as_often_as_asked_and_write_nothing) {
  auto log = connect();
  ASSERT_TRUE(put(*log).has_value());
  broker_.fail_commits(errc::outcome_unknown, 2);
  EXPECT_TRUE(put(*log).error().is(errc::outcome_unknown));
  EXPECT_TRUE(put(*log).error().is(errc::outcome_unknown));
  const auto third = put(*log);
  ASSERT_TRUE(third.has_value());
  EXPECT_EQ(third->partitions.at(0).first, offset(1));
}

TEST_F(MemoryLogTest, a_killed_handle_returns_closed) {
  auto log = connect();
  ASSERT_TRUE(put(*log).has_value());
  auto member = log->join(log->group("g").value(), {"0_0"});
  ASSERT_TRUE(member.has_value());
  auto waiter = log->waiter();
  broker_.kill_member(*log);
  FetchBuffer buffer;
  EXPECT_TRUE(put(*log).error().is(errc::closed));
  EXPECT_TRUE(log->find_topic("t").error().is(errc::closed));
  EXPECT_TRUE(log->fetch({}, offset(0), 1, buffer).error().is(errc::closed));
  EXPECT_TRUE(log->maintain().error().is(errc::closed));
  EXPECT_TRUE((*member)->poll().error().is(errc::closed));
  EXPECT_EQ(waiter->wait({}, clock_.monotonic_ns() + 1), WaitOutcome::interrupted);
}

TEST_F(MemoryLogTest, handles_keep_the_log_alive) {
  auto broker = std::make_unique<MemoryBroker>(clock_, true);
  LogOptions options;
  options.service = "stock";
  auto log = broker->connect(options);
  broker.reset();
  EXPECT_TRUE(put(*log).has_value());
}

}  // namespace
}  // namespace millrace::log
