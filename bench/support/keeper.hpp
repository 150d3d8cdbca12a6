// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <thread>

#include "millrace/log/log.hpp"

namespace millrace::bench {

/// Does the housekeeping of a log, as a service would, in threads of its own as long as it lives.
class Keeper {
 public:
  /// `log` outlives the keeper.
  explicit Keeper(log::Log& log);

 private:
  std::jthread house_;
  std::jthread storage_;
};

}  // namespace millrace::bench
