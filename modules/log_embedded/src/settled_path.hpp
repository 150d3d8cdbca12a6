// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "millrace/log/types.hpp"

namespace millrace::log::embedded {

/// The directory of a partition's settled segments: `DIR/settled/<topic>-<partition>`, as a broker
/// of Kafka names it.
[[nodiscard]] std::string settled_directory(const std::string& log, std::string_view topic,
                                            std::int32_t partition);
/// The name of that directory after the topic was deleted:
/// `DIR/settled/<topic>-<partition>.<number>-delete`. A long name is cut, because a name in a
/// directory has at most 255 bytes.
[[nodiscard]] std::string deleted_directory(const std::string& log, const Topic& topic,
                                            std::int32_t partition);
/// True if a directory in `settled` belongs to a deleted topic; the name of a partition's directory
/// ends in its number.
[[nodiscard]] bool is_deleted_directory(std::string_view name);

}  // namespace millrace::log::embedded
