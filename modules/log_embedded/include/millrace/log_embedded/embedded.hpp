// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "millrace/base/error.hpp"
#include "millrace/log/environment.hpp"
#include "millrace/log/log.hpp"

namespace millrace {
class SharedRegionFactory;
}

namespace millrace::log {

/// When durable batches move from the journal into segments of their partitions, and journal
/// segments that are not needed any more are removed: docs/formats/settled_segment.md. One member
/// does it for all members, in Log::maintain_storage(). A handle for which nobody calls this
/// function does it in its commits before they would be slowed down. Builds without settling cannot
/// open a log that has settled.
struct SettleOptions {
  bool on = false;                   ///< `file:DIR` turns it on
  std::uint64_t bytes = 64U << 10U;  ///< a partition settles when this many bytes wait,
  /// or when its oldest batch was appended this long ago
  std::int64_t age_ms = 600'000;
  std::int64_t interval_ms = 1'000;           ///< between two checks of all partitions
  std::uint64_t segment_bytes = 1ULL << 30U;  ///< size of a settled segment; at most 2^31 - 1
  /// When more bytes of the journal are not settled, each commit is delayed a little.
  std::uint64_t unsettled_bytes_max = 1ULL << 30U;
  /// Between two searches for records to remove by retention and for partitions to compact.
  std::int64_t cleaning_interval_ms = 15'000;
  /// After a compaction has read this many bytes, it lets other partitions settle.
  std::uint64_t compaction_step_bytes = 8ULL << 20U;
};

/// How fast one member reads the log in the background to find damage, in Log::maintain_storage().
/// Opening a log reads only the journal after its checkpoint. So damage before the checkpoint is
/// found only in this way, or by a reader. Damage is counted (`scrub_errors`) and reported to
/// EmbeddedOptions::notice. It does not stop the log.
struct ScrubOptions {
  std::uint64_t bytes_per_s = 0;  ///< the maximum speed; 0: scrubbing is off
  /// before the first pass over the log, and between two passes
  std::int64_t pause_ms = 3'600'000;
};

/// Receives lines for people: the progress of another process that opens the log, and damage that
/// was found. Called in threads that open a log or call Log::maintain_storage().
using Notice = std::function<void(std::string_view line)>;

/// The options that only a log in a directory has. The defaults are right for services.
struct EmbeddedOptions {
  std::uint64_t segment_bytes = 64ULL << 20U;  ///< size of a new segment of the journal
  /// a process that holds the lock without progress for this time is killed
  std::int64_t stuck_holder_ms = 2'000;
  bool force = false;  ///< open on file systems that are refused by name, at your own risk
  SettleOptions settle = {};
  ScrubOptions scrub = {};  ///< off; `file:DIR` turns it on
  Notice notice = {};       ///< must outlive the log; empty: no lines are reported
  /// must outlive the log; null: the shared memory of the machine
  SharedRegionFactory* regions = nullptr;
};

/// Registers `file:DIR` for open_log(): the log in a directory that several processes of one
/// machine share. Such a log settles, and a scrubber reads 4 MiB a second; `file:DIR?settle=off`
/// and `scrub=off` turn this off. Call it before open_log(); a service does so by itself. It may be
/// called several times: logs that are opened later use the notice of the last call. Thread-safe.
void register_embedded(Notice notice = {});

/// Opens the log in a directory with options that open_log("file:DIR") does not have. Fails like
/// open_log().
[[nodiscard]] Result<std::unique_ptr<Log>> open_embedded(const std::string& directory,
                                                         LogEnvironment& environment,
                                                         LogOptions options,
                                                         const EmbeddedOptions& embedded = {});

}  // namespace millrace::log
