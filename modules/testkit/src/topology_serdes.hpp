// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include "millrace/stream/plan.hpp"
#include "millrace/testkit/event_writer.hpp"
#include "millrace/testkit/topic_reader.hpp"

namespace millrace::testkit {

/// From now on both write and read the topics of the topology with the serdes that it has for them,
/// changelogs included.
inline void use_serdes(const stream::Topology& topology, EventWriter& writer, TopicReader& reader) {
  const auto use = [&](const std::string& topic, const stream::Serdes& serdes) {
    writer.set_serdes(topic, serdes);
    reader.set_serdes(topic, serdes);
  };
  const auto of = [](const stream::RecordType& type) {
    return stream::serde(type.key_serde, type.serde, type.envelope);
  };
  for (const stream::SourceSpec& source : topology.sources())
    use(source.topic, of(source.type));
  for (const stream::SinkSpec& sink : topology.sinks())
    use(sink.topic.name, of(sink.type));
  for (const stream::StoreSpec& store : topology.stores()) {
    if (!store.source_is_changelog) use(store.changelog, stream::serde(store.serde));
  }
}

}  // namespace millrace::testkit
