// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "describe_json.hpp"

#include <optional>

#include "manifest/part_shape.hpp"
#include "millrace/codec/describe.hpp"
#include "millrace/log/library_topics.hpp"
#include "names.hpp"
#include "plan_index.hpp"

namespace millrace::stream {

namespace {

struct TopicUse {
  std::string topic;
  std::string key;
  std::string value;
  bool table = false;
  std::optional<bool> unknown_types_are_errors;
  std::string key_serde;
  std::string serde;
  std::string envelope;
};
BOOST_DESCRIBE_STRUCT(TopicUse, (),
                      (topic, key, value, table, unknown_types_are_errors, key_serde, serde,
                       envelope))

struct StoreShape {
  std::string name;
  std::string key;
  std::string value;
  std::string serde;
  std::string changelog;
  std::optional<std::vector<std::string>> was;
  std::optional<std::int64_t> version;
};
BOOST_DESCRIBE_STRUCT(StoreShape, (), (name, key, value, serde, changelog, was, version))

struct NodeShape {
  std::string name;
  std::string kind;
  std::vector<std::string> parents;
  std::vector<std::string> stores;
  std::optional<std::vector<std::string>> was;
  std::optional<std::int64_t> version;
};
BOOST_DESCRIBE_STRUCT(NodeShape, (), (name, kind, parents, stores, was, version))

struct PartShape {
  std::string name;
  std::int32_t partitions = 0;
  std::vector<TopicUse> sources;
  std::vector<TopicUse> sinks;
  std::vector<StoreShape> stores;
  std::vector<NodeShape> nodes;
};
BOOST_DESCRIBE_STRUCT(PartShape, (), (name, partitions, sources, sinks, stores, nodes))

struct TopicShape {
  std::string name;
  std::string kind;
  std::int32_t partitions = 0;
  bool compacted = false;
};
BOOST_DESCRIBE_STRUCT(TopicShape, (), (name, kind, partitions, compacted))

struct TopologyShape {
  std::string service;
  std::vector<PartShape> sub_topologies;
  std::vector<TopicShape> topics;
};
BOOST_DESCRIBE_STRUCT(TopologyShape, (), (service, sub_topologies, topics))

template <class Shape>
void add_history(const Plan& plan, Shape& shape) {
  const auto found = plan.histories.find(shape.name);
  if (found == plan.histories.end()) return;
  if (!found->second.was.empty()) shape.was = found->second.was;
  if (found->second.version.value_or(1) != 1) shape.version = found->second.version;
}

NodeShape shape_of(const Plan& plan, const NodeSpec& node) {
  NodeShape shape{node.name, std::string(to_string(node.kind)), {}, {}, {}, {}};
  if (node.kind == NodeKind::process) add_history(plan, shape);
  for (const NodeId parent : node.parents)
    shape.parents.push_back(plan.nodes[index(parent)].name);
  for (const StoreId store : node.stores)
    shape.stores.push_back(plan.stores[index(store)].name);
  return shape;
}

TopicUse use_of(const std::string& topic, const RecordType& type) {
  return {topic,
          type_name(type.key),
          type_name(type.value),
          false,
          {},
          std::string(type.key_serde->name()),
          std::string(type.serde->name()),
          std::string(codec::to_string(type.envelope))};
}

PartShape shape_of(const Plan& plan, const SubTopology& part) {
  PartShape shape;
  shape.name = part.name;
  shape.partitions = part.partitions;
  for (const std::size_t i : part.sources) {
    const SourceSpec& source = plan.sources[i];
    shape.sources.push_back(use_of(source.topic, source.type));
    shape.sources.back().table = source.is_table;
    if (source.on_unknown_type == OnUnknownType::error)
      shape.sources.back().unknown_types_are_errors = true;
  }
  for (const std::size_t i : part.sinks) {
    const SinkSpec& sink = plan.sinks[i];
    shape.sinks.push_back(use_of(sink.topic.name, sink.type));
  }
  for (const StoreId id : part.stores) {
    const StoreSpec& store = plan.stores[index(id)];
    shape.stores.push_back({store.name,
                            type_name(store.key),
                            type_name(store.value),
                            std::string(store.serde->name()),
                            store.changelog,
                            {},
                            {}});
    add_history(plan, shape.stores.back());
  }
  for (const NodeId id : part.nodes)
    shape.nodes.push_back(shape_of(plan, plan.nodes[index(id)]));
  return shape;
}

}  // namespace

std::string describe_json(const Plan& plan) {
  TopologyShape shape{plan.service, {}, {}};
  for (const SubTopology& part : plan.sub_topologies)
    shape.sub_topologies.push_back(shape_of(plan, part));
  for (const log::TopicSpec& topic : plan.own_topics) {
    shape.topics.push_back(
        {topic.name, log::to_string(topic.kind), topic.partitions, log::is_state(topic)});
  }
  std::string out = codec::to_json(shape);
  out.back() = ',';
  return out + "\"manifest\":" + to_json(first_manifest(plan)) + "}";
}

}  // namespace millrace::stream
