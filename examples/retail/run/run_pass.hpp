// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "millrace/base/error.hpp"
#include "millrace/log/log.hpp"
#include "retail/audit/pass_end.hpp"

namespace retail {

/// One pass over the invoices, as the log and the directory of the run know it.
struct RunPass {
  std::int64_t number = 1;
  std::optional<PassEnd> begin = {};  ///< what the pass before left; none for the first
  std::optional<PassEnd> end = {};    ///< what it left itself; no value: it is not complete
  bool has_begun = true;              ///< the log says so; the first one always has
  bool next_has_begun = false;        ///< from then on the end stays as it is

  [[nodiscard]] TopicEnds begins_behind() const { return begin ? begin->topics : TopicEnds{}; }
};

/// The files of a pass in the directory of the run: `feed.position` and `summary.json` of the
/// first, `feed-2.position` and `summary-2.json` of the second.
[[nodiscard]] std::string position_file(std::int64_t pass);
[[nodiscard]] std::string summary_file(std::int64_t pass);

/// Finds in the log a pass over so many invoices; one that had fewer is not complete.
/// errc::invalid_argument: the pass before is not complete; or the next one has begun, and this one
/// had fewer invoices; or the log is a copy in which nothing says where the passes meet. Failures
/// as read_pass_end().
[[nodiscard]] millrace::Result<RunPass> find_pass(millrace::log::Log& log, std::int64_t number,
                                                  std::size_t invoices);

}  // namespace retail
