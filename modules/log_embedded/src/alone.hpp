// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <optional>

#include "locked.hpp"
#include "millrace/base/error.hpp"
#include "millrace/log_embedded/shared_region.hpp"

namespace millrace::log::embedded {

/// Proves that no other process uses the region: its exclusive lock is held, or the region is
/// private. The destructor does not release the lock. Destroy the value before you ask the region
/// for another lock.
class Alone final : public Locked {
 public:
  /// No value when other processes have the log open.
  [[nodiscard]] static Result<std::optional<Alone>> take(SharedRegion& region) {
    MILLRACE_ASSIGN(const bool taken, region.try_lock(SharedRegion::LockMode::exclusive));
    return taken ? std::optional<Alone>(Alone()) : std::nullopt;
  }
  Alone(Alone&&) noexcept = default;

 private:
  Alone() = default;
};

}  // namespace millrace::log::embedded
