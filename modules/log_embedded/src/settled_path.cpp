// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "settled_path.hpp"

#include "log_directory.hpp"

namespace millrace::log::embedded {

std::string settled_directory(const std::string& log, std::string_view topic,
                              std::int32_t partition) {
  std::string path = log + names::settled + "/";
  path += topic;
  path += "-";
  return path.append(std::to_string(partition));
}

}  // namespace millrace::log::embedded
