// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "millrace/base/clock.hpp"
#include "millrace/base/error.hpp"
#include "millrace/log/log.hpp"

namespace millrace::connect {

/// The loop of a sink: writes to a log in steps, each exactly once. A step is one transaction. It
/// contains the records and positions that the caller adds, a record with the progress of the work,
/// and the number of the step. The number is the position of the writer's group in the topic of
/// progress. All of it becomes visible together or never. A step is committed under an exclusive
/// claim and with a sequence. So a step that is repeated takes effect once, and a writer that was
/// replaced cannot write. A new writer reads the records of progress and continues after the last
/// one. Not thread-safe.
///
///     step                1          2          3
///     topic of progress   [far 1]    [far 2]    [far 3]      one record a step
///     orders              a b c      d          e f          committed with it
///     position of group   1          2          3            the last step
///
///     MILLRACE_ASSIGN(auto sink, SinkWriter::open(log, clock, options));
///     MILLRACE_ASSIGN(std::int64_t step, sink->last_step());
///     log::Transaction transaction;
///     transaction.append(orders, record);
///     const log::Record far{clock.wall_ms(), "far", text, {}};
///     MILLRACE_TRY(sink->commit(transaction, step + 1, far));
class SinkWriter {
 public:
  struct Options {
    /// the group in which the writer takes its claim; the producer has the same name
    std::string group;
    std::string task;         ///< the only task of that group
    log::TopicSpec progress;  ///< has one partition; created when it is missing
    /// the message of errc::busy: it says which other program writes, and what to do
    std::string busy;
  };

  /// Takes the claim. If another writer has just died, waits up to half a minute. The log and the
  /// clock must outlive the writer. errc::busy when another writer is active; also the errors of
  /// the log.
  [[nodiscard]] static Result<std::unique_ptr<SinkWriter>> open(log::Log& log, Clock& clock,
                                                                Options options);

  /// The partition with the records of progress.
  [[nodiscard]] log::TopicPartition progress() const { return progress_; }
  /// Reads the number of the last step that any writer committed; 0: there is none. On Kafka the
  /// record of progress of that step may become visible later than the number: use wait_until() to
  /// wait until the record can be read. log::errc::out_of_range on Kafka when no step was committed
  /// for so long that the cluster deleted the position.
  [[nodiscard]] Result<std::int64_t> last_step();

  /// Commits the transaction as the step `step`, which must be the last step plus 1. Returns when
  /// the step can be read. This adds records and positions to the transaction, also on failure, so
  /// clear() it afterwards. log::errc::fenced when the writer was replaced, even if the new writer
  /// has written a step with this number; errc::invalid_argument for another number;
  /// log::errc::outcome_unknown when the commit was repeated without a known outcome;
  /// log::errc::unavailable when a transaction of another client delayed its visibility for half a
  /// minute; and other errors of the log. After an error the step may have taken effect. So the
  /// writer ends: every later commit returns the same error, and a new writer continues after the
  /// last step in the log.
  [[nodiscard]] Result<log::Committed> commit(log::Transaction& transaction, std::int64_t step,
                                              const log::Record& progress);

  /// Keeps the claim while the caller writes no step: call it at least every second.
  /// log::errc::fenced, in this and all later calls, when the claim is lost.
  [[nodiscard]] Status keep();
  /// Calls `done` about ten times a second until it returns true or an error, for half a minute at
  /// most, and keeps the claim meanwhile. Returns false after half a minute.
  [[nodiscard]] Result<bool> wait_until(const std::function<Result<bool>()>& done);
  /// Waits until all committed steps are durable.
  [[nodiscard]] Status wait_durable();

 private:
  SinkWriter(log::Log& log, Clock& clock, Options options);
  [[nodiscard]] Status take_claim();
  [[nodiscard]] Result<log::Committed> commit_step(log::Transaction& transaction, std::int64_t step,
                                                   const log::Record& progress);
  [[nodiscard]] Result<log::Committed> commit_until_known(log::Transaction& transaction);
  [[nodiscard]] Status check_claim(std::optional<std::int64_t> written);
  [[nodiscard]] Status wait_visible(const log::Committed& committed);

  log::Log& log_;
  Clock& clock_;
  Options options_;
  log::TopicPartition progress_;
  log::GroupId group_;
  std::unique_ptr<log::Membership> membership_;
  std::unique_ptr<log::Waiter> waiter_;
  std::optional<log::Claim> claim_;
  bool is_lost_ = false;        // the claim, for ever
  std::int64_t last_step_ = 0;  // as far as this writer knows
  std::optional<Error> failure_;
  log::LogPosition last_;  // of the last commit
};

}  // namespace millrace::connect
