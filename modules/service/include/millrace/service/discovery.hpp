// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "millrace/service/instances.hpp"
#include "millrace/stream/instance.hpp"

namespace millrace::service {

/// The partitions of all parts that the instance has restored, for InstanceDescriptor::owned.
[[nodiscard]] std::vector<PartitionsOfPart> owned_partitions(const stream::Instance& instance);

/// Keeps the record of one instance in the topic of instances, and follows that topic. Creates the
/// topic. Thread-safe as Instances: one thread calls step(), wait() and leave(). It acts only
/// inside its functions.
class Discovery {
 public:
  /// The instance as it is now; its names never change.
  using Describe = std::function<InstanceDescriptor()>;
  static constexpr std::int64_t renew_ms = 5'000;
  /// Between two looks at what the instance owns: a change is written at once.
  static constexpr std::int64_t look_ms = 250;
  /// After so long without a renewal another instance of the service deletes the record.
  static constexpr std::int64_t forget_ms = 600'000;

  /// Both outlive it.
  Discovery(log::Log& log, Clock& clock, Describe describe);

  /// Reads, and writes the record when it is due. Nothing waits until it is durable. Fails as
  /// Log::create_topic(), Instances::read() and Log::commit(); another call tries again.
  [[nodiscard]] Status step();
  /// Sleeps until there is something to do, or interrupt().
  void wait();
  /// Makes wait() return. Any thread.
  void interrupt() { instances_.interrupt(); }
  /// Deletes the record: the instance ends in order. Fails as Log::commit().
  [[nodiscard]] Status leave();

  [[nodiscard]] const Instances& instances() const { return instances_; }

 private:
  [[nodiscard]] Status write(const std::string& key, const std::string& value);

  log::Log& log_;
  Clock& clock_;
  Describe describe_;
  Instances instances_;
  std::optional<log::TopicPartition> partition_;
  std::string key_;
  std::string said_;  // the value that was written last
  std::int64_t renew_at_ns_ = 0;
};

}  // namespace millrace::service
