// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <algorithm>
#include <string>

namespace millrace {

/// One spelling for each path: no doubled, trailing or dotted parts.
[[nodiscard]] inline std::string normal_path(const std::string& path) {
  std::string out = path.starts_with('/') ? "/" : "";
  std::size_t at = 0;
  while (at < path.size()) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    const std::string part = path.substr(at, end - at);
    if (!part.empty() && part != ".") {
      out += out.empty() || out == "/" ? part : "/" + part;
    }
    at = end + 1;
  }
  return out.empty() ? "." : out;
}

}  // namespace millrace
