// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "wire/broker_versions.hpp"

#include <algorithm>

namespace millrace::log::kafka::wire {
namespace {

std::string refusal(Api api, std::int16_t version, const std::string& why) {
  return "does not take " + std::string(name_of(api)) + " in version " + std::to_string(version) +
         " (it " + why;
}

}  // namespace

std::optional<std::int16_t> highest_common(Versions a, Versions b) {
  const std::int16_t highest = std::min(a.highest, b.highest);
  if (highest < std::max(a.lowest, b.lowest)) return std::nullopt;
  return highest;
}

std::optional<BrokerVersions> BrokerVersions::read(std::string_view body) {
  Decoder in(body);
  const auto error = in.number<std::int16_t>();
  BrokerVersions read;
  for (std::size_t count = in.count(6); count > 0; --count) {
    const auto api = static_cast<Api>(in.number<std::int16_t>());
    const auto lowest = in.number<std::int16_t>();
    read.taken_.push_back({api, {lowest, in.number<std::int16_t>()}});
  }
  if (error != 0 || !in.ok()) return std::nullopt;
  return read;
}

const BrokerVersions::Taken* BrokerVersions::find(Api api) const {
  const auto found = std::ranges::find(taken_, api, &Taken::api);
  return found == taken_.end() ? nullptr : &*found;
}

std::optional<std::int16_t> BrokerVersions::common(Api api) const {
  const Taken* const taken = find(api);
  if (taken == nullptr) return std::nullopt;
  return highest_common(spoken(api), taken->versions);
}

std::optional<std::string> BrokerVersions::missing(std::span<const Api> needed) const {
  for (const Api api : needed) {
    if (common(api)) continue;
    const std::string too_old = "): Millrace needs Apache Kafka 2.5 or later";
    const Versions ours = spoken(api);
    const Taken* const taken = find(api);
    if (taken == nullptr) return refusal(api, ours.lowest, "does not take it at all" + too_old);
    if (taken->versions.highest < ours.lowest)
      return refusal(api, ours.lowest,
                     "takes it up to version " + std::to_string(taken->versions.highest) + too_old);
    return refusal(api, ours.highest,
                   "takes it from version " + std::to_string(taken->versions.lowest) +
                       " on): the broker is too new for this version of Millrace");
  }
  return std::nullopt;
}

}  // namespace millrace::log::kafka::wire
