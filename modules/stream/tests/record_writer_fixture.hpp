// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "forwarding_log.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log/memory_log.hpp"
#include "millrace/stream/record_writer.hpp"

namespace millrace::stream {

/// Throws in each commit, unless a test says otherwise.
class DyingLog final : public log::ForwardingLog {
 public:
  using ForwardingLog::ForwardingLog;
  Result<log::Committed> commit(log::Transaction& transaction) override {
    if (before_commit) std::exchange(before_commit, nullptr)();
    if (dies) throw std::runtime_error("died");
    return inner().commit(transaction);
  }
  std::function<void()> before_commit;
  bool dies = true;
};

class RecordWriters : public testing::Test {
 protected:
  RecordWriters()
      : broker_(real_clock(), false), log_(broker_.connect({.service = "shop", .member = ""})) {
    topic_ = *log_->create_topic({"requests", 1, log::TopicKind::events, "shop"});
  }

  [[nodiscard]] log::TopicPartition partition() const { return {topic_.id, log::partition(0)}; }
  static log::Record record(std::string_view key) { return {1, key, "value", {}}; }
  std::vector<std::string> keys_in_the_log() {
    log::FetchBuffer buffer;
    EXPECT_TRUE(log_->fetch(partition(), log::offset(0), 1U << 20U, buffer));
    std::vector<std::string> keys;
    for (const log::RecordView& one : buffer.records)
      keys.emplace_back(one.key.value_or(""));
    return keys;
  }

  SeededRandom random_{1};
  log::MemoryBroker broker_;
  std::unique_ptr<log::Log> log_;
  log::Topic topic_;
};

}  // namespace millrace::stream
