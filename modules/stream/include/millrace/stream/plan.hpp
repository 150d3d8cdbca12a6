// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/base/error.hpp"
#include "millrace/codec/type_info.hpp"
#include "millrace/log/types.hpp"
#include "millrace/stream/byte_store.hpp"
#include "millrace/stream/node.hpp"
#include "millrace/stream/serdes.hpp"

namespace millrace::stream {

class Instance;
namespace detail {
class Graph;
}

/// What happens to a record whose type (header `ce_type`) its source does not read. In both cases
/// it is counted by topic and type (Instance::unknown_types()).
enum class OnUnknownType : std::uint8_t {
  skip,  ///< it is left out; InstanceStatus::skipped counts it too
  /// It fails with errc::unknown_type of codec, like a record that cannot be decoded:
  /// InstanceOptions::on_deserialization_error decides what happens to it.
  error
};

/// A topic a task reads. Its node gets decoded keys and values.
struct SourceSpec {
  NodeId node;
  std::string topic;
  RecordType type;
  bool is_table = false;         ///< tables go before streams at the same timestamp
  std::optional<StoreId> table;  ///< the store that this topic is the changelog of
  OnUnknownType on_unknown_type = OnUnknownType::skip;
  bool is_private = false;  ///< a private topic of the service
  /// The service's own dead letters, for a reader that makes no letter of a letter.
  bool own_letters = false;
};

/// A topic a task writes.
struct SinkSpec {
  NodeId node;
  log::TopicSpec topic;  ///< owner and kind filled in by the builder
  RecordType type;
  /// Chooses a partition of n from key and value; none: by the encoded key.
  std::function<std::int32_t(const void* key, const void* value, std::int32_t partitions)>
      partitioner;
  /// The partitioner takes a null value; else deletions are left out and counted.
  bool partitions_deletions = true;
};

struct StoreSpec {
  StoreId id;
  std::string name;
  const codec::TypeInfo* key = nullptr;
  const codec::TypeInfo* value = nullptr;
  std::string changelog;  ///< topic; for a table read from a topic that topic itself
  bool source_is_changelog = false;
  /// Fingerprint of both types, names of members included, and of the serde.
  std::uint64_t types = 0;
  std::string window;  ///< `tumbling 60000 ms`; empty: the keys have none
  /// Of the values in the changelog, by the number in their records, from 1, as
  /// codec::to_text(TypeShape). Filled from the manifest; empty: all are of `value`.
  std::vector<std::string> value_types;
  std::uint32_t value_type = 1;  ///< the number of `value` among them
  /// of values; keys are those of codec::key_serde()
  codec::SerdePtr serde = codec::binary_serde();
  ByteStoreSupplier supplier = {};  ///< of what keeps its entries; none: in memory
  /// Of the keys in the topics that its part reads: their bytes choose the partition. Filled in by
  /// the builder.
  codec::SerdePtr input_key_serde = codec::key_serde();
};

/// What a node does: the operator of the DSL, or what a topic needs.
enum class NodeKind : std::uint8_t {
  source,
  table,  ///< of a topic: TopologyBuilder::table()
  filter,
  filter_not,
  map,
  map_values,
  flat_map,
  flat_map_values,
  select_key,
  peek,
  for_each,
  merge_input,  ///< of TopologyBuilder::merge()
  merge,
  to_table,
  to_stream,
  join,
  left_join,
  count,
  reduce,
  aggregate,
  windowed_count,
  windowed_reduce,
  windowed_aggregate,
  emitter,
  process,
  to,
  to_private,
  repartition
};
/// As the enumerator: `flat_map`.
[[nodiscard]] std::string_view to_string(NodeKind kind);

struct NodeSpec {
  NodeId id;
  std::string name;
  NodeKind kind = NodeKind::source;
  std::vector<NodeId> parents;
  std::vector<StoreId> stores;
  std::function<std::unique_ptr<Node>()> make;  ///< a fresh node per task
  /// In place of `name` in the names of its timers in the log. Filled from the manifest; empty:
  /// `name`.
  std::string timers;
};

/// Nodes that run in one task, connected without a topic between them.
struct SubTopology {
  std::string name;           ///< stable: does not change when unrelated parts of the topology do
  std::vector<NodeId> nodes;  ///< parents before children
  std::vector<std::size_t> sources;  ///< indexes into Plan::sources
  std::vector<std::size_t> sinks;    ///< indexes into Plan::sinks
  std::vector<StoreId> stores;
  std::int32_t partitions = 0;  ///< 0: as many as the source topics have (all the same)
};

/// What the author said of a name: TopologyBuilder::was() and version().
struct NameHistory {
  std::vector<std::string> was;         ///< in earlier builds
  std::optional<std::int64_t> version;  ///< no value: 1
};

/// What a builder gathers and an Instance runs.
struct Plan {
  std::string service;
  BuilderId builder = no_builder;  ///< that built it, and made the references to its stores
  std::vector<NodeSpec> nodes;     ///< index = NodeId
  std::vector<SourceSpec> sources;
  std::vector<SinkSpec> sinks;
  std::vector<StoreSpec> stores;  ///< index = StoreId
  std::vector<SubTopology> sub_topologies;
  /// all topics of the service, to be made at start: public, repartition, changelog
  std::vector<log::TopicSpec> own_topics;
  std::map<std::string, NameHistory> histories;  ///< by name
};

/// What a TopologyBuilder built. Immutable; any thread may read it. A copy is independent.
class Topology {
 public:
  [[nodiscard]] const Plan& plan() const { return plan_; }
  [[nodiscard]] const std::string& service() const { return plan_.service; }
  [[nodiscard]] const std::vector<NodeSpec>& nodes() const { return plan_.nodes; }
  [[nodiscard]] const std::vector<SourceSpec>& sources() const { return plan_.sources; }
  [[nodiscard]] const std::vector<SinkSpec>& sinks() const { return plan_.sinks; }
  [[nodiscard]] const std::vector<StoreSpec>& stores() const { return plan_.stores; }
  [[nodiscard]] const std::vector<SubTopology>& sub_topologies() const {
    return plan_.sub_topologies;
  }
  [[nodiscard]] const std::vector<log::TopicSpec>& own_topics() const { return plan_.own_topics; }

  /// The same topology with what `wrap` returns as NodeSpec::make of each node: for tests that
  /// watch nodes, or disturb them.
  [[nodiscard]] Topology with_nodes(
      const std::function<std::function<std::unique_ptr<Node>()>(const NodeSpec&)>& wrap) const {
    Topology changed = *this;
    for (NodeSpec& node : changed.plan_.nodes)
      node.make = wrap(node);
    return changed;
  }
  /// A drawing of what was built: "text", "dot" or "json".
  [[nodiscard]] std::string describe(std::string_view form = "text") const;

 private:
  friend class detail::Graph;
  friend class Instance;  // which continues names that the log has
  explicit Topology(Plan plan) : plan_(std::move(plan)) {}

  Plan plan_;
};

}  // namespace millrace::stream
