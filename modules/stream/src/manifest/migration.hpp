// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "manifest/evolution.hpp"
#include "millrace/stream/manifest.hpp"

namespace millrace::stream {

/// What a migration does.
struct Migration {
  struct Part {
    std::size_t index = 0;          ///< of the new part in the manifest
    std::vector<std::size_t> from;  ///< indexes of the parts that it continues
    /// Its inputs that one of those read: the topic, and the index of that part.
    std::vector<std::pair<std::string, std::size_t>> inputs;
    std::vector<std::string> stores;  ///< by the names of before
  };
  Evolution evolution;      ///< of what the migration leaves, by the build
  std::vector<Part> parts;  ///< empty: the build continues all as it is
  /// Inputs that nobody reads any more, each with the index of the part that did.
  std::vector<std::pair<std::string, std::size_t>> left;
};

/// Plans how the parts of `before` that do not continue one to one in `now`, a first_manifest(),
/// become those of it. A store goes to the part that has it, if that also reads an input which
/// filled it and no private topic that is new to it: behind that the keys may be in other
/// partitions. One that the build lacks goes to the parts that read what filled it.
/// errc::topology_changed, also when no part moves and the build cannot continue the log.
[[nodiscard]] Result<Migration> plan_migration(const std::string& service, const Manifest& now,
                                               const Manifest& before, const TakenNames& taken);

}  // namespace millrace::stream
