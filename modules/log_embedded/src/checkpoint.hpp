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
  std::uint64_t position = 0;  ///< everything before it is durable
  std::uint64_t begin = 0;     ///< where the first frame of the log begins
  std::uint32_t checksum = 0;  ///< of the frame that ends there
  std::vector<std::string> catalog;
  std::vector<std::int64_t> next_offsets;  ///< by row
  std::vector<PositionRecord> positions;
  struct Producer {
    std::string name;
    ProducerState state;
  };
  std::vector<Producer> producers;

  [[nodiscard]] std::string encode() const;
  /// errc::corrupt; incompatible when a newer build wrote it.
  [[nodiscard]] static Result<Checkpoint> decode(std::string_view bytes);
  /// Takes the tables of the control file.
  void take_tables(const Locked&, const Control& control, std::size_t rows);
};

/// The directory's checkpoint; no value when there is none or it is damaged. A damaged one is as
/// good as none as long as the whole journal is there. errc::incompatible when a newer build wrote
/// it.
[[nodiscard]] Result<std::optional<Checkpoint>> read_checkpoint(FileSystem& files,
                                                                const std::string& directory);

}  // namespace millrace::log::embedded
