// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <span>
#include <string_view>

#include "manifest/evolution.hpp"
#include "millrace/log/log.hpp"
#include "millrace/log/transaction.hpp"
#include "millrace/stream/manifest.hpp"

namespace millrace::stream {

// Positions in topics between parts that change together with the manifest.

/// Adds to the transaction where parts begin in topics between parts that they did not read before:
/// behind what a reset gave up. In a repartition a part gets a position even where it begins at the
/// first record, so that no record of it is removed for having been read by others. Failures of the
/// log.
[[nodiscard]] Status add_beginnings(log::Log& log, std::string_view service,
                                    const Evolution& evolution, log::Transaction& transaction);

/// Adds to the transaction that those of `parts` which were reset read repartitions no more: nobody
/// continues them, so no record is kept for them. A group without a position gets none. Failures of
/// the log.
[[nodiscard]] Status add_ends(log::Log& log, std::string_view service,
                              std::span<const Manifest::Part> parts, log::Transaction& transaction);

}  // namespace millrace::stream
