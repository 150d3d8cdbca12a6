// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <gmock/gmock.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client_events.hpp"
#include "fake_transactions.hpp"
#include "producer.hpp"
#include "wire/cluster.hpp"

// Producers of a FakeTransactions.
namespace millrace::log::kafka {

/// The machine's clock, moved forward, or standing still.
class TestClock final : public Clock {
 public:
  std::int64_t wall_ms() override { return real_clock().wall_ms(); }
  std::int64_t monotonic_ns() override {
    return stopped_ns_ ? *stopped_ns_ : real_clock().monotonic_ns() + skew_ns_;
  }
  void advance_ms(std::int64_t ms) { skew_ns_ += ms * 1'000'000; }
  void stop() { stopped_ns_ = monotonic_ns(); }

 private:
  std::int64_t skew_ns_ = 0;
  std::optional<std::int64_t> stopped_ns_;
};

class TransactionsTest : public testing::Test {
 protected:
  void SetUp() override {
#ifdef __SANITIZE_THREAD__
    GTEST_SKIP() << "the thread sanitizer does not know the threads that librdkafka starts";
#endif
  }
  /// A producer of a cluster with this level of `transaction.version`, which begins in this epoch.
  void open(std::int16_t level, std::int16_t epoch = 0) {
    producer_.reset();
    asker_.reset();
    events_.reset();
    config_.reset();
    cluster_ = std::make_unique<FakeTransactions>(level, epoch);
    if (limited_) cluster_->limit(limited_->first, limited_->second);
    config_ = std::make_unique<ClientConfig>(
        Url{cluster_->address(),
            "",
            {{"millrace.request.timeout.ms", "120000"}, {"socket.timeout.ms", "300"}}},
        LogOptions{}, clock_);
    events_ = std::make_unique<ClientEvents>(*config_);
    auto made = config_->make(RD_KAFKA_CONSUMER, {}, {}, *events_);
    ASSERT_TRUE(made.has_value()) << made.error().to_string();
    asker_ = *std::move(made);
    config_->cluster()->served_by(asker_.get());
    auto opened = Producer::open_transactional(*config_, "p");
    ASSERT_TRUE(opened.has_value()) << opened.error().to_string();
    producer_ = *std::move(opened);
    seen_ = cluster_->requests().size();
  }
  /// Two records to t/0, a while after the transaction before.
  Status commit(bool with_positions = false) {
    clock_.advance_ms(100);
    return commit_at_once(with_positions);
  }
  Status commit_at_once(bool with_positions = false) {
    RecordBatchBuilder builder;
    builder.add({1'000, "k", "v", {}});
    builder.add({1'000, "k", "w", {}});
    OutgoingBatch batch{{"t", 0}, builder.finish(), builder.count()};
    const OutgoingPositions positions{"g", {{{"t", 1}, offset(3)}}};
    return producer_->commit({&batch, 1}, {&positions, with_positions ? 1U : 0U});
  }
  Status commit_positions() {
    const OutgoingPositions positions{"g", {{{"t", 1}, offset(3)}}};
    return producer_->commit({}, {&positions, 1});
  }
  /// The requests of transactions since the last call.
  std::vector<std::string> requests() {
    const std::vector<std::string> all = cluster_->requests();
    const std::size_t before = std::exchange(seen_, all.size());
    return {all.begin() + static_cast<std::ptrdiff_t>(before), all.end()};
  }
  /// Commits, and expects the requests of a transaction of version 2 in this epoch.
  void expect_second(int epoch) {
    const Status committed = commit();
    ASSERT_TRUE(committed.has_value()) << committed.error().to_string();
    const std::string at = " epoch " + std::to_string(epoch);
    EXPECT_THAT(requests(), testing::ElementsAre("Produce v12 t/0" + at + " sequence 0",
                                                 "EndTxn v5" + at + " commit"));
  }

  TestClock clock_;
  std::unique_ptr<FakeTransactions> cluster_;
  std::unique_ptr<ClientConfig> config_;
  std::unique_ptr<ClientEvents> events_;
  Owned<rd_kafka_t> asker_;
  std::unique_ptr<Producer> producer_;
  std::optional<std::pair<wire::Api, std::int16_t>> limited_;
  std::size_t seen_ = 0;
};

}  // namespace millrace::log::kafka
