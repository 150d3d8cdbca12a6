// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "millrace/service/durability_gate.hpp"

#include <gtest/gtest.h>

#include <future>
#include <optional>

#include "forwarding_log.hpp"
#include "millrace/log/memory_log.hpp"

namespace millrace::service {
namespace {

// Says for which position a wait for durability has ended.
class WatchedLog final : public log::ForwardingLog {
 public:
  using ForwardingLog::ForwardingLog;
  Status wait_durable(log::LogPosition position) override {
    Status status = inner().wait_durable(position);
    waited_for = position;
    return status;
  }
  std::optional<log::LogPosition> waited_for;  ///< written and read by the thread of the gate
};

TEST(DurabilityGates, the_gate_opens_when_the_position_is_durable_and_not_before) {
  log::MemoryBroker broker(real_clock(), false);
  const auto log = broker.connect({.service = "shop", .member = ""});
  const log::Topic topic = *log->create_topic({"requests", 1, log::TopicKind::events, "shop"});
  broker.set_manual_durability(true);
  log::Transaction transaction;
  transaction.append({topic.id, log::partition(0)}, {1, "a", "value", {}});
  const auto committed = log->commit(transaction);
  ASSERT_TRUE(committed);
  WatchedLog watched(*log);
  std::promise<bool> opened;
  DurabilityGate gate(watched);
  gate.when_durable(committed->position, [&](const Status& status) {
    opened.set_value(status.has_value() && watched.waited_for == committed->position);
  });
  broker.make_durable();
  EXPECT_TRUE(opened.get_future().get());
}

}  // namespace
}  // namespace millrace::service
