// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "manifest/part_links.hpp"

#include <algorithm>

#include "names.hpp"

namespace millrace::stream {

using Part = Manifest::Part;
using StoreEntry = Manifest::Store;

bool has(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string listed(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names)
    out.append(out.empty() ? "" : ", ").append(name);
  return out.empty() ? "(none)" : out;
}

bool meet(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  return std::any_of(a.begin(), a.end(), [&](const std::string& name) { return has(b, name); });
}

bool is_repartition(const std::string& topic) { return topic.ends_with(repartition_suffix); }

const StoreEntry* find_store(const std::vector<StoreEntry>& stores, const std::string& name) {
  const auto found = std::find_if(stores.begin(), stores.end(), [&](const StoreEntry& store) {
    return store.name == name && !store.removed;
  });
  return found == stores.end() ? nullptr : &*found;
}

bool share_store(const Part& a, const Part& b) {
  return std::any_of(a.stores.begin(), a.stores.end(), [&](const StoreEntry& store) {
    return !store.removed && find_store(b.stores, store.name) != nullptr;
  });
}

std::vector<std::size_t> linked_parts(const std::vector<Part>& parts, const Part& part,
                                      std::string_view state) {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].state == state &&
        (share_store(parts[i], part) || meet(parts[i].sources, part.sources)))
      found.push_back(i);
  }
  return found;
}

std::string first_store(const Part& part) {
  for (const StoreEntry& store : part.stores) {
    if (!store.removed) return store.name;
  }
  return {};
}

std::string store_behind(const std::vector<Part>& parts, const std::string& topic) {
  for (const Part& part : parts) {
    if (part.state == "live" && has(part.private_sinks, topic)) return first_store(part);
  }
  return {};
}

void number_and_name(const std::string& service, const std::vector<Part>& parts,
                     const TakenNames& taken, Part& part) {
  for (const Part& other : parts)
    part.number = std::max(part.number, other.number);
  ++part.number;
  const auto is_taken = [&](const std::string& name) {
    return taken.group(service + "/" + name) || taken.topic(system_changelog(service, name)) ||
           std::any_of(parts.begin(), parts.end(),
                       [&](const Part& other) { return other.name == name; });
  };
  // The number that comes next may be part of a name that a user gave.
  const std::string base = part.name;
  for (std::int64_t n = part.number; is_taken(part.name); ++n)
    part.name = base + "-" + std::to_string(n);
}

}  // namespace millrace::stream
