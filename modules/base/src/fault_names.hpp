// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "fault_inode.hpp"
#include "millrace/base/error.hpp"
#include "millrace/base/random.hpp"

namespace millrace {

/// The names of a FaultFileSystem: as processes see them, and as they are after a loss of power.
/// Not thread-safe.
struct FaultNames {
  using Entries = std::map<std::string, std::shared_ptr<FaultInode>>;

  [[nodiscard]] static std::unexpected<Error> missing(const char* what, const std::string& path);

  /// The names in a directory are durable from now on.
  void sync(const std::string& directory);
  /// Of a file or a directory; `to` is replaced when it is a file.
  [[nodiscard]] Status rename(const std::string& from, const std::string& to);
  /// Only durable names are left. By chance the new name of a directory is, too; without `random`
  /// it is not.
  void lose_power(Random* random);

  Entries entries;
  Entries durable_entries;
  std::set<std::string> directories{"/", "."};
  /// From and to, of directories whose new names are not durable.
  std::vector<std::pair<std::string, std::string>> renamed;
};

}  // namespace millrace
