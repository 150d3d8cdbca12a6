// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "millrace/log_embedded/shared_region.hpp"

namespace millrace {

/// SharedRegion::wait.
using RegionWait =
    std::function<void(std::uint32_t* word, std::uint32_t expected, std::int64_t timeout_ns)>;

/// Sleeps on a word of this process's memory, until PrivateRegion's wake.
void sleep_in_process(std::uint32_t* word, std::uint32_t expected, std::int64_t timeout_ns);

/// SharedRegionFactory::open_private. `wait` is what the region does when it waits.
[[nodiscard]] std::unique_ptr<SharedRegion> make_private_region(SharedRegion::Identity identity,
                                                                RegionWait wait);

}  // namespace millrace
