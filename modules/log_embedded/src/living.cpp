// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "living.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace millrace::log::embedded {

std::string describe_living(SharedRegion& region, const std::string& path) {
  std::string known;
  std::size_t count = 0;
  bool unknown = false;
  for (const std::int64_t pid : region.living()) {
    unknown |= pid == 0;
    if (pid == 0) {
      continue;
    }
    if (!known.empty()) {
      known += ", ";
    }
    known += std::to_string(pid);
    ++count;
  }
  const std::string others = "processes that `fuser " + path + "/LOCK` shows";
  if (count == 0) {
    return others;
  }
  return (count == 1 ? "process " : "processes ") + known + (unknown ? " and " + others : "");
}

}  // namespace millrace::log::embedded
