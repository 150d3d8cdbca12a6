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

/// Per partition, the batches in order of their offsets. Entries lie in shared blocks, in levels of
/// doubling size, so that an entry is found without a search. Any thread reads, up to the count it
/// loaded from the row.
class Index {
 public:
  /// `directory` outlives it; it has its control file before anything else is called.
  explicit Index(LogDirectory& directory);

  /// Makes room for one more entry, and maps it: append() cannot fail after it. errc::disk_full,
  /// limit, io_error, not_found; then nothing changed.
  [[nodiscard]] Status reserve(const Locked&, PartitionRow& row);
  /// Appends; room was reserved by this member. Sets `latest_back`. Readers see it at once.
  void append(const Locked&, PartitionRow& row, IndexEntry entry);
  /// Entry i < row.count.
  [[nodiscard]] Result<IndexEntry> at(const PartitionRow& row, std::uint64_t i);
  /// The first of `count` entries that ends after `from`; `count` when none does. Fast for those
  /// that are near the end.
  [[nodiscard]] Result<std::uint64_t> find(const PartitionRow& row, std::uint64_t count,
                                           std::int64_t from);
  /// The first entry from `from` on and before `count` whose batch has a record of that time or
  /// later; `count` without one. Logarithmic.
  [[nodiscard]] Result<std::uint64_t> first_at_time(const PartitionRow& row, std::uint64_t from,
                                                    std::uint64_t count, std::int64_t time_ms);
  /// Where a partition begins in the journal that has no entries: behind what is settled, or at its
  /// first offset.
  [[nodiscard]] static std::int64_t base(const PartitionRow& row);
  /// Where the partition ends by its last entry: the offset after that batch, or base().
  [[nodiscard]] Result<std::int64_t> end(const Locked&, const PartitionRow& row);

  /// What the entries of all partitions take, and have reserved. Any thread.
  [[nodiscard]] std::uint64_t bytes() const;

 private:
  [[nodiscard]] Result<char*> level(const PartitionRow& row, std::size_t number);

  static constexpr std::size_t max_blocks = 16384;
  LogDirectory& directory_;
  std::unique_ptr<std::array<std::atomic<char*>, max_blocks>> blocks_;
};

}  // namespace millrace::log::embedded
