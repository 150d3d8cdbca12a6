// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/error.hpp"
#include "millrace/log/log.hpp"
#include "millrace/stream/manifest.hpp"

namespace millrace::stream {

/// What is rebuilt by the next start of a service.
struct TopologyReset {
  Manifest manifest;                  ///< the next one
  std::vector<Manifest::Part> parts;  ///< as they were
  /// Names of those parts that are rebuilt only because a repartition has lost records.
  std::vector<std::string> added;
  /// Inputs of which the log no longer has the beginning, for people: the stores will lack that.
  std::vector<std::string> removed;
};

/// Chooses the parts that hold the stores, or all when there are none, and with them those that
/// share topics between parts which a chosen part writes or once wrote: what is written there again
/// is counted once. So are the parts that write or once wrote to one of the repartitions `lost`
/// which a chosen part reads: the log has removed records that it would read. Parts that are not in
/// the topology at present are chosen too, and parts that were reset before and have not started
/// since. errc::unknown_store.
[[nodiscard]] Result<TopologyReset> choose_parts(const Manifest& manifest,
                                                 const std::vector<std::string>& stores,
                                                 const std::vector<std::string>& lost = {});

/// Has parts of a service's topology rebuilt: at its next start they begin at the earliest records
/// of their inputs, with empty stores, whatever types these have now. Deletes nothing. `log` is a
/// handle of the service; when `dry_run`, any, and nothing is written. A log of a build that kept
/// no manifest can be reset as a whole. After a failure, errc::busy included, it can be repeated.
/// base's errc::not_found when the log has nothing of the service, errc::busy while an instance of
/// it lives, errc::invalid_argument when a store that was not asked for would lose what the inputs
/// of its part no longer have, else as choose_parts(), and failures of the log.
[[nodiscard]] Result<TopologyReset> reset_topology(log::Log& log, std::string_view service,
                                                   const std::vector<std::string>& stores,
                                                   bool dry_run);

}  // namespace millrace::stream
