// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

#include "control.hpp"
#include "index_entry.hpp"
#include "locked.hpp"
#include "log_directory.hpp"
#include "millrace/base/error.hpp"

namespace millrace::log::embedded {

/// The batches of each partition, in the order of their offsets. Entries are in shared blocks, in
/// levels of doubling size, so that an entry is found without a search. Any thread may read, up to
/// the count that it loaded from the row.
class Index {
 public:
  /// `directory` must outlive it, and must have its control file before any other call.
  explicit Index(LogDirectory& directory);

  /// Reserves and maps memory for one more entry, so that the next append() cannot fail.
  /// errc::disk_full, limit, io_error, not_found; then nothing was changed.
  [[nodiscard]] Status reserve(const Locked&, PartitionRow& row);
  /// Appends an entry, for which this member has called reserve() before. Sets `latest_back`.
  /// Readers see the entry at once.
  void append(const Locked&, PartitionRow& row, IndexEntry entry);
  /// Entry i < row.count.
  [[nodiscard]] Result<IndexEntry> at(const PartitionRow& row, std::uint64_t i);
  /// The first of `count` entries that ends after `from`; `count` if there is none. Fast for
  /// entries near the end.
  [[nodiscard]] Result<std::uint64_t> find(const PartitionRow& row, std::uint64_t count,
                                           std::int64_t from);
  /// The first entry in [from, count) whose batch has a record of this time or later; `count` if
  /// there is none. Logarithmic.
  [[nodiscard]] Result<std::uint64_t> first_at_time(const PartitionRow& row, std::uint64_t from,
                                                    std::uint64_t count, std::int64_t time_ms);
  /// The offset at which a partition without entries begins in the journal: after the settled
  /// records, or at its first offset.
  [[nodiscard]] static std::int64_t base(const PartitionRow& row);
  /// The end of the partition according to its last entry: the offset after that batch, or base().
  [[nodiscard]] Result<std::int64_t> end(const Locked&, const PartitionRow& row);

  /// The memory that the entries of all partitions use and have reserved. Any thread.
  [[nodiscard]] std::uint64_t bytes() const;

 private:
  [[nodiscard]] Result<char*> level(const PartitionRow& row, std::size_t number);

  static constexpr std::size_t max_blocks = 16384;
  LogDirectory& directory_;
  std::unique_ptr<std::array<std::atomic<char*>, max_blocks>> blocks_;
};

}  // namespace millrace::log::embedded
