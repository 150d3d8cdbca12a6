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

/// When durable batches move from the journal into segments of their partitions, and the journal
/// lets go of what it does not need any more: docs/formats/settled_segment.md. One member does it
/// for all, in Log::maintain_storage(), or in commits of a handle for which nobody calls that, when
/// they would be slowed down else. A log that once settled needs a build that knows of it.
struct SettleOptions {
  bool on = false;                            ///< `file:DIR` turns it on
  std::uint64_t bytes = 64U << 10U;           ///< a partition settles when so many bytes wait,
  std::int64_t age_ms = 600'000;              ///< or when its oldest batch was appended so long ago
  std::int64_t interval_ms = 1'000;           ///< between two looks at all partitions
  std::uint64_t segment_bytes = 1ULL << 30U;  ///< of a settled segment; at most 2^31 - 1
  /// When more of the journal is not settled, each commit waits a little before it begins.
  std::uint64_t unsettled_bytes_max = 1ULL << 30U;
  /// Between two looks at what topics no longer keep, and at what is to be compacted.
  std::int64_t cleaning_interval_ms = 15'000;
  /// A compaction lets others settle after it read so many bytes.
  std::uint64_t compaction_step_bytes = 8ULL << 20U;
};

/// How fast the log is read in the background to find damage, by one member for all, in
/// Log::maintain_storage(). Opening a log reads only what lies behind its checkpoint, so damage
/// before it is found in this way, or by a reader. It is counted (`scrub_errors`) and reported to
/// EmbeddedOptions::notice, and stops nothing.
struct ScrubOptions {
  std::uint64_t bytes_per_s = 0;      ///< reads so much at most; 0: nothing is read
  std::int64_t pause_ms = 3'600'000;  ///< before the first pass over the log, and between two
};

/// Gets lines for people: how far another process is that opens the log, and what damage was found.
/// Called by threads that open a log or call Log::maintain_storage().
using Notice = std::function<void(std::string_view line)>;

/// What only the log in a directory can be asked for. The defaults are right for services.
struct EmbeddedOptions {
  std::uint64_t segment_bytes = 64ULL << 20U;  ///< of a new segment of the journal
  std::int64_t stuck_holder_ms = 2'000;  ///< a lock holder without progress for so long is killed
  bool force = false;  ///< open on file systems that are refused by name, at your own risk
  SettleOptions settle = {};
  ScrubOptions scrub = {};                 ///< off; `file:DIR` turns it on
  Notice notice = {};                      ///< outlives the log; empty: there are no lines
  SharedRegionFactory* regions = nullptr;  ///< outlives the log; null: the machine's
};

/// Makes open_log() know `file:DIR`, the log in a directory that several processes of one machine
/// share. It settles, and a scrubber reads 4 MiB a second; `file:DIR?settle=off` and `scrub=off`
/// turn them off. Call it before open_log(); a service does it by itself. Logs that are opened
/// after it get the notice of the last call. Thread-safe, any number of times.
void register_embedded(Notice notice = {});

/// Opens the log in a directory, with what open_log("file:DIR") cannot say. Failures as there.
[[nodiscard]] Result<std::unique_ptr<Log>> open_embedded(const std::string& directory,
                                                         LogEnvironment& environment,
                                                         LogOptions options,
                                                         const EmbeddedOptions& embedded = {});

}  // namespace millrace::log
