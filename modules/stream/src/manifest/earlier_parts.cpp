// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "manifest/earlier_parts.hpp"

#include <algorithm>

namespace millrace::stream {

namespace {

bool has_name(const Manifest::Store& store, const std::string& name) {
  return store.name == name ||
         (store.was && std::find(store.was->begin(), store.was->end(), name) != store.was->end());
}

bool replaces(const Manifest::Part& part, const Manifest::Part& earlier) {
  if (earlier.state != "reset" || earlier.number >= part.number) return false;
  if (part.stores.empty() && earlier.stores.empty()) return part.sources == earlier.sources;
  return std::any_of(earlier.stores.begin(), earlier.stores.end(),
                     [&](const Manifest::Store& before) {
                       return !before.removed && std::any_of(part.stores.begin(), part.stores.end(),
                                                             [&](const Manifest::Store& store) {
                                                               return has_name(store, before.name);
                                                             });
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
