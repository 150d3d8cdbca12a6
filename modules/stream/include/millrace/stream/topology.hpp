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

/// Builds a topology. Functions of operators take `(const K&, const V&)` or `(const V&)`, or
/// `std::optional` of these (see Stream). They run in the thread of the task and may throw. Names
/// of operators with state are parts of the names of topics, so do not change them in later builds.
/// Not thread-safe.
class TopologyBuilder {
 public:
  /// `service` is the owner of all topics that the topology writes. `partitions` is for the topics
  /// that it creates.
  explicit TopologyBuilder(std::string service, std::int32_t partitions = 4);
  ~TopologyBuilder();

  /// A public topic as a stream. V is an event, or a std::variant of events that `ce_type`
  /// distinguishes. Records of other types are skipped, or are errors with
  /// `stream<OrderId, OrderEvent>("orders", OnUnknownType::error)`. A second call with the same
  /// arguments returns the same stream.
  template <class K, class V>
  [[nodiscard]] Stream<K, V> stream(std::string topic,
                                    OnUnknownType on_unknown_type = OnUnknownType::skip) {
    return stream<K, V>(std::move(topic), Serdes{}, on_unknown_type);
  }
  /// The same for a topic whose keys, values or headers do not have the default form:
  /// `stream<OrderId, OrderEvent>("orders", serde(avro))`.
  template <class K, class V>
  [[nodiscard]] Stream<K, V> stream(std::string topic, const Serdes& serdes,
                                    OnUnknownType on_unknown_type = OnUnknownType::skip) {
    return {*graph_, graph_->source(topic, detail::public_type<K, V>(serdes), on_unknown_type)};
  }
  /// A public topic as a table. The store `store` keeps it; its changelog is the topic itself. A
  /// record of another type does not change the table, even if it becomes a dead letter.
  template <class K, class V>
  Table<K, V> table(std::string topic, std::string store,
                    OnUnknownType on_unknown_type = OnUnknownType::skip) {
    return table<K, V>(std::move(topic), std::move(store), Serdes{}, on_unknown_type);
  }
  /// The same with serdes for the topic; the values in the store are binary.
  template <class K, class V>
  Table<K, V> table(std::string topic, std::string store, const Serdes& serdes,
                    OnUnknownType on_unknown_type = OnUnknownType::skip) {
    const auto [node, id] =
        graph_->table_source(topic, store, detail::public_type<K, V>(serdes), on_unknown_type);
    return {*graph_, node, id};
  }
  /// A private topic of this service as a stream. Another part of the topology writes it with
  /// to_private().
  template <class K, class V>
  [[nodiscard]] Stream<K, V> private_stream(std::string topic, const Serdes& serdes = {}) {
    return {*graph_, graph_->private_source(topic, detail::private_type<K, V>(serdes))};
  }

  /// A key-value store with the changelog `<service>.<name>.changelog`. All processors that use it
  /// are in one sub-topology. With `store<OrderId, Order>("orders", serde(avro))` the values have
  /// the form of this serde. Keys always have the form of codec::key_serde(), which keeps their
  /// order.
  template <class K, class V>
  [[nodiscard]] StoreRef<K, V> store(std::string name, const Serdes& serdes = {}) {
    return {graph_->store(name, codec::type_info<K>(), codec::type_info<V>(), {}, serdes),
            graph_->id()};
  }
  template <class K, class V>
  [[nodiscard]] Emitter<K, V> emitter(std::string name) {
    return {graph_->emitter(name), graph_->id()};
  }
  /// The stream of the records that an emitter emits.
  template <class K, class V>
  [[nodiscard]] Stream<K, V> stream(const Emitter<K, V>& emitter) {
    return {*graph_, graph_->emitted(emitter.node, emitter.builder)};
  }

  /// Merges streams with the same key type and different value types. Its values are pointers to
  /// the original values (valid during the call; values are not copied).
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

  /// Declares a topic of this service that the topology itself does not write: commands, or events
  /// that routes write with a Writer. It is created at the start, with the partitions of the
  /// builder. `builder.declare_topic("wallets.commands", log::TopicKind::commands)`
  TopologyBuilder& declare_topic(std::string_view topic, log::TopicKind kind);
  /// Keeps the store `name` in an object that `supplier` creates for each task, instead of in
  /// memory. The data in the log is the same, so this may change from one start to the next.
  TopologyBuilder& keep(std::string_view store, ByteStoreSupplier supplier);
  /// Declares that the store, repartition, private topic or processor `name` had the name `old` in
  /// an earlier build. It continues with its state, its positions and its topics. Queries use
  /// `name`. Call it once for each old name, as long as a log may have that name; without such a
  /// name it has no effect. `builder.was("totals", "counts")`
  TopologyBuilder& was(std::string_view name, std::string_view old);
  /// Sets the version of a store or a processor; the default is 1. Raise it when the meaning of its
  /// values changes but its types do not: `builder.version("totals", 2)`. A build cannot continue
  /// state of another version: errc::topology_changed, until the state is rebuilt or accepted.
  TopologyBuilder& version(std::string_view name, std::int64_t version);

  /// Checks and completes the plan: divides it into sub-topologies, names them, and lists the
  /// topics. errc::bad_topology lists all mistakes.
  [[nodiscard]] Result<Topology> build();

 private:
  std::unique_ptr<detail::Graph> graph_;
};

namespace errc {
/// The topology cannot run. Remedy: correct the mistakes. The message lists all of them, each with
/// the operator and the necessary change.
inline constexpr ErrorCode bad_topology{"stream.bad_topology"};
}  // namespace errc

}  // namespace millrace::stream
