// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "fault_names.hpp"

#include "millrace/base/ownership.hpp"

namespace millrace {
namespace {

constexpr std::size_t name_bytes_max = 255;  // as on Linux

/// The name after the directory `from` was renamed to `to`.
std::string renamed_path(const std::string& name, const std::string& from, const std::string& to) {
  return name == from || name.starts_with(from + "/") ? to + name.substr(from.size()) : name;
}

void rename_below(FaultNames::Entries& entries, const std::string& from, const std::string& to) {
  FaultNames::Entries renamed;
  for (auto& [name, inode] : entries) {
    renamed.emplace(renamed_path(name, from, to), std::move(inode));
  }
  entries = std::move(renamed);
}

void rename_below(std::set<std::string>& names, const std::string& from, const std::string& to) {
  std::set<std::string> renamed;
  for (const std::string& name : names) {
    renamed.insert(renamed_path(name, from, to));
  }
  names = std::move(renamed);
}

void rename_below(std::vector<FaultNames::Change>& changes, const std::string& from,
                  const std::string& to) {
  for (FaultNames::Change& change : changes) {
    change.from = renamed_path(change.from, from, to);
    change.to = renamed_path(change.to, from, to);
  }
}

/// A change whose file has another name, or none, did not survive without those before it.
void apply(const FaultNames::Change& change, FaultNames::Entries& entries) {
  if (!change.from.empty()) {
    const auto found = entries.find(change.from);
    if (found == entries.end() || found->second != change.inode) {
      return;
    }
    entries.erase(found);
  }
  if (!change.to.empty()) {
    entries[change.to] = change.inode;
  }
}

}  // namespace

std::unexpected<Error> FaultNames::missing(const char* what, const std::string& path) {
  return fail(errc::not_found, "cannot {} {}: no such file or directory", what, path);
}

bool FaultNames::is_below(const std::string& path, const std::string& directory) {
  return directory == "." ? !path.starts_with('/')
                          : path.starts_with(directory == "/" ? directory : directory + "/");
}

std::shared_ptr<FaultInode> FaultNames::create(const std::string& name) {
  const auto inode = std::make_shared<FaultInode>();
  entries[name] = inode;
  changes.push_back({"", name, inode});
  return inode;
}

bool FaultNames::remove(const std::string& name) {
  const auto found = entries.find(name);
  if (found == entries.end()) {
    return false;
  }
  changes.push_back({name, "", found->second});
  entries.erase(found);
  return true;
}

void FaultNames::sync_below(const std::string& directory) {
  sync(directory);
  for (const std::string& below : directories) {
    if (below != directory && is_below(below, directory)) {
      sync(below);
    }
  }
}

void FaultNames::sync(const std::string& directory) {
  std::erase_if(renamed, [&](const auto& one) {
    const bool durable = directory_of(one.second) == directory;
    if (durable) {
      rename_below(durable_entries, one.first, one.second);
    }
    return durable;
  });
  std::erase_if(durable_entries,
                [&](const auto& entry) { return directory_of(entry.first) == directory; });
  for (const auto& [entry, inode] : entries) {
    if (directory_of(entry) == directory) {
      durable_entries[entry] = inode;
    }
  }
  std::erase_if(changes, [&](Change& change) {
    for (std::string* const name : {&change.from, &change.to}) {
      if (!name->empty() && directory_of(*name) == directory) {
        name->clear();
      }
    }
    return change.from.empty() && change.to.empty();
  });
}

Status FaultNames::rename(const std::string& from, const std::string& to) {
  if (to.size() - to.find_last_of('/') - 1 > name_bytes_max) {
    return fail(errc::io_error, "cannot rename {} to {}: file name too long", from, to);
  }
  const auto found = entries.find(from);
  const bool is_directory = directories.contains(from);
  if ((found == entries.end() && !is_directory) || !directories.contains(directory_of(to))) {
    return missing("rename", from);
  }
  if (!is_directory) {
    const std::shared_ptr<FaultInode> inode = found->second;
    entries.erase(found);
    entries[to] = inode;
    changes.push_back({from, to, inode});
    return {};
  }
  if (entries.contains(to) || directories.contains(to)) {
    return fail(errc::io_error, "cannot rename {} to {}: it is there already", from, to);
  }
  rename_below(directories, from, to);
  rename_below(entries, from, to);
  rename_below(changes, from, to);
  renamed.emplace_back(from, to);
  return {};
}

void FaultNames::lose_power(Random* random) {
  for (auto one = renamed.rbegin(); one != renamed.rend(); ++one) {
    if (random != nullptr && random->below(2) == 0) {
      rename_below(durable_entries, one->first, one->second);
    } else {
      rename_below(directories, one->second, one->first);
      rename_below(changes, one->second, one->first);
    }
  }
  renamed.clear();
  for (const Change& change : changes) {
    if (random != nullptr && random->below(2) == 0) {
      apply(change, durable_entries);
    }
  }
  changes.clear();
  std::map<const FaultInode*, std::shared_ptr<FaultInode>> found;
  for (auto& [path, inode] : durable_entries) {
    std::shared_ptr<FaultInode>& survivor = found[inode.get()];
    if (survivor == nullptr) {
      survivor = inode->after_power_loss(random);
    }
  }
  for (auto& [path, inode] : durable_entries) {
    inode = found[inode.get()];
    // A directory that was removed, and not durably.
    for (std::string part = directory_of(path); directories.insert(part).second;) {
      part = directory_of(part);
    }
  }
  entries = durable_entries;
}

}  // namespace millrace
