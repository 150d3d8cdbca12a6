// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace millrace::log::embedded {

/// The directory of a partition's settled segments: `DIR/settled/<topic>-<partition>`, as a broker
/// of Kafka names it.
[[nodiscard]] std::string settled_directory(const std::string& log, std::string_view topic,
                                            std::int32_t partition);

}  // namespace millrace::log::embedded
