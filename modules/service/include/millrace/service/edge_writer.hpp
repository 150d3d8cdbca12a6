// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <memory>

#include "millrace/base/clock.hpp"
#include "millrace/base/random.hpp"
#include "millrace/log/log.hpp"
#include "millrace/stream/record_writer.hpp"

namespace millrace::service {

/// Appends records that come from outside: a RecordWriter and the thread that commits for it. An
/// exception of the log, or of a RecordWriter::Done, ends the process (std::terminate), and a
/// service manager starts it again.
class EdgeWriter {
 public:
  /// `log` and `clock` must outlive the writer. Only the constructor uses `random`.
  EdgeWriter(log::Log& log, Clock& clock, Random& random, std::size_t max_waiting_bytes);
  /// Commits the waiting records, then ends its thread. A RecordWriter::Done must not call it.
  ~EdgeWriter();
  EdgeWriter(const EdgeWriter&) = delete;
  EdgeWriter& operator=(const EdgeWriter&) = delete;

  /// Thread-safe.
  [[nodiscard]] stream::RecordWriter& records();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace millrace::service
