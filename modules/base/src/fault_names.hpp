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

  /// A file of that name, which is free.
  std::shared_ptr<FaultInode> create(const std::string& name);
  /// False when there is no file of that name.
  bool remove(const std::string& name);
  /// The names in a directory are durable from now on.
  void sync(const std::string& directory);
  /// The names in a directory, and in all below it.
  void sync_below(const std::string& directory);
  /// Of a file or a directory; `to` is replaced when it is a file.
  [[nodiscard]] Status rename(const std::string& from, const std::string& to);
  /// Only durable names are left, and by chance some of the changes that are not durable; without
  /// `random` none.
  void lose_power(Random* random);
  [[nodiscard]] static bool is_below(const std::string& path, const std::string& directory);

  Entries entries;
  Entries durable_entries;
  std::set<std::string> directories{"/", "."};
  /// A file got another name. Created ones had none before, and removed ones have none behind.
  struct Change {
    std::string from;
    std::string to;
    std::shared_ptr<FaultInode> inode;
  };
  /// In their order, those that are not durable.
  std::vector<Change> changes;
  /// From and to, of directories whose new names are not durable.
  std::vector<std::pair<std::string, std::string>> renamed;
};

}  // namespace millrace
