// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

#include "millrace/base/error.hpp"
#include "millrace/log/log.hpp"

namespace millrace::service {

/// Appends what comes from outside, in the order in which it comes. Records that come while a
/// commit is under way go together into the next one, or when they are many (1 MiB) into the next
/// ones, each record atomic by itself. Bounded: refuses when too much waits. Thread-safe.
class EdgeWriter {
 public:
  using Done = std::function<void(const Result<log::LogPosition>&)>;

  /// `log` outlives the writer.
  EdgeWriter(log::Log& log, std::size_t max_waiting_bytes);
  /// Commits what waits, then ends its thread.
  ~EdgeWriter();
  EdgeWriter(const EdgeWriter&) = delete;
  EdgeWriter& operator=(const EdgeWriter&) = delete;

  /// Copies the record and returns at once; `done` is called on the writer's thread when it is
  /// committed (not yet durable) or refused. millrace::errc::busy when too much waits: nothing was
  /// taken, ask the client to try again.
  [[nodiscard]] Status append(log::TopicPartition partition, const log::Record& record, Done done);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace millrace::service
