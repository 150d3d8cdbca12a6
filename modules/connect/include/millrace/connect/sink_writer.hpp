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

/// The loop of a sink: writes to a log exactly once, step after step. A step is one transaction:
/// what the caller appends and the positions that it sets, a record that says how far the work is,
/// and the number of the step, which is the position of the writer's group in the topic of
/// progress. So all of it becomes visible together or never. A step is committed under an exclusive
/// claim and with a sequence: one that is repeated takes effect once, and a writer that was
/// replaced writes nothing. A writer that takes over reads the records of progress and
/// continues after the last one. Not thread-safe.
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
    std::string group;        ///< whose claim the writer takes; its producer has the same name
    std::string task;         ///< the only task of that group
    log::TopicSpec progress;  ///< has one partition; created when it is missing
    std::string busy;         ///< the message of errc::busy: what else writes, and what to do
  };

  /// Takes the claim; waits up to half a minute for a writer that has just died. The log and the
  /// clock outlive the writer. errc::busy when another one writes, and failures of the log.
  [[nodiscard]] static Result<std::unique_ptr<SinkWriter>> open(log::Log& log, Clock& clock,
                                                                Options options);

  /// The partition with the records of progress.
  [[nodiscard]] log::TopicPartition progress() const { return progress_; }
  /// Reads the number of the last step that any writer committed; 0: there is none. On Kafka the
  /// record of progress of that step may be seen later than its number: before it is used,
  /// wait_until() the record of this number can be read. log::errc::out_of_range on Kafka when no
  /// step was committed for so long that the cluster dropped the position.
  [[nodiscard]] Result<std::int64_t> last_step();

  /// Commits the transaction as that step, which is one more than the last; returns when it can be
  /// read. The transaction holds more than the caller added, also after a failure: clear() it.
  /// log::errc::fenced when the writer was replaced, also when the other one has written a step of
  /// that number; errc::invalid_argument for another number, log::errc::outcome_unknown when
  /// repeating it did not help, log::errc::unavailable when a transaction of others kept it from
  /// being read for half a minute, and other failures of the log. A failure ends the writer, for
  /// the step may have taken effect: every later commit returns the same failure, and a new writer
  /// continues after the last step that there is.
  [[nodiscard]] Result<log::Committed> commit(log::Transaction& transaction, std::int64_t step,
                                              const log::Record& progress);

  /// Keeps the claim while there is nothing to write: call it at least every second.
  /// log::errc::fenced, from then on, when the claim is lost.
  [[nodiscard]] Status keep();
  /// Calls `done` some ten times a second until it returns true or fails, for half a minute at
  /// most, and keeps the claim meanwhile. False when it never was true.
  [[nodiscard]] Result<bool> wait_until(const std::function<Result<bool>()>& done);
  /// Returns when all that was written is durable.
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
