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
#include <vector>

#include "millrace/base/error.hpp"
#include "millrace/codec/codec.hpp"
#include "millrace/codec/type_info.hpp"
#include "millrace/log/types.hpp"
#include "millrace/stream/node.hpp"

namespace millrace::stream {

/// How records of a topic are read and written.
struct RecordType {
  const codec::TypeInfo* key = nullptr;
  const codec::TypeInfo* value = nullptr;
  codec::Format format = codec::Format::json;  ///< json: public, with CloudEvents headers; binary:
                                               ///< private, with the compact context
};

/// What becomes of a record with a value whose type, header `ce_type`, its source does not read. It
/// is counted by topic and type in both cases (Instance::unknown_types()).
enum class OnUnknownType : std::uint8_t {
  skip,  ///< it is left out, and counted in InstanceStatus::skipped too
  /// It fails as one that does not decode, with codec's errc::unknown_type:
  /// InstanceOptions::on_deserialization_error says what then becomes of it.
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
  std::uint64_t types = 0;  ///< fingerprint of both types, names of members included
  std::string window;       ///< `tumbling 60000 ms`; empty: the keys have none
  /// Of the values in the changelog, by the number in their records, from 1, as
  /// codec::to_text(TypeShape). Filled from the manifest; empty: all are of `value`.
  std::vector<std::string> value_types;
  std::uint32_t value_type = 1;  ///< the number of `value` among them
};

struct NodeSpec {
  NodeId id;
  std::string name;
  std::string kind;  ///< `filter`, `aggregate`, ... for describe()
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
  std::vector<std::size_t> sources;  ///< indexes into Topology::sources
  std::vector<std::size_t> sinks;    ///< indexes into Topology::sinks
  std::vector<StoreId> stores;
  std::int32_t partitions = 0;  ///< 0: as many as the source topics have (all the same)
};

/// What the author said of a name: TopologyBuilder::was() and version().
struct NameHistory {
  std::vector<std::string> was;         ///< in earlier builds
  std::optional<std::int64_t> version;  ///< no value: 1
};

/// What a builder built: the plan that an Instance runs. Immutable, thread-safe to read.
class Topology {
 public:
  std::string service;
  BuilderId builder = no_builder;  ///< that built it, and made the references to its stores
  std::vector<NodeSpec> nodes;     ///< index = NodeId
  std::vector<SourceSpec> sources;
  std::vector<SinkSpec> sinks;
  std::vector<StoreSpec> stores;  ///< index = StoreId
  std::vector<SubTopology> sub_topologies;
  std::vector<log::TopicSpec> own_topics;  ///< all topics of the service, to be made at start:
                                           ///< public, repartition, changelog
  std::map<std::string, NameHistory> histories;  ///< by name

  /// A drawing of what was built: "text", "dot" or "json".
  [[nodiscard]] std::string describe(std::string_view form = "text") const;
};

}  // namespace millrace::stream
