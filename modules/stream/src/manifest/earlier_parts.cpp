// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "manifest/earlier_parts.hpp"

#include <algorithm>

#include "manifest/part_links.hpp"

namespace millrace::stream {

namespace {

using StoreEntry = Manifest::Store;

bool had_name(const StoreEntry& store, const std::string& name) {
  return store.was && has(*store.was, name);
}

// As a build continues a store of the one before: on the way back to an earlier build too.
bool are_same(const StoreEntry& now, const StoreEntry& before) {
  return now.name == before.name || had_name(now, before.name) || had_name(before, now.name) ||
         (now.was && before.was && meet(*now.was, *before.was));
}

bool replaces(const Manifest::Part& part, const Manifest::Part& earlier) {
  if (earlier.state != "reset" || earlier.number >= part.number) return false;
  if (first_store(part).empty() && first_store(earlier).empty())
    return meet(part.sources, earlier.sources);
  return std::any_of(earlier.stores.begin(), earlier.stores.end(), [&](const StoreEntry& before) {
    return !before.removed &&
           std::any_of(part.stores.begin(), part.stores.end(),
                       [&](const StoreEntry& now) { return are_same(now, before); });
  });
}

}  // namespace

std::vector<Manifest::Part> earlier_parts(const Manifest& manifest, std::string_view name) {
  std::vector<Manifest::Part> found;
  const auto part = std::find_if(
      manifest.parts.begin(), manifest.parts.end(),
      [&](const Manifest::Part& one) { return one.name == name && one.state != "reset"; });
  if (part == manifest.parts.end()) return found;
  std::copy_if(manifest.parts.begin(), manifest.parts.end(), std::back_inserter(found),
               [&](const Manifest::Part& one) { return replaces(*part, one); });
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a.number > b.number; });
  return found;
}

}  // namespace millrace::stream
