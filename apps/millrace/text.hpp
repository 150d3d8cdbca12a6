// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "millrace/base/message_text.hpp"
#include "millrace/base/terminal_text.hpp"
#include "millrace/base/text.hpp"

namespace millrace::cli {

/// A whole number, all of the text.
[[nodiscard]] std::optional<std::int64_t> parse_integer(std::string_view text);

/// A record within its topic, written `PARTITION:OFFSET`.
struct PartitionOffset {
  std::int32_t partition = 0;
  std::int64_t offset = 0;
};
[[nodiscard]] std::optional<PartitionOffset> parse_partition_offset(std::string_view text);
/// `topic-partition:offset`.
[[nodiscard]] std::string record_name(std::string_view topic, std::int32_t partition,
                                      std::int64_t offset);

}  // namespace millrace::cli
