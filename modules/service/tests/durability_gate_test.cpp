// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "millrace/service/durability_gate.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "millrace/log/memory_log.hpp"

namespace millrace::service {
namespace {

TEST(DurabilityGates, the_gate_opens_when_the_position_is_durable_and_not_before) {
  log::MemoryBroker broker(real_clock(), false);
  const auto log = broker.connect({.service = "shop", .member = ""});
  const log::Topic topic = *log->create_topic({"requests", 1, log::TopicKind::events, "shop"});
  broker.set_manual_durability(true);
  log::Transaction transaction;
  transaction.append({topic.id, log::partition(0)}, {1, "a", "value", {}});
  const auto committed = log->commit(transaction);
  ASSERT_TRUE(committed);
  DurabilityGate gate(*log);
  std::atomic<bool> durable_made{false};
  std::promise<bool> opened;
  gate.when_durable(committed->position, [&](const Status& status) {
    opened.set_value(status.has_value() && durable_made);
  });
  durable_made = true;
  broker.make_durable();
  EXPECT_TRUE(opened.get_future().get());
}

}  // namespace
}  // namespace millrace::service
