// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "runtime/unknown_types.hpp"

#include <cstddef>

#include "millrace/base/terminal_text.hpp"
#include "runtime/cut_text.hpp"

namespace millrace::stream::runtime {

namespace {
constexpr std::size_t types_max = 100;
constexpr std::size_t type_bytes_max = 200;
constexpr const char* others_name = "other";
}  // namespace

UnknownTypes::Found UnknownTypes::find(std::string_view topic, std::string_view type) {
  const std::string_view name = cut_text(type, type_bytes_max);
  const MutexLock lock(mutex_);
  auto found = topics_.find(topic);
  if (found == topics_.end()) found = topics_.try_emplace(std::string(topic)).first;
  auto& [types, others] = found->second;
  if (const auto known = types.find(name); known != types.end()) return {&known->second, false};
  if (types.size() == types_max) return {&others, false};
  return {&types.try_emplace(std::string(name), 0).first->second, true};
}

std::vector<UnknownTypeCount> UnknownTypes::counts() const {
  std::vector<UnknownTypeCount> counts;
  const MutexLock lock(mutex_);
  for (const auto& [topic, found] : topics_) {
    std::uint64_t others = found.others.load(std::memory_order_relaxed);
    for (const auto& [type, count] : found.types) {
      const std::uint64_t records = count.load(std::memory_order_relaxed);
      if (type == others_name) {
        others += records;
      } else if (records > 0) {
        counts.push_back({topic, escaped(type), records});
      }
    }
    if (others > 0) counts.push_back({topic, others_name, others});
  }
  return counts;
}

}  // namespace millrace::stream::runtime
