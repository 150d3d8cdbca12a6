// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "wire/offset_fetch.hpp"

#include <algorithm>
#include <utility>

#include "wire/by_topic.hpp"

namespace millrace::log::kafka::wire {
namespace {

constexpr bool flexible = is_flexible(Api::offset_fetch, spoken(Api::offset_fetch).lowest);
// The least that a topic and a partition take in a response.
constexpr std::size_t topic_of_positions_bytes = 3;
constexpr std::size_t position_bytes = 20;
// Of Kafka. A longer name would be copied for each of its partitions.
constexpr std::size_t longest_topic_name = 249;

}  // namespace

std::string fetch_positions(std::string_view group, const PositionsWanted& wanted) {
  Encoder out(flexible);
  out.string(group);
  if (wanted.partitions == nullptr) {
    out.null_count();
  } else {
    by_topic<KafkaPartition>(
        out, *wanted.partitions,
        [](const KafkaPartition& at) -> const KafkaPartition& { return at; },
        [&](const KafkaPartition& at) { out.number(at.partition); });
  }
  out.flag(wanted.stable);
  out.tags();
  return out.take();
}

std::optional<FetchedPositions> read_positions(std::string_view body,
                                               const PositionsWanted& wanted) {
  std::vector<bool> named(wanted.partitions == nullptr ? 0 : wanted.partitions->size());
  const auto is_wanted = [&](const KafkaPartition& at) {
    if (wanted.partitions == nullptr) return true;
    const auto found = std::ranges::lower_bound(*wanted.partitions, at);
    if (found == wanted.partitions->end() || *found != at) return false;
    named[static_cast<std::size_t>(found - wanted.partitions->begin())] = true;
    return true;
  };
  Decoder in(body, flexible);
  in.number<std::int32_t>();  // throttled for so long
  FetchedPositions fetched;
  PartitionError of_partitions;
  for (std::size_t topics = in.count(topic_of_positions_bytes); topics > 0; --topics) {
    const std::string_view topic = in.string();
    if (topic.size() > longest_topic_name) return std::nullopt;
    for (std::size_t partitions = in.count(position_bytes); partitions > 0; --partitions) {
      KafkaPartition at{std::string(topic), in.number<std::int32_t>()};
      const auto next = in.number<std::int64_t>();
      in.number<std::int32_t>();  // leader epoch
      at.id = read_position_note(in.string());
      const Code error = code_of(in.number<std::int16_t>());
      in.tags();
      if (!is_wanted(at)) continue;
      of_partitions.add(error, at.topic, at.partition);
      if (error == RD_KAFKA_RESP_ERR_NO_ERROR && next >= 0)
        fetched.positions.push_back({at, offset(next)});
    }
    in.tags();
  }
  fetched.error.error = code_of(in.number<std::int16_t>());
  in.tags();
  if (!in.ok()) return std::nullopt;
  if (fetched.error.error != RD_KAFKA_RESP_ERR_NO_ERROR) return fetched;
  if (std::ranges::find(named, false) != named.end()) return std::nullopt;
  fetched.error = std::move(of_partitions);
  return fetched;
}

}  // namespace millrace::log::kafka::wire
