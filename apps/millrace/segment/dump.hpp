// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <atomic>
#include <string>

#include "millrace/base/error.hpp"
#include "millrace/base/file_system.hpp"
#include "output.hpp"

namespace millrace::cli {

struct DumpOptions {
  std::string segment;   ///< a `.log` file of Kafka or of a settled segment
  bool batches = false;  ///< without their records
  bool json = false;
};

/// Prints the batches of a segment and their records. Reads it twice: what became of transactions
/// is known at their end. log::errc::corrupt names the first damage, after all that can be read was
/// printed: batches whose checksum is wrong are passed over, and the walk ends where a batch has no
/// end. `stop` ends it early.
[[nodiscard]] Status dump_segment(FileSystem& files, const DumpOptions& options,
                                  const std::atomic<bool>& stop, Output& out);

}  // namespace millrace::cli
