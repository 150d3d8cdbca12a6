// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <atomic>
#include <cstddef>
#include <string>

#include "millrace/base/error.hpp"
#include "millrace/base/file_system.hpp"
#include "output.hpp"

namespace millrace::cli {

struct DumpOptions {
  std::string segment;   ///< a `.log` file of Kafka or of a settled segment
  bool batches = false;  ///< without their records
  bool json = false;
  /// Of which transactions the outcome is held, about 80 bytes each; that of others is unknown.
  std::size_t transactions_max = 256U << 10U;
};

namespace dump_errc {
/// The user stopped it before the end of the segment. Remedy: start it again.
inline constexpr ErrorCode stopped{"dump.stopped"};
}  // namespace dump_errc

/// Prints the batches of a segment and their records. Reads it twice: what became of transactions
/// is known at their end. log::errc::corrupt names the first damage, after all that can be read was
/// printed: batches whose checksum is wrong are passed over, and the walk ends where a batch has no
/// end. log::errc::too_large, in the same way, for a batch that is not opened because it would take
/// too much memory. `stop` ends it early, with dump_errc::stopped.
[[nodiscard]] Status dump_segment(FileSystem& files, const DumpOptions& options,
                                  const std::atomic<bool>& stop, Output& out);

}  // namespace millrace::cli
