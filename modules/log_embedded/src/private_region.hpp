// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <memory>

#include "millrace/log_embedded/shared_region.hpp"

namespace millrace {

/// SharedRegionFactory::open_private. `sleeps`: wait() sleeps as on a machine; else it returns at
/// once, as in a simulation.
[[nodiscard]] std::unique_ptr<SharedRegion> make_private_region(SharedRegion::Identity identity,
                                                                bool sleeps);

}  // namespace millrace
