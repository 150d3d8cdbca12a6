// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "millrace/codec/describe.hpp"
#include "millrace/stream/plan.hpp"
#include "millrace/stream/processor.hpp"
#include "millrace/stream/window.hpp"

namespace millrace::stream {

class TopologyBuilder;
template <class K, class V>
class Stream;
template <class K, class V>
class Table;
template <class K, class V>
class GroupedStream;
template <class K, class V>
class WindowedStream;

/// What a processor uses: stores it reads and writes and emitters it emits through. `uses(shelves,
/// orders)`, `emits(replies)`.
struct Connections {
  std::vector<StoreId> stores;
  std::vector<NodeId> emitters;
};
template <class... K, class... V>
[[nodiscard]] Connections uses(const StoreRef<K, V>&... stores) {
  return {{stores.id...}, {}};
}
template <class... K, class... V>
[[nodiscard]] Connections emits(const Emitter<K, V>&... emitters) {
  return {{}, {emitters.node...}};
}

/// True when the variant holds an E; for `filter(is<OrderConfirmed>)`.
template <class E, class... Alternatives>
[[nodiscard]] bool is_alternative(const std::variant<Alternatives...>& value) {
  return std::holds_alternative<E>(value);
}
template <class E>
inline constexpr auto is = [](const auto& value) { return is_alternative<E>(value); };

/// Builds a topology. Functions given to operators take `(const K&, const V&)` or `(const V&)`, or
/// `std::optional` of these (see Stream);
/// they run in the task's thread and may throw. Names of operators with state are part of their
/// topics' names: keep them over versions. Not thread-safe.
class TopologyBuilder {
 public:
  /// `service` owns all topics the topology writes. `partitions` for topics that it makes.
  explicit TopologyBuilder(std::string service, std::int32_t partitions = 4);
  ~TopologyBuilder();

  /// A public topic as a stream of facts. V is an event, or a std::variant of events, which
  /// `ce_type` distinguishes; records of other types are skipped unless they are to be errors:
  /// `stream<OrderId, OrderEvent>("orders", OnUnknownType::error)`. Asking for the same topic again
  /// with the same arguments gives the same stream.
  template <class K, class V>
  [[nodiscard]] Stream<K, V> stream(std::string topic,
                                    OnUnknownType on_unknown_type = OnUnknownType::skip);
  /// A public topic as a table, kept in the store `store`, with the topic as its changelog. A
  /// record of another type changes nothing in the table, whatever else becomes of it.
  template <class K, class V>
  Table<K, V> table(std::string topic, std::string store,
                    OnUnknownType on_unknown_type = OnUnknownType::skip);
  /// A private topic of this service, written elsewhere in the topology with `to_private`.
  template <class K, class V>
  [[nodiscard]] Stream<K, V> private_stream(std::string topic);

  /// A key-value store with a changelog `<service>.<name>.changelog`; the processors that use it
  /// are tied into one sub-topology.
  template <class K, class V>
  [[nodiscard]] StoreRef<K, V> store(std::string name);
  template <class K, class V>
  [[nodiscard]] Emitter<K, V> emitter(std::string name);
  /// What is emitted, as a stream.
  template <class K, class V>
  [[nodiscard]] Stream<K, V> stream(const Emitter<K, V>& emitter);

  /// Streams of different values with the same key as one, each value behind a pointer (valid for
  /// the call; no copies are made).
  template <class K, class... V>
  [[nodiscard]] Stream<K, std::variant<const V*...>> merge(const Stream<K, V>&... streams);

  /// What is called `name` here (a store, a repartition, a private topic, a processor) was called
  /// `old` in an earlier build: it continues with its state, its positions and its topics, and
  /// `name` is what users query. May be said for several old names, and stays as long as a log may
  /// have one of them: without effect where it has none. `builder.was("totals", "counts")`
  TopologyBuilder& was(std::string_view name, std::string_view old);
  /// Raised from 1 when a store or a processor means something else now, although its types are the
  /// same: `builder.version("totals", 2)`. What the log has of a version that differs is not
  /// continued: errc::topology_changed, until it is rebuilt or accepted.
  TopologyBuilder& version(std::string_view name, std::int64_t version);

  /// Checks and completes the plan: cuts sub-topologies, names them, lists topics.
  /// errc::bad_topology names what is wrong.
  [[nodiscard]] Result<Topology> build();

  /// For Stream and its kin: the nodes and stores of the topology, over bytes.
  class Graph;
  [[nodiscard]] Graph& graph() { return *graph_; }

 private:
  std::unique_ptr<Graph> graph_;
};

namespace errc {
/// The topology cannot run. Remedy: the message lists all mistakes, each with the operator and what
/// to change.
inline constexpr ErrorCode bad_topology{"stream.bad_topology"};
}  // namespace errc

/// Facts that flow. A record may have no key or no value. A function that takes `std::optional` of
/// the key or the value gets it empty then. Where the function takes a plain value, map_values()
/// and peek() pass a null value on without the call, other operators leave it out; where it takes a
/// plain key, a record without one becomes a dead letter. to_table() deletes by a null value.
/// Aggregations and inner joins leave out null keys, left_join() joins them with nothing, and all
/// of them leave out null values. What is left out is counted (InstanceStatus::skipped). A handle
/// to a node of the builder: cheap to copy, valid as long as the builder.
template <class K, class V>
class Stream {
 public:
  Stream(TopologyBuilder::Graph& graph, NodeId node) : graph_(&graph), node_(node) {}

  template <class F>
  Stream filter(F predicate) const;
  template <class F>
  Stream filter_not(F predicate) const;
  /// `fn(key, value) -> std::pair<K2, V2>`.
  template <class F>
  auto map(F fn) const;
  /// `fn(value)` or `fn(key, value) -> V2`.
  template <class F>
  auto map_values(F fn) const;
  /// `fn(key, value) -> std::vector<std::pair<K2, V2>>`.
  template <class F>
  auto flat_map(F fn) const;
  /// `fn(value)` or `fn(key, value) -> std::vector<V2>`.
  template <class F>
  auto flat_map_values(F fn) const;
  /// `fn(key, value) -> K2`. What follows and keeps state is repartitioned.
  template <class F>
  auto select_key(F fn) const;
  template <class F>
  Stream peek(F fn) const;
  template <class F>
  void for_each(F fn) const;
  Stream merge(const Stream& other) const;
  /// Through a private topic `<service>.<name>.repartition`, so that equal keys meet in one task.
  Stream repartition(std::string name) const;

  /// Publishes on an events topic of this service (JSON, CloudEvents).
  void to(std::string topic) const;
  /// The same with a partition chosen from `fn(key, value, partitions)`. Deletions are left out
  /// unless it takes `std::optional` of the value.
  template <class F>
  void to(std::string topic, F partitioner) const;
  /// Writes a private topic of this service, `<service>.<topic>`, binary; read it with
  /// private_stream(topic).
  void to_private(std::string topic) const;
  template <class F>
  void to_private(std::string topic, F partitioner) const;

  /// The latest value by key, kept in a store.
  Table<K, V> to_table(std::string store) const;
  GroupedStream<K, V> group_by_key() const;
  /// `fn(value)` or `fn(key, value) -> K2`; repartitions under the name of the operator that
  /// follows.
  template <class F>
  auto group_by(F fn) const;

  /// `joiner(value, table value) -> V2`; records without a match are dropped.
  template <class V2, class F>
  auto join(const Table<K, V2>& table, F joiner) const;
  /// `joiner(value, const V2* or null) -> V3`.
  template <class V2, class F>
  auto left_join(const Table<K, V2>& table, F joiner) const;

  /// Hands every message to a processor made by `factory() -> std::unique_ptr<Processor<K, V>>`,
  /// one per task; or a processor of std::optional of K, V or both, which takes nulls too.
  template <class F, class... C>
  void process(std::string name, F factory, C... connections) const;

  [[nodiscard]] NodeId node() const { return node_; }
  [[nodiscard]] TopologyBuilder::Graph& graph() const { return *graph_; }

 private:
  TopologyBuilder::Graph* graph_;
  NodeId node_;
};

/// The latest value by key. Messages between tables carry a null value for a deletion.
template <class K, class V>
class Table {
 public:
  Table(TopologyBuilder::Graph& graph, NodeId node, StoreId store)
      : graph_(&graph), node_(node), store_(store) {}
  /// Every change as a fact, deletions with a null value: `to()` writes them as tombstones.
  Stream<K, V> to_stream() const;
  [[nodiscard]] NodeId node() const { return node_; }
  [[nodiscard]] StoreId store() const { return store_; }

 private:
  TopologyBuilder::Graph* graph_;
  NodeId node_;
  StoreId store_;
};

/// Facts by group. Aggregations are kept in the store they name, `<service>.<name>.changelog`
/// behind it, open to queries.
template <class K, class V>
class GroupedStream {
 public:
  GroupedStream(TopologyBuilder::Graph& graph, NodeId node, bool repartition)
      : graph_(&graph), node_(node), repartition_(repartition) {}
  Table<K, std::int64_t> count(std::string store) const;
  /// `fn(const V& so_far, const V& value) -> V`.
  template <class F>
  Table<K, V> reduce(F fn, std::string store) const;
  /// `fn(const K&, const V&, A so_far) -> A`.
  template <class A, class F>
  Table<K, A> aggregate(A initial, F fn, std::string store) const;
  WindowedStream<K, V> windowed_by(TumblingWindows windows) const;

 private:
  TopologyBuilder::Graph* graph_;
  NodeId node_;
  bool repartition_;
};

/// Facts by group and window of event time.
template <class K, class V>
class WindowedStream {
 public:
  WindowedStream(TopologyBuilder::Graph& graph, NodeId node, bool repartition,
                 TumblingWindows windows)
      : graph_(&graph), node_(node), repartition_(repartition), windows_(windows) {}
  Table<Windowed<K>, std::int64_t> count(std::string store) const;
  template <class F>
  Table<Windowed<K>, V> reduce(F fn, std::string store) const;
  template <class A, class F>
  Table<Windowed<K>, A> aggregate(A initial, F fn, std::string store) const;

 private:
  TopologyBuilder::Graph* graph_;
  NodeId node_;
  bool repartition_;
  TumblingWindows windows_;
};

}  // namespace millrace::stream

#include "millrace/stream/detail/topology.ipp"
