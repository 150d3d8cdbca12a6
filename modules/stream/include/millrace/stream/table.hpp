// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include "millrace/stream/detail/graph.hpp"
#include "millrace/stream/fwd.hpp"

namespace millrace::stream {

/// The latest value by key. Messages between tables carry a null value for a deletion. A handle, as
/// Stream. Comes with millrace/stream/topology.hpp.
template <class K, class V>
class Table {
 public:
  Table(detail::Graph& graph, NodeId node, StoreId store)
      : graph_(&graph), node_(node), store_(store) {}

  /// Every change as a fact, deletions with a null value: `to()` writes them as tombstones.
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
