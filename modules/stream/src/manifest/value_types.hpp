// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "millrace/base/error.hpp"

namespace millrace::stream {

/// Types of the values in a private topic, as codec::to_text(TypeShape).
struct ValueTypes {
  std::string value;                ///< of those that are written from now on
  std::vector<std::string> values;  ///< of all, by their numbers from 1; empty: `value` alone
};

/// The types when a build whose type is `now` continues the topic. Where the bytes of one of them
/// are those of `now`, but for what was added or left out at the end, that one is used; else `now`
/// is added, if all that is there can be converted to it. Only the first is possible without
/// `converts`. errc::topology_changed: why not.
[[nodiscard]] Result<ValueTypes> continue_types(const ValueTypes& before, const std::string& now,
                                                bool converts);

/// The same of values in another serde than `binary`, which have no numbers. Those in `json` are
/// read by name; of other serdes only the program knows what they read, so a changed type is
/// refused.
[[nodiscard]] Result<ValueTypes> continue_types_in(const std::string& serde,
                                                   const ValueTypes& before,
                                                   const std::string& now);

/// The number of `value`.
[[nodiscard]] std::uint32_t number_of(const ValueTypes& types);

}  // namespace millrace::stream
