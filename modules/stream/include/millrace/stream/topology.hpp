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
#include "millrace/stream/detail/graph.hpp"
#include "millrace/stream/detail/typed.hpp"
#include "millrace/stream/grouped_stream.hpp"
#include "millrace/stream/plan.hpp"
#include "millrace/stream/processor.hpp"
#include "millrace/stream/stream.hpp"
#include "millrace/stream/table.hpp"
#include "millrace/stream/window.hpp"

namespace millrace::stream {

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
                                    OnUnknownType on_unknown_type = OnUnknownType::skip) {
    return stream<K, V>(std::move(topic), Serdes{}, on_unknown_type);
  }
  /// The same of a topic whose keys, values or headers are not those of the library:
  /// `stream<OrderId, OrderEvent>("orders", serde(avro))`.
  template <class K, class V>
  [[nodiscard]] Stream<K, V> stream(std::string topic, const Serdes& serdes,
                                    OnUnknownType on_unknown_type = OnUnknownType::skip) {
    return {*graph_, graph_->source(topic, detail::public_type<K, V>(serdes), on_unknown_type)};
  }
  /// A public topic as a table, kept in the store `store`, with the topic as its changelog. A
  /// record of another type changes nothing in the table, whatever else becomes of it.
  template <class K, class V>
  Table<K, V> table(std::string topic, std::string store,
                    OnUnknownType on_unknown_type = OnUnknownType::skip) {
    return table<K, V>(std::move(topic), std::move(store), Serdes{}, on_unknown_type);
  }
  /// The same with the serdes of the topic; in the store the values are binary.
  template <class K, class V>
  Table<K, V> table(std::string topic, std::string store, const Serdes& serdes,
                    OnUnknownType on_unknown_type = OnUnknownType::skip) {
    const auto [node, id] =
        graph_->table_source(topic, store, detail::public_type<K, V>(serdes), on_unknown_type);
    return {*graph_, node, id};
  }
  /// A private topic of this service, written elsewhere in the topology with `to_private`.
  template <class K, class V>
  [[nodiscard]] Stream<K, V> private_stream(std::string topic, const Serdes& serdes = {}) {
    return {*graph_, graph_->private_source(topic, detail::private_type<K, V>(serdes))};
  }

  /// A key-value store with a changelog `<service>.<name>.changelog`; the processors that use it
  /// are tied into one sub-topology. `store<OrderId, Order>("orders", serde(avro))` keeps the
  /// values as that serde writes them; keys are always in the form whose order is theirs.
  template <class K, class V>
  [[nodiscard]] StoreRef<K, V> store(std::string name, const Serdes& serdes = {}) {
    return {graph_->store(name, codec::type_info<K>(), codec::type_info<V>(), {}, serdes),
            graph_->id()};
  }
  template <class K, class V>
  [[nodiscard]] Emitter<K, V> emitter(std::string name) {
    return {graph_->emitter(name), graph_->id()};
  }
  /// What is emitted, as a stream.
  template <class K, class V>
  [[nodiscard]] Stream<K, V> stream(const Emitter<K, V>& emitter) {
    return {*graph_, graph_->emitted(emitter.node, emitter.builder)};
  }

  /// Streams of different values with the same key as one, each value behind a pointer (valid for
  /// the call; no copies are made).
  template <class K, class... V>
  [[nodiscard]] Stream<K, std::variant<const V*...>> merge(const Stream<K, V>&... streams) {
    std::vector<NodeId> parents;
    const auto wrap = [&]<std::size_t... I>(std::index_sequence<I...>) {
      (parents.push_back(
           graph_->add(NodeKind::merge_input, {streams.node()},
                       detail::stateless([](const Message& message, const detail::Output& out) {
                         if (message.value == nullptr) return out(message);
                         const std::variant<const V*...> value(
                             std::in_place_index<I>, static_cast<const V*>(message.value));
                         out({message.key, &value, message.timestamp_ms});
                       }))),
       ...);
    };
    wrap(std::index_sequence_for<V...>{});
    return {*graph_, graph_->add(NodeKind::merge, std::move(parents), detail::pass_through())};
  }

  /// A topic of this service that others write than its topology: commands, or events that its
  /// routes write with a Writer. It is made at the start, with the partitions of the builder.
  /// `builder.declare_topic("wallets.commands", log::TopicKind::commands)`
  TopologyBuilder& declare_topic(std::string_view topic, log::TopicKind kind);
  /// The store `name` is kept by what `supplier` makes for each task, instead of in memory. The log
  /// has the same either way, so it may change from one start to the next.
  TopologyBuilder& keep(std::string_view store, ByteStoreSupplier supplier);
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

 private:
  std::unique_ptr<detail::Graph> graph_;
};

namespace errc {
/// The topology cannot run. Remedy: the message lists all mistakes, each with the operator and what
/// to change.
inline constexpr ErrorCode bad_topology{"stream.bad_topology"};
}  // namespace errc

}  // namespace millrace::stream
