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

/// Appends records from outside of a topology, in the order in which they come. Records that come
/// while a commit is under way go together into the next one, or when they are many (1 MiB) into
/// the next ones, each record atomic by itself. Bounded: refuses when too much waits.
///
/// It has no thread of its own. A thread of the caller may be in run() and commit; otherwise the
/// first thread that waits for a record commits all that wait, one commit at a time, and calls
/// their Done. Writer is its typed face. Thread-safe.
///
/// When the log throws in a commit, or a Done does, the thread that commits gets the exception:
/// from commit_until(), commit_all(), wait_for_room() or run(). The writer then takes no more
/// records, log::errc::closed, and calls each Done that it has, so that no thread waits for ever.
class RecordWriter {
 public:
  /// Called once for each record that was taken, by the thread that commits: with the end of its
  /// commit when it is committed (not yet durable), else with the reason: as log::Log::commit();
  /// log::errc::outcome_unknown when the log threw, log::errc::closed when an earlier commit did.
  /// It may append, but must not wait for a record, and must not throw.
  using Done = std::function<void(const Result<log::LogPosition>&)>;

  /// `log` and `clock` outlive the writer; `random`, which makes the ids of this writer different
  /// from those of others, is used by the constructor only. append() takes records while less than
  /// `max_waiting_bytes` (at least 1) wait to be committed.
  RecordWriter(log::Log& log, Clock& clock, Random& random,
               std::size_t max_waiting_bytes = 16U << 20U);
  /// Commits what waits. When it is destroyed because of an exception, it waits for the commit that
  /// is under way and commits nothing more; each Done is called with log::errc::closed.
  ~RecordWriter();
  RecordWriter(const RecordWriter&) = delete;
  RecordWriter& operator=(const RecordWriter&) = delete;

  /// Copies the record and returns at once; `done`, which is not empty, is called later.
  /// millrace::errc::busy when too much waits, log::errc::too_large, log::errc::closed after a
  /// commit that threw: nothing was taken, and `done` is not called.
  [[nodiscard]] Status append(log::TopicPartition partition, const log::Record& record, Done done);

  /// Commits what waits until `reached` returns true, or nothing waits and no commit is under way;
  /// for a thread that waits for a Done, which makes it true. `reached` is called with a lock held
  /// and may not use this writer. While a thread is in run(), that one commits. A Done must not
  /// call it: the process ends. Throws what the log throws.
  void commit_until(FunctionRef<bool()> reached);
  /// Commits all that waits.
  void commit_all();
  /// Commits until append() takes records again.
  void wait_for_room();
  /// Commits what comes until stop(), and then what still waits: for a thread of the caller.
  void run();
  void stop();

  /// An id for an event: each call makes another one, and writers make different ones unless the
  /// numbers of their Random are the same.
  [[nodiscard]] std::string new_id();
  /// Ends the process when a Done of this writer calls it: a Done must not wait for a record.
  void check_not_in_done() const;
  [[nodiscard]] log::Log& log() const;
  [[nodiscard]] Clock& clock() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace millrace::stream
