// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <optional>

#include "directory.hpp"
#include "millrace/base/error.hpp"
#include "millrace/log/log.hpp"
#include "run_pass.hpp"
#include "summary.hpp"

namespace retail {

/// Where a run continues.
struct Resumed {
  std::size_t answered = 0;             ///< so many requests need not be sent again
  std::optional<FinishedRun> finished;  ///< the summary, when this very run is over
};

/// Reads what the directory says of a pass over so many invoices, and believes of it what is in the
/// past of this log. A summary that is not is passed over and said so, for it can be made again.
/// errc::invalid_argument: the position of the feed speaks of requests that the run or the log does
/// not have; the summary is of a later format; or the next pass has begun and no summary is there.
[[nodiscard]] millrace::Result<Resumed> resume(millrace::log::Log& log,
                                               const DataDirectory& directory, const RunPass& pass,
                                               std::size_t invoices, const DataDirectory::Say& say);

}  // namespace retail
