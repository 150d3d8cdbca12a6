// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "identity.hpp"
#include "millrace/base/mutex.hpp"
#include "positions.hpp"

namespace millrace::log::kafka {

/// Removes commands of the handle's service that are old enough and that every group of the service
/// has read, by DeleteRecords. One member of a service does it. It counts the age from when it saw
/// that a record was there, because brokers keep no time of that.
/// docs/decisions/0038-old-commands-on-kafka.md. Thread-safe.
class CommandTrimmer {
 public:
  /// All outlive it.
  CommandTrimmer(const ClientConfig& config, const LogOptions& options, Reader& reader,
                 StateLog& state, Topics& topics, Positions& positions, Identity& identity)
      : config_(config),
        options_(options),
        reader_(reader),
        state_(state),
        topics_(topics),
        positions_(positions),
        identity_(identity) {}

  /// Does a pass when one is due. What fails is counted, and tried again by the next pass.
  void run() MILLRACE_EXCLUDES(mutex_);
  /// Log::counts.
  [[nodiscard]] std::vector<LogCount> counts() const;

 private:
  /// A topic of commands of the service.
  struct Commands {
    std::int32_t number = 0;
    std::vector<TopicPartition> partitions;
    std::vector<EndsSeen> seen;
  };
  struct Work {
    std::vector<std::int64_t> readers;  ///< subscriptions of the groups of the service
    std::vector<Commands> topics;
  };
  [[nodiscard]] Work find_work() const;
  [[nodiscard]] Status trim(const Commands& topic, bool may_remove);
  [[nodiscard]] Status remove(const Commands& topic, const std::vector<KafkaPartition>& at,
                              const EndsSeen& old);
  [[nodiscard]] Result<std::optional<Offset>> read_up_to(TopicPartition partition);

  const ClientConfig& config_;
  const LogOptions& options_;
  Reader& reader_;
  StateLog& state_;
  Topics& topics_;
  Positions& positions_;
  Identity& identity_;
  Mutex mutex_;
  std::optional<std::int64_t> looked_ns_ MILLRACE_GUARDED_BY(mutex_);
  /// Of the last pass: nothing is removed in a pass that finds others.
  std::vector<std::int64_t> readers_seen_ MILLRACE_GUARDED_BY(mutex_);
  std::atomic<std::uint64_t> failures_ = 0;
};

}  // namespace millrace::log::kafka
