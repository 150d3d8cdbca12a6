// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "millrace/base/clock.hpp"
#include "millrace/base/error.hpp"
#include "millrace/base/function_ref.hpp"
#include "millrace/base/random.hpp"
#include "millrace/log/log.hpp"

namespace millrace::stream {

/// Appends records from outside of a topology, in the order of the calls. Records that come during
/// a commit go into the next commit together; if they are more than 1 MiB, into several commits.
/// Each record is atomic by itself. The number of waiting bytes is bounded: beyond it append()
/// fails.
///
/// It has no thread. A thread of the caller may be in run(), which commits. Otherwise the first
/// thread that waits for a record commits all waiting records, one commit at a time, and calls
/// their Done functions. Writer is the typed interface. Thread-safe.
///
/// When the log or a Done throws an exception in a commit, the thread that commits gets it, from
/// commit_until(), commit_all(), wait_for_room() or run(). After that the writer accepts no more
/// records (log::errc::closed) and calls each Done that it has, so that no thread waits for ever.
class RecordWriter {
 public:
  /// Called once for each accepted record, in the thread that commits. The argument is the end of
  /// the commit when the record is committed (not yet durable), otherwise the error: those of
  /// log::Log::commit(); log::errc::outcome_unknown when the log threw an exception;
  /// log::errc::closed when an earlier commit threw one. It may append records, but must not wait
  /// for a record, and must not throw.
  using Done = std::function<void(const Result<log::LogPosition>&)>;

  /// `log` and `clock` must outlive the writer. `random` makes the ids of this writer unique; only
  /// the constructor uses it. append() accepts records while fewer than `max_waiting_bytes` (at
  /// least 1) wait to be committed.
  RecordWriter(log::Log& log, Clock& clock, Random& random,
               std::size_t max_waiting_bytes = 16U << 20U);
  /// Commits the waiting records. When it is destroyed because of an exception, it waits for the
  /// present commit and makes no further one; each Done is called with log::errc::closed.
  ~RecordWriter();
  RecordWriter(const RecordWriter&) = delete;
  RecordWriter& operator=(const RecordWriter&) = delete;

  /// Copies the record and returns at once; `done` is called later and must not be empty.
  /// millrace::errc::busy when too many bytes wait, log::errc::too_large, log::errc::closed after a
  /// commit threw an exception. After an error the record was not accepted, and `done` is not
  /// called.
  [[nodiscard]] Status append(log::TopicPartition partition, const log::Record& record, Done done);

  /// Commits waiting records until `reached` returns true, or until no record waits and no commit
  /// runs. For a thread that waits for a Done, which lets `reached` return true. `reached` is
  /// called with a lock held and must not use this writer. While a thread is in run(), only that
  /// thread commits. If a Done calls this function, the process ends. Throws the exceptions of the
  /// log.
  void commit_until(FunctionRef<bool()> reached);
  /// Commits all waiting records.
  void commit_all();
  /// Commits until append() accepts records again.
  void wait_for_room();
  /// Commits records as they come until stop(), and then the remaining ones. For a thread of the
  /// caller.
  void run();
  void stop();

  /// Returns a new id for an event, different at each call. The ids of different writers differ
  /// unless their Random returns the same numbers.
  [[nodiscard]] std::string new_id();
  /// Ends the process when a Done of this writer calls it, because a Done must not wait for a
  /// record.
  void check_not_in_done() const;
  [[nodiscard]] log::Log& log() const;
  [[nodiscard]] Clock& clock() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace millrace::stream
