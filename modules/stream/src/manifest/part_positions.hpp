// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "manifest/evolution.hpp"
#include "millrace/log/log.hpp"
#include "millrace/log/transaction.hpp"
#include "millrace/stream/manifest.hpp"

namespace millrace::stream {

// Positions in topics between parts that change together with the manifest.

/// errc::topology_changed when records are removed that a part which is new to a repartition would
/// read; failures of the log.
[[nodiscard]] Status check_beginnings(log::Log& log, std::string_view service,
                                      const Evolution& evolution);

/// Adds to the transaction where parts begin in topics between parts that they did not read before:
/// behind what a reset gave up. In a repartition, on a log that keeps positions for ever, a part
/// gets a position even where it begins at the first record, so that no record is removed for
/// having been read by others. Fails as check_beginnings() does.
[[nodiscard]] Status add_beginnings(log::Log& log, std::string_view service,
                                    const Evolution& evolution, log::Transaction& transaction);

/// After the commit of what add_beginnings() added. Records may have been removed before it, when
/// no position kept them yet: a position before the first record of a repartition is set to that,
/// once, as none is removed after the commit. Returns what is missing, for people: as a rule
/// nothing. Failures of the log.
[[nodiscard]] Result<std::vector<std::string>> raise_beginnings(log::Log& log,
                                                                std::string_view service,
                                                                const Evolution& evolution);

/// Names of the repartitions from which the log has removed records that a part which is rebuilt
/// alone would read. Failures of the log.
[[nodiscard]] Result<std::vector<std::string>> lost_repartitions(log::Log& log,
                                                                 const Manifest& manifest);

/// Adds to the transaction that the groups of `parts`, which the same transaction resets, hold in
/// repartitions what the parts that come after them will read, until add_ends(). Failures of the
/// log.
[[nodiscard]] Status add_holds(log::Log& log, std::string_view service, const Manifest& manifest,
                               std::span<const Manifest::Part> parts,
                               log::Transaction& transaction);

/// Adds to the transaction that those of `parts` which were reset read repartitions no more: nobody
/// continues them, so no record is kept for them. A group without a position gets none, and none
/// does on a log that forgets positions. Failures of the log.
[[nodiscard]] Status add_ends(log::Log& log, std::string_view service,
                              std::span<const Manifest::Part> parts, log::Transaction& transaction);

}  // namespace millrace::stream
