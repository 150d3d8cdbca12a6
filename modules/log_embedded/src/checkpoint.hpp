// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control.hpp"
#include "millrace/base/error.hpp"
#include "millrace/base/file_system.hpp"
#include "tables.hpp"

namespace millrace::log::embedded {

/// The content of the file `checkpoint`: the state that results from all frames up to a durable
/// position. docs/formats/journal.md.
struct Checkpoint {
  std::uint64_t log_id = 0;
  std::uint32_t incarnation = 0;
  Lineage lineage;             ///< 0: written by a build that does not know lineages
  std::uint64_t position = 0;  ///< all commits before it are durable
  std::uint64_t begin = 0;     ///< where the first frame begins that the journal still has
  /// Checksum of the frame before that one; 0 when there was none.
  std::uint32_t begin_previous = 0;
  std::uint32_t checksum = 0;  ///< of the frame that ends at `position`
  std::uint64_t segment = 0;   ///< where the segment of that frame begins; not in the file
  std::vector<std::string> catalog;
  std::vector<std::int64_t> next_offsets;  ///< by row
  /// By row: the offset up to which the partition is settled durably. For `__catalog` its next
  /// offset, because the checkpoint has all of it. Empty in checkpoints of older builds.
  std::vector<std::int64_t> settled;
  /// By row: the first offset that is kept. Empty in checkpoints of older builds.
  std::vector<std::int64_t> starts;
  std::vector<PositionRecord> positions;
  /// The outcome of a commit whose frame is before `begin`.
  struct Outcome {
    std::uint32_t incarnation = 0;  ///< 0: lost, because the checkpoint that had it was damaged
    std::uint64_t end = 0;          ///< of the frame
    struct Partition {
      TopicPartition id;
      std::int64_t offset = 0;
    };
    std::vector<Partition> partitions;
  };
  struct Producer {
    std::string name;
    ProducerState state;
    Outcome outcome;  ///< only when its frame is before `begin`
  };
  std::vector<Producer> producers;

  /// True if records were settled or removed from the journal. Then the tables cannot be built from
  /// the journal alone.
  [[nodiscard]] bool has_settled() const;
  /// True if retention removed settled records.
  [[nodiscard]] bool has_removed() const;
  [[nodiscard]] std::string encode() const;
  /// errc::corrupt; incompatible when a newer build wrote it.
  [[nodiscard]] static Result<Checkpoint> decode(std::string_view bytes);
  /// Copies the tables of the control file, without the outcomes.
  void take_tables(const Locked&, const Control& control, std::size_t rows);
  /// The producer whose last commit is in this frame; null if there is none.
  [[nodiscard]] const Producer* find_producer(std::string_view name, std::uint64_t frame) const;
};

/// Reads the checkpoint of the directory; no value when it is missing or damaged. While the whole
/// journal is there, a damaged checkpoint is not needed. In a log that has settled segments, the
/// copy is used instead, because only the checkpoint knows up to where they are durable;
/// errc::corrupt when the copy is damaged too. errc::incompatible when a newer build wrote it.
[[nodiscard]] Result<std::optional<Checkpoint>> read_checkpoint(FileSystem& files,
                                                                const std::string& directory);
/// Replaces the checkpoint durably. In a log that has settled, replaces the copy first, so that one
/// of the two is complete at any time.
[[nodiscard]] Status write_checkpoint(FileSystem& files, const std::string& directory,
                                      const Checkpoint& made);
/// True if the beginning of the journal has moved since `before` was read. Then frames that were
/// read meanwhile may have been removed, and the reader must begin again.
[[nodiscard]] Result<bool> begin_moved(FileSystem& files, const std::string& directory,
                                       const std::optional<Checkpoint>& before);

}  // namespace millrace::log::embedded
