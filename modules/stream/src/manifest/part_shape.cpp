// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "manifest/part_shape.hpp"

#include <algorithm>

#include "manifest/manifest_version.hpp"
#include "millrace/codec/type_shape.hpp"
#include "names.hpp"

namespace millrace::stream {

namespace {

std::string text_of(const codec::TypeInfo& type) { return codec::to_text(codec::shape_of(type)); }

bool is_private(const SinkSpec& sink) { return sink.topic.kind == log::TopicKind::private_topic; }

// No value: the default, which earlier builds do not name either.
std::optional<std::string> named(std::string_view name, std::string_view by_default) {
  return name == by_default ? std::nullopt : std::optional<std::string>(name);
}

// What is written there again after a reset was counted before by parts of the same topology.
// Others write commands too.
bool is_channel(const Plan& topology, const SinkSpec& sink) {
  if (is_private(sink)) return true;
  return sink.topic.kind == log::TopicKind::events &&
         std::any_of(topology.sources.begin(), topology.sources.end(),
                     [&](const SourceSpec& source) { return source.topic == sink.topic.name; });
}

std::string kind_of(const StoreSpec& store) {
  if (store.source_is_changelog) return "table";
  return store.window.empty() ? "key-value" : "window";
}

// Of a table, whose topic takes the place of a changelog: all that the topic's records are in.
std::optional<std::string> serde_of(const Plan& topology, const StoreSpec& store) {
  if (!store.source_is_changelog) return named(store.serde->name(), codec::binary_serde()->name());
  const auto source = std::find_if(topology.sources.begin(), topology.sources.end(),
                                   [&](const SourceSpec& one) { return one.table == store.id; });
  if (source == topology.sources.end()) return {};
  const RecordType& type = source->type;
  return named(form_text(type),
               form_text(source->is_private ? private_record(*type.key, *type.value)
                                            : public_record(*type.key, *type.value)));
}

// What the author said of a name, as a manifest has it.
template <class Entry>
void add_history(const Plan& topology, Entry& entry) {
  const auto found = topology.histories.find(entry.name);
  if (found == topology.histories.end()) return;
  if (!found->second.was.empty()) entry.was = found->second.was;
  if (found->second.version.value_or(1) != 1) entry.version = found->second.version;
}

// What earlier builds called a private topic that has the name of a store, a processor or its own.
void add_history(const Plan& topology, Manifest::Channel& channel) {
  const std::string name = short_name(topology.service, channel.topic);
  // The name may be found in the service's and in the suffix too.
  const std::string service = topology.service + ".";
  const std::size_t stem = channel.topic.starts_with(service) ? service.size() : 0;
  std::vector<std::string> was;
  for (const auto& [now, history] : topology.histories) {
    // A join repartitions under the name of the table's store.
    for (const std::string& use : {std::string(), std::string(".join")}) {
      if (name != now + use) continue;
      for (const std::string& old : history.was)
        was.push_back(std::string(channel.topic).replace(stem, name.size(), old + use));
    }
  }
  if (!was.empty()) channel.was = std::move(was);
}

Manifest::Part part_shape(const Plan& topology, const SubTopology& part) {
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
                            {},
                            {},
                            {},
                            serde_of(topology, store)});
    if (!store.source_is_changelog)
      shape.stores.back().key_serde =
          named(store.input_key_serde->name(), codec::key_serde()->name());
    add_history(topology, shape.stores.back());
  }
  // Listed where there is none too: a missing list is one of an earlier build.
  auto& processors = shape.processors.emplace();
  for (const NodeId id : part.nodes) {
    const NodeSpec& node = topology.nodes[static_cast<std::size_t>(id)];
    if (node.kind != NodeKind::process) continue;
    processors.push_back({node.name, {}, {}, {}});
    add_history(topology, processors.back());
  }
  return shape;
}

std::vector<Manifest::Channel> channel_shapes(const Plan& topology) {
  std::vector<Manifest::Channel> channels;
  for (const SinkSpec& sink : topology.sinks) {
    const bool known = std::any_of(channels.begin(), channels.end(), [&](const auto& channel) {
      return channel.topic == sink.topic.name;
    });
    if (!is_channel(topology, sink) || known) continue;
    // JSON is read by name.
    Manifest::Channel channel{sink.topic.name, {}, {}, {}, {}, {}};
    const RecordType by_default = is_private(sink)
                                      ? private_record(*sink.type.key, *sink.type.value)
                                      : public_record(*sink.type.key, *sink.type.value);
    channel.key_serde = named(sink.type.key_serde->name(), by_default.key_serde->name());
    channel.serde = named(sink.type.serde->name(), by_default.serde->name());
    channel.envelope =
        named(codec::to_string(sink.type.envelope), codec::to_string(by_default.envelope));
    if (is_private(sink)) {
      channel.key = text_of(*sink.type.key);
      channel.value = text_of(*sink.type.value);
      add_history(topology, channel);
    }
    channels.push_back(std::move(channel));
  }
  return channels;
}

}  // namespace

Manifest first_manifest(const Plan& topology) {
  Manifest manifest{1, 1, plan_version, {}, channel_shapes(topology)};
  for (const SubTopology& part : topology.sub_topologies) {
    manifest.parts.push_back(part_shape(topology, part));
    manifest.parts.back().number = static_cast<std::int64_t>(manifest.parts.size());
  }
  manifest.version = version_of(manifest);
  return manifest;
}

}  // namespace millrace::stream
