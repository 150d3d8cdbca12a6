// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string_view>
#include <vector>

#include "millrace/stream/manifest.hpp"

namespace millrace::stream {

/// The parts that were reset and in whose place that part is rebuilt, the latest first: they share
/// a store with it, or neither has a store and the sources are the same.
[[nodiscard]] std::vector<Manifest::Part> earlier_parts(const Manifest& manifest,
                                                        std::string_view name);

}  // namespace millrace::stream
