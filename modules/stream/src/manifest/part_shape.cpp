// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "manifest/part_shape.hpp"

#include <algorithm>

#include "manifest/manifest_version.hpp"
#include "millrace/codec/type_shape.hpp"

namespace millrace::stream {

namespace {

std::string text_of(const codec::TypeInfo& type) { return codec::to_text(codec::shape_of(type)); }

bool is_private(const SinkSpec& sink) { return sink.type.format == codec::Format::binary; }

// What is written there again after a reset was counted before by parts of the same topology.
// Others write commands too.
bool is_channel(const Topology& topology, const SinkSpec& sink) {
  if (is_private(sink)) return true;
  return sink.topic.kind == log::TopicKind::events &&
         std::any_of(topology.sources.begin(), topology.sources.end(),
                     [&](const SourceSpec& source) { return source.topic == sink.topic.name; });
}

std::string kind_of(const StoreSpec& store) {
  if (store.source_is_changelog) return "table";
  return store.window.empty() ? "key-value" : "window";
}

Manifest::Part part_shape(const Topology& topology, const SubTopology& part) {
  Manifest::Part shape;
  shape.name = part.name;
  shape.state = "live";
  shape.partitions = part.partitions;
  for (const std::size_t source : part.sources)
    shape.sources.push_back(topology.sources[source].topic);
  for (const std::size_t sink : part.sinks) {
    if (is_channel(topology, topology.sinks[sink]))
      shape.private_sinks.push_back(topology.sinks[sink].topic.name);
  }
  for (auto* names : {&shape.sources, &shape.private_sinks}) {
    std::sort(names->begin(), names->end());
    names->erase(std::unique(names->begin(), names->end()), names->end());
  }
  for (const StoreId id : part.stores) {
    const StoreSpec& store = topology.stores[static_cast<std::size_t>(id)];
    shape.stores.push_back({store.name,
                            kind_of(store),
                            text_of(*store.key),
                            text_of(*store.value),
                            store.window,
                            store.changelog,
                            false,
                            {}});
  }
  return shape;
}

std::vector<Manifest::Channel> channel_shapes(const Topology& topology) {
  std::vector<Manifest::Channel> channels;
  for (const SinkSpec& sink : topology.sinks) {
    const bool known = std::any_of(channels.begin(), channels.end(), [&](const auto& channel) {
      return channel.topic == sink.topic.name;
    });
    if (!is_channel(topology, sink) || known) continue;
    // JSON is read by name.
    Manifest::Channel channel{sink.topic.name, {}, {}, {}};
    if (is_private(sink)) {
      channel.key = text_of(*sink.type.key);
      channel.value = text_of(*sink.type.value);
    }
    channels.push_back(std::move(channel));
  }
  return channels;
}

}  // namespace

Manifest first_manifest(const Topology& topology) {
  Manifest manifest{1, 1, plan_version, {}, channel_shapes(topology)};
  for (const SubTopology& part : topology.sub_topologies) {
    manifest.parts.push_back(part_shape(topology, part));
    manifest.parts.back().number = static_cast<std::int64_t>(manifest.parts.size());
  }
  return manifest;
}

}  // namespace millrace::stream
