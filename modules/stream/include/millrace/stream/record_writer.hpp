// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "millrace/base/clock.hpp"
#include "millrace/base/error.hpp"
#include "millrace/base/random.hpp"
#include "millrace/log/log.hpp"

namespace millrace::stream {

/// Appends records from outside of a topology, in the order in which they come. Records that come
/// while a commit is under way go together into the next one, or when they are many (1 MiB) into
/// the next ones, each record atomic by itself. Bounded: refuses when too much waits.
///
/// It has no thread of its own: what waits is committed in calls of commit_until() and run(), one
/// commit at a time, by whichever thread comes first. Writer is its typed face. Thread-safe.
class RecordWriter {
 public:
  using Done = std::function<void(const Result<log::LogPosition>&)>;

  /// `log` and `clock` outlive the writer; `random` is used by the constructor only.
  RecordWriter(log::Log& log, Clock& clock, Random& random,
               std::size_t max_waiting_bytes = 16U << 20U);
  /// Commits what waits.
  ~RecordWriter();
  RecordWriter(const RecordWriter&) = delete;
  RecordWriter& operator=(const RecordWriter&) = delete;

  /// Copies the record and returns at once; `done` is called by the thread that commits, when the
  /// record is committed (not yet durable) or refused; it must not throw. millrace::errc::busy when
  /// too much waits, log::errc::too_large: nothing was taken, and `done` is not called.
  [[nodiscard]] Status append(log::TopicPartition partition, const log::Record& record, Done done);

  /// Commits what waits until `reached` returns true; for one who waits for a `done`, which makes
  /// it true. It is called with a lock held. Returns too when nothing waits and no commit is under
  /// way. Not to be called by a `done`.
  void commit_until(const std::function<bool()>& reached);
  /// Commits whatever comes until stop(), and then what still waits: for a thread of the caller.
  void run();
  void stop();

  /// An id for an event, which no other writer makes.
  [[nodiscard]] std::string new_id();
  [[nodiscard]] log::Log& log() const;
  [[nodiscard]] Clock& clock() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace millrace::stream
