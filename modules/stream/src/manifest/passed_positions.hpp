// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string>

#include "millrace/log/log.hpp"

namespace millrace::stream {

/// Parts that were reset, or migrated to others, keep their positions for the rebuild, which takes
/// its inputs as they did. While a log has these positions it removes nothing behind them. Once the
/// live parts have passed all positions of such a part in the topics that they read too, that part
/// reads these topics no more (log::reads_no_more). Topics between parts are those of add_ends().
/// True: there are positions left, so look again later. Does nothing on a log that forgets
/// positions. Failures of the log.
[[nodiscard]] Result<bool> end_passed_positions(log::Log& log, const std::string& service);

}  // namespace millrace::stream
