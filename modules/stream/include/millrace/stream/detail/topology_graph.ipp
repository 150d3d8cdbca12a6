// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/stream/detail/operators.hpp"

namespace millrace::stream {

// Comes in at the end of millrace/stream/topology.hpp; include that.

/// What the typed facade tells the builder, over bytes and type descriptions. Mistakes are gathered
/// and come out of build().
class TopologyBuilder::Graph {
 public:
  /// Whether equal keys still meet in one task.
  enum class Keys : std::uint8_t {
    kept,     ///< as the source has them
    emitted,  ///< chosen by a processor: operators with state repartition, processors trust it
    changed   ///< by map, flat_map, select_key, group_by: whatever keeps state repartitions
  };

  using Partitioner = detail::PartitionChooser;

  Graph(std::string service, std::int32_t partitions);

  NodeId source(const std::string& topic, RecordType type, OnUnknownType on_unknown_type);
  NodeId private_source(const std::string& topic, RecordType type);
  std::pair<NodeId, StoreId> table_source(const std::string& topic, const std::string& store,
                                          RecordType type, OnUnknownType on_unknown_type);
  /// `window`: of the keys, as StoreSpec::window.
  StoreId store(const std::string& name, const codec::TypeInfo& key, const codec::TypeInfo& value,
                const std::string& window = {});
  NodeId emitter(const std::string& name);

  NodeId add(std::string_view kind, std::vector<NodeId> parents, detail::NodeFactory make,
             Keys keys = Keys::kept);
  /// An operator that uses a store and is known by the store's name.
  NodeId add_stateful(std::string_view kind, NodeId parent, StoreId store,
                      detail::NodeFactory make);
  void process(const std::string& name, NodeId parent, RecordType type,
               const Connections& connections, detail::NodeFactory make);

  void to(NodeId parent, const std::string& topic, RecordType type, Partitioner partitioner);
  void to_private(NodeId parent, const std::string& topic, RecordType type,
                  Partitioner partitioner);
  NodeId repartition(NodeId parent, const std::string& name, RecordType type);
  /// The node itself when equal keys meet there, else behind a repartition topic of that name.
  NodeId keyed(NodeId parent, const std::string& name, RecordType type);

  void was(const std::string& name, std::string old);
  void version(const std::string& name, std::int64_t version);

  /// Windows of less than 1 ms and a grace of less than 0 ms are mistakes.
  void check_windows(TumblingWindows windows);

  [[nodiscard]] Keys keys(NodeId node) const { return keys_[static_cast<std::size_t>(node)]; }
  [[nodiscard]] const std::string& store_name(StoreId store) const;
  [[nodiscard]] Result<Topology> build() const;

 private:
  struct Reader {
    NodeId node;
    RecordType type;
    bool is_table;
    OnUnknownType on_unknown_type;
  };

  NodeId add_source(const std::string& topic, RecordType type, bool is_table,
                    OnUnknownType on_unknown_type);
  void add_sink(std::string_view kind, NodeId parent, std::string topic, log::TopicKind topic_kind,
                RecordType type, Partitioner partitioner);
  NodeId add_named(std::string_view kind, std::string name, std::vector<NodeId> parents,
                   detail::NodeFactory make, Keys keys);
  void claim_name(std::string_view what, const std::string& name);

  std::int32_t partitions_;
  Topology plan_;
  std::vector<Keys> keys_;
  std::map<std::string, Reader> readers_;      // by topic
  std::map<std::string, std::int32_t> kinds_;  // counts nodes without a name of their own
  std::set<std::string> names_;                // `<what> '<name>'` of processors, stores, ...
  std::vector<std::string> problems_;
};

}  // namespace millrace::stream
