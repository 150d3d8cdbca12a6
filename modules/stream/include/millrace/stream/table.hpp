// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include "millrace/stream/detail/graph.hpp"
#include "millrace/stream/fwd.hpp"

namespace millrace::stream {

/// A table: the latest value of each key. A deletion is a message without a value. A handle, like
/// Stream. Include millrace/stream/topology.hpp to use it.
template <class K, class V>
class Table {
 public:
  Table(detail::Graph& graph, NodeId node, StoreId store)
      : graph_(&graph), node_(node), store_(store) {}

  /// The changes of the table as a stream. A deletion is a record without a value, which `to()`
  /// writes as a tombstone.
  Stream<K, V> to_stream() const {
    return {*graph_, graph_->add(NodeKind::to_stream, {node_}, detail::pass_through())};
  }

  [[nodiscard]] NodeId node() const { return node_; }
  [[nodiscard]] StoreId store() const { return store_; }

 private:
  detail::Graph* graph_;
  NodeId node_;
  StoreId store_;
};

}  // namespace millrace::stream
