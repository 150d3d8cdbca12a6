// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "wire/broker_versions.hpp"

#include <algorithm>

namespace millrace::log::kafka::wire {
namespace {

constexpr bool flexible = is_flexible(Api::api_versions, spoken(Api::api_versions).lowest);
constexpr std::int16_t unsupported_version = 35;
// The least that a request and a feature take in a response.
constexpr std::size_t taken_bytes = 7;
constexpr std::size_t feature_bytes = 6;
// Of the tagged fields.
constexpr std::uint32_t epoch_of_features_tag = 1;
constexpr std::uint32_t features_tag = 2;
constexpr std::string_view transactions_feature = "transaction.version";

/// The level of a feature among those that are on; 0 when it is not among them.
std::int16_t level_of(std::string_view name, std::string_view features) {
  Decoder in(features, flexible);
  std::int16_t level = 0;
  for (std::size_t count = in.count(feature_bytes); count > 0; --count) {
    const bool is_wanted = in.string() == name;
    const auto highest = in.number<std::int16_t>();
    in.number<std::int16_t>();  // the lowest
    in.tags();
    if (is_wanted && in.ok()) level = highest;
  }
  return level;
}

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

std::string ask_versions() {
  Encoder out(flexible);
  out.string("millrace");
  out.string("0");  // a version of it; brokers count clients by both
  out.tags();
  return out.take();
}

std::optional<BrokerVersions> BrokerVersions::read(std::string_view body) {
  Decoder in(body, flexible);
  const auto error = in.number<std::int16_t>();
  BrokerVersions read;
  for (std::size_t count = in.count(taken_bytes); count > 0; --count) {
    const auto api = static_cast<Api>(in.number<std::int16_t>());
    const auto lowest = in.number<std::int16_t>();
    read.taken_.push_back({api, {lowest, in.number<std::int16_t>()}});
    in.tags();
  }
  in.number<std::int32_t>();  // throttled for so long
  // Below 0: the broker does not know yet which features are on.
  std::int64_t epoch = -1;
  in.tags([&](std::uint32_t tag, std::string_view field) {
    if (tag == epoch_of_features_tag) epoch = Decoder(field).number<std::int64_t>();
    if (tag == features_tag) read.transactions_ = level_of(transactions_feature, field);
  });
  if (error != 0 || !in.ok()) return std::nullopt;
  if (epoch < 0) read.transactions_ = 0;
  return read;
}

// Such a broker, before Kafka 2.4, responds in the oldest form, which begins with the same field.
bool BrokerVersions::is_unknown_question(std::string_view body) {
  return Decoder(body).number<std::int16_t>() == unsupported_version;
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

bool BrokerVersions::takes(Api api, std::int16_t version) const {
  const Taken* const taken = find(api);
  return taken != nullptr && version >= taken->versions.lowest &&
         version <= taken->versions.highest;
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
