// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/error.hpp"
#include "millrace/log/log.hpp"
#include "retail/contracts/insights.hpp"
#include "retail/contracts/shelves.hpp"

namespace retail {

/// Of each partition of a topic, by name, the offset behind its last record.
using TopicEnds = std::map<std::string, std::vector<std::int64_t>, std::less<>>;
/// Of one partition; 0 for one that was not there yet.
[[nodiscard]] std::int64_t end_of(const TopicEnds& ends, std::string_view topic,
                                  std::int32_t partition);

/// What a pass over the invoices leaves to the next one: how many requests it had, where the topics
/// ended, and what had added up by then.
struct PassEnd {
  std::int64_t requests = 0;
  TopicEnds topics;
  std::map<std::string, ShelfLevel, std::less<>> shelves;      ///< by product
  std::map<std::string, RevenueChanged, std::less<>> revenue;  ///< by country
};

/// The end of a pass as the topic `passes` says it; no value while the pass is not complete, and
/// when it was in the log that this one is a copy of. errc::corrupt when an event there cannot be
/// read; else failures as Log::fetch.
[[nodiscard]] millrace::Result<std::optional<PassEnd>> read_pass_end(millrace::log::Log& log,
                                                                     std::int64_t pass);

/// The last pass that has begun, as the topic `passes` says it, or said it in the log that this one
/// is a copy of; 1 when it says nothing. Failures as read_pass_end().
[[nodiscard]] millrace::Result<std::int64_t> last_begun(millrace::log::Log& log);

}  // namespace retail
