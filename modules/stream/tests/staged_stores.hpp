// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <memory>
#include <string>

#include "millrace/stream/memory_store.hpp"
#include "millrace/stream/overlay_store.hpp"
#include "millrace/testkit/map_store.hpp"

namespace millrace::stream::test {

/// `memory`, or `overlay` above the map of the test kit.
inline std::unique_ptr<StagedStore> make_store(const std::string& kind) {
  if (kind == "memory") return std::make_unique<MemoryStore>();
  return std::make_unique<OverlayStore>(std::make_unique<testkit::MapStore>());
}

}  // namespace millrace::stream::test
