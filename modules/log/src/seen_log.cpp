// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/log/seen_log.hpp"

namespace millrace::log {

// A handle that only reads sees a lineage that begins at any time, and commits of it after that.
SeenLog see_log(Log& log) {
  SeenLog seen{log.lineage(), log.committed()};
  for (Lineage now = log.lineage(); now != seen.lineage; now = log.lineage()) {
    seen = {now, log.committed()};
  }
  return seen;
}

}  // namespace millrace::log
