// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <span>

#include "client.hpp"
#include "wire/protocol.hpp"

namespace millrace::log::kafka::wire {

/// How a request names its topics.
enum class TopicNames : std::uint8_t { by_name, by_id };

inline void write_id(Encoder& out, const TopicUuid& id) {
  out.number(id.high);
  out.number(id.low);
}

/// Writes `[topic [element]]` for elements that are in the order of their topics.
template <class Element, class PartitionOf, class Write>
void by_topic(Encoder& out, std::span<const Element> elements, PartitionOf partition_of,
              Write write, TopicNames names = TopicNames::by_name) {
  const auto is_same = [&](std::size_t a, std::size_t b) {
    const KafkaPartition& one = partition_of(elements[a]);
    const KafkaPartition& other = partition_of(elements[b]);
    return names == TopicNames::by_id ? one.id == other.id : one.topic == other.topic;
  };
  const auto run_end = [&](std::size_t begin) {
    std::size_t end = begin;
    while (end < elements.size() && is_same(begin, end))
      ++end;
    return end;
  };
  std::size_t topics = 0;
  for (std::size_t i = 0; i < elements.size(); i = run_end(i))
    ++topics;
  out.count(topics);
  for (std::size_t i = 0; i < elements.size();) {
    const std::size_t end = run_end(i);
    const KafkaPartition& topic = partition_of(elements[i]);
    names == TopicNames::by_id ? write_id(out, topic.id) : out.string(topic.topic);
    out.count(end - i);
    for (; i < end; ++i)
      write(elements[i]);
    out.tags();
  }
}

}  // namespace millrace::log::kafka::wire
