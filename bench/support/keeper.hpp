// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <thread>

#include "millrace/log/log.hpp"

namespace millrace::bench {

/// Does the housekeeping of a log, as a service would, in a thread of its own as long as it lives.
class Keeper {
 public:
  /// `log` outlives the keeper.
  explicit Keeper(log::Log& log);

 private:
  std::jthread thread_;
};

}  // namespace millrace::bench
