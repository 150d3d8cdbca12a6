// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "copy/manifest_offsets.hpp"
#include "copy/offset_map.hpp"
#include "copy/plan.hpp"
#include "millrace/log/record.hpp"

namespace millrace::connect {

/// Headers of dead letters and replays name records by partition and offset
/// (docs/formats/dead_letter.md): in the copy they name the copies. The name of a record that was
/// not copied, or not in an earlier phase, stays as it is. So do manifests, by offsets. Not
/// thread-safe.
class References {
 public:
  /// The map outlives this.
  References(const OffsetMap& map, TopicNumbers topics) : map_(map), topics_(std::move(topics)) {}

  /// Headers for the copy of a record of that topic. Valid until the next call, and as long as the
  /// given ones.
  [[nodiscard]] log::HeadersView translate(std::string_view topic, log::HeadersView headers);
  /// The value for the copy of a record that is copied in that phase; as valid as headers. Failures
  /// as translate_manifest().
  [[nodiscard]] Result<std::optional<std::string_view>> translate(CopyPhase phase,
                                                                  const log::Record& record);

 private:
  [[nodiscard]] std::optional<std::string> copied_offset(log::HeadersView headers,
                                                         std::string_view of_topic) const;
  [[nodiscard]] std::optional<std::string> copied_letter(log::HeadersView headers,
                                                         std::string_view of_topic) const;
  [[nodiscard]] std::optional<log::Offset> find(std::string_view topic, std::int64_t partition,
                                                std::int64_t offset,
                                                std::string_view of_topic) const;

  const OffsetMap& map_;
  TopicNumbers topics_;
  log::HeadersBuilder built_;
  std::string value_;
};

}  // namespace millrace::connect
