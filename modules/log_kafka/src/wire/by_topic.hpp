// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <span>

#include "client.hpp"
#include "wire/protocol.hpp"

namespace millrace::log::kafka::wire {

/// Writes `[topic [element]]` for elements that are in the order of their topics.
template <class Element, class PartitionOf, class Write>
void by_topic(Encoder& out, std::span<const Element> elements, PartitionOf partition_of,
              Write write) {
  const auto run_end = [&](std::size_t begin) {
    std::size_t end = begin;
    while (end < elements.size() &&
           partition_of(elements[end]).topic == partition_of(elements[begin]).topic)
      ++end;
    return end;
  };
  std::size_t topics = 0;
  for (std::size_t i = 0; i < elements.size(); i = run_end(i))
    ++topics;
  out.count(topics);
  for (std::size_t i = 0; i < elements.size();) {
    const std::size_t end = run_end(i);
    out.string(partition_of(elements[i]).topic);
    out.count(end - i);
    for (; i < end; ++i)
      write(elements[i]);
    out.tags();
  }
}

}  // namespace millrace::log::kafka::wire
