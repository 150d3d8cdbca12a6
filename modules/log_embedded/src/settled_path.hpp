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
/// What that directory is renamed to when the topic is deleted:
/// `DIR/settled/<topic>-<partition>.<number>-delete`, of a long name only the beginning, as a name
/// in a directory has 255 bytes at most.
[[nodiscard]] std::string deleted_directory(const std::string& log, const Topic& topic,
                                            std::int32_t partition);
/// Whether a directory in `settled` is one of a deleted topic: a partition's ends in its number.
[[nodiscard]] bool is_deleted_directory(std::string_view name);

}  // namespace millrace::log::embedded
