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

/// What the file `checkpoint` holds: the state that frames build up, as it is at a durable
/// position. docs/formats/journal.md.
struct Checkpoint {
  std::uint64_t log_id = 0;
  std::uint32_t incarnation = 0;
  Lineage lineage;             ///< 0: a build wrote it that knows none
  std::uint64_t position = 0;  ///< everything before it is durable
  std::uint64_t begin = 0;     ///< where the first frame that is kept begins
  /// Checksum of the frame before that one; 0 when there was none.
  std::uint32_t begin_previous = 0;
  std::uint32_t checksum = 0;  ///< of the frame that ends at `position`
  std::uint64_t segment = 0;   ///< where the segment of that frame begins; not in the file
  std::vector<std::string> catalog;
  std::vector<std::int64_t> next_offsets;  ///< by row
  /// By row, up to where the partition is settled, durably. Of `__catalog` its next offset: the
  /// checkpoint has all of it. Empty in checkpoints that older builds wrote.
  std::vector<std::int64_t> settled;
  /// By row, the first offset that is kept. Empty in checkpoints that older builds wrote.
  std::vector<std::int64_t> starts;
  std::vector<PositionRecord> positions;
  /// What a commit gave, for those whose frame lies before `begin`.
  struct Outcome {
    std::uint32_t incarnation = 0;  ///< 0: it was lost, as the checkpoint that had it was damaged
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
    Outcome outcome;  ///< only when its frame lies before `begin`
  };
  std::vector<Producer> producers;

  /// Whether something is settled, or was removed from the journal: the journal alone does not
  /// make the tables then.
  [[nodiscard]] bool has_settled() const;
  /// Whether retention removed something that was settled.
  [[nodiscard]] bool has_removed() const;
  [[nodiscard]] std::string encode() const;
  /// errc::corrupt; incompatible when a newer build wrote it.
  [[nodiscard]] static Result<Checkpoint> decode(std::string_view bytes);
  /// Takes the tables of the control file; the outcomes are left out.
  void take_tables(const Locked&, const Control& control, std::size_t rows);
  /// The producer whose last commit lies in that frame; null without one.
  [[nodiscard]] const Producer* find_producer(std::string_view name, std::uint64_t frame) const;
};

/// The directory's checkpoint; no value when there is none or it is damaged. A damaged one is as
/// good as none as long as the whole journal is there. In a log that has settled segments the copy
/// takes its place, because nothing else knows how far they are durable; errc::corrupt when that is
/// damaged, too. errc::incompatible when a newer build wrote it.
[[nodiscard]] Result<std::optional<Checkpoint>> read_checkpoint(FileSystem& files,
                                                                const std::string& directory);
/// Replaces the checkpoint, durably. In a log that has settled its copy is replaced before, so that
/// one of them is whole at any time.
[[nodiscard]] Status write_checkpoint(FileSystem& files, const std::string& directory,
                                      const Checkpoint& made);
/// Whether the journal begins elsewhere than when `before` was read, so that what was read of it
/// meanwhile may have been removed: the reader begins again.
[[nodiscard]] Result<bool> begin_moved(FileSystem& files, const std::string& directory,
                                       const std::optional<Checkpoint>& before);

}  // namespace millrace::log::embedded
