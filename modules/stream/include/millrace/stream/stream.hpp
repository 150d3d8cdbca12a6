// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <concepts>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include "millrace/stream/detail/graph.hpp"
#include "millrace/stream/detail/typed.hpp"
#include "millrace/stream/fwd.hpp"

namespace millrace::stream {

/// True when the variant holds an E; for `filter(is<OrderConfirmed>)`.
template <class E, class... Alternatives>
[[nodiscard]] bool is_alternative(const std::variant<Alternatives...>& value) {
  return std::holds_alternative<E>(value);
}
template <class E>
inline constexpr auto is = [](const auto& value) { return is_alternative<E>(value); };

/// A stream of records; each record is a fact. A record may have no key or no value. If the
/// parameter of a function is a `std::optional` of the key or the value, it is empty then.
/// Otherwise: a record without a key becomes a dead letter; a record without a value is forwarded
/// by map_values() and peek() without a call, and left out by the other operators. to_table()
/// deletes the key of a record without a value. Aggregations and joins leave out records without a
/// value. Aggregations and inner joins also leave out records without a key; left_join() joins them
/// with no value. Records that are left out are counted (InstanceStatus::skipped). A Stream is a
/// handle of a node of the builder: cheap to copy, valid as long as the builder. Include
/// millrace/stream/topology.hpp to use it.
template <class K, class V>
class Stream {
 public:
  Stream(detail::Graph& graph, NodeId node) : graph_(&graph), node_(node) {}

  template <detail::Decides<K, V> F>
  Stream filter(F predicate) const {
    return kept(NodeKind::filter,
                [predicate](const Message& message, const detail::Output& out) mutable {
                  if (!detail::fits<K, V, F>(message)) return out.skip();
                  if (detail::call<K, V>(predicate, message)) out(message);
                });
  }
  template <detail::Decides<K, V> F>
  Stream filter_not(F predicate) const {
    return kept(NodeKind::filter_not,
                [predicate](const Message& message, const detail::Output& out) mutable {
                  if (!detail::fits<K, V, F>(message)) return out.skip();
                  if (!detail::call<K, V>(predicate, message)) out(message);
                });
  }
  /// `fn(key, value) -> std::pair<K2, V2>`.
  template <detail::MakesPair<K, V> F>
  auto map(F fn) const {
    using Pair = detail::Called<K, V, F>;
    return made<typename Pair::first_type, typename Pair::second_type>(
        NodeKind::map, detail::Graph::Keys::changed,
        [fn](const Message& message, const detail::Output& out) mutable {
          if (!detail::fits<K, V, F>(message)) return out.skip();
          const Pair pair = detail::call<K, V>(fn, message);
          out({&pair.first, &pair.second, message.timestamp_ms});
        });
  }
  /// `fn(value)` or `fn(key, value) -> V2`.
  template <detail::TakesRecord<K, V> F>
  auto map_values(F fn) const {
    using Made = detail::Called<K, V, F>;
    return made<K, Made>(NodeKind::map_values, detail::Graph::Keys::kept,
                         [fn](const Message& message, const detail::Output& out) mutable {
                           // A deletion stays one.
                           if (!detail::fits<K, V, F>(message)) return out(message);
                           const Made value = detail::call<K, V>(fn, message);
                           out({message.key, &value, message.timestamp_ms});
                         });
  }
  /// `fn(key, value) -> std::vector<std::pair<K2, V2>>`.
  template <detail::MakesPairs<K, V> F>
  auto flat_map(F fn) const {
    using Pair = typename detail::Called<K, V, F>::value_type;
    return made<typename Pair::first_type, typename Pair::second_type>(
        NodeKind::flat_map, detail::Graph::Keys::changed,
        [fn](const Message& message, const detail::Output& out) mutable {
          if (!detail::fits<K, V, F>(message)) return out.skip();
          for (const Pair& pair : detail::call<K, V>(fn, message)) {
            out({&pair.first, &pair.second, message.timestamp_ms});
          }
        });
  }
  /// `fn(value)` or `fn(key, value) -> std::vector<V2>`.
  template <detail::MakesValues<K, V> F>
  auto flat_map_values(F fn) const {
    using Made = typename detail::Called<K, V, F>::value_type;
    return made<K, Made>(NodeKind::flat_map_values, detail::Graph::Keys::kept,
                         [fn](const Message& message, const detail::Output& out) mutable {
                           if (!detail::fits<K, V, F>(message)) return out.skip();
                           for (const Made& value : detail::call<K, V>(fn, message)) {
                             out({message.key, &value, message.timestamp_ms});
                           }
                         });
  }
  /// `fn(key, value) -> K2`. The next operator with state is repartitioned.
  template <detail::TakesRecord<K, V> F>
  auto select_key(F fn) const {
    using Key = detail::Called<K, V, F>;
    return made<Key, V>(NodeKind::select_key, detail::Graph::Keys::changed,
                        [fn](const Message& message, const detail::Output& out) mutable {
                          if (!detail::fits<K, V, F>(message)) return out.skip();
                          const Key key = detail::call<K, V>(fn, message);
                          out({&key, message.value, message.timestamp_ms});
                        });
  }
  template <detail::TakesRecord<K, V> F>
  Stream peek(F fn) const {
    return kept(NodeKind::peek, [fn](const Message& message, const detail::Output& out) mutable {
      if (detail::fits<K, V, F>(message)) detail::call<K, V>(fn, message);
      out(message);
    });
  }
  template <detail::TakesRecord<K, V> F>
  void for_each(F fn) const {
    kept(NodeKind::for_each, [fn](const Message& message, const detail::Output& out) mutable {
      if (!detail::fits<K, V, F>(message)) return out.skip();
      detail::call<K, V>(fn, message);
    });
  }
  Stream merge(const Stream& other) const {
    return {*graph_, graph_->add(NodeKind::merge, {node_, other.node_}, detail::pass_through())};
  }
  /// Sends all records through a private topic `<service>.<name>.repartition`, so that one task
  /// gets all records of a key.
  Stream repartition(std::string name, const Serdes& serdes = {}) const {
    return {*graph_, graph_->repartition(node_, name, detail::private_type<K, V>(serdes))};
  }

  /// Publishes the records in a topic of events of this service (as JSON with CloudEvents, unless
  /// `serdes` is given).
  void to(std::string topic, const Serdes& serdes = {}) const {
    graph_->to(node_, topic, detail::public_type<K, V>(serdes), {});
  }
  /// The same, but `fn(key, value, partitions)` returns the partition. Deletions are left out
  /// unless the value parameter of `fn` is a `std::optional`.
  template <detail::ChoosesPartition<K, V> F>
  void to(std::string topic, F partitioner, const Serdes& serdes = {}) const {
    graph_->to(node_, topic, detail::public_type<K, V>(serdes),
               detail::partitioner<K, V>(partitioner));
  }
  /// Writes commands to a topic of this service. Other services may write to it too. (JSON with
  /// CloudEvents, unless `serdes` is given.)
  void to_commands(std::string topic, const Serdes& serdes = {}) const {
    graph_->to(node_, topic, detail::public_type<K, V>(serdes), {}, log::TopicKind::commands);
  }
  /// Writes to a private topic of this service, `<service>.<topic>`, in binary unless `serdes` is
  /// given. Read it with private_stream(topic).
  void to_private(std::string topic, const Serdes& serdes = {}) const {
    graph_->to_private(node_, topic, detail::private_type<K, V>(serdes), {});
  }
  template <detail::ChoosesPartition<K, V> F>
  void to_private(std::string topic, F partitioner, const Serdes& serdes = {}) const {
    graph_->to_private(node_, topic, detail::private_type<K, V>(serdes),
                       detail::partitioner<K, V>(partitioner));
  }

  /// Keeps the latest value of each key in a store. `serdes` is for the store.
  Table<K, V> to_table(std::string store, const Serdes& serdes = {}) const {
    const NodeId parent = graph_->keyed(node_, store, detail::private_type<K, V>());
    const StoreId id =
        graph_->store(store, codec::type_info<K>(), codec::type_info<V>(), {}, serdes);
    return {*graph_,
            graph_->add_stateful(NodeKind::to_table, parent, id,
                                 detail::table(detail::table_spec<K, V>(id))),
            id};
  }
  GroupedStream<K, V> group_by_key() const {
    return {*graph_, node_, graph_->keys(node_) != detail::Graph::Keys::kept};
  }
  /// `fn(value)` or `fn(key, value) -> K2`. The repartition topic is named after the operator that
  /// follows.
  template <detail::TakesRecord<K, V> F>
  auto group_by(F fn) const {
    return select_key(std::move(fn)).group_by_key();
  }

  /// `joiner(value, table value) -> V2`. Records without a match are dropped.
  template <class V2, detail::TakesRecord<K, V, const V2&> F>
  auto join(const Table<K, V2>& table, F joiner) const {
    using Made = detail::Called<K, V, F, const V2&>;
    return joined<Made>(
        NodeKind::join, table, true,
        [joiner](const Message& message, const void* match, const detail::Output& out) mutable {
          if (!detail::fits<K, V, F, const V2&>(message)) return out.skip();
          const Made value = detail::call<K, V>(joiner, message, *static_cast<const V2*>(match));
          out({message.key, &value, message.timestamp_ms});
        });
  }
  /// `joiner(value, const V2* or null) -> V3`.
  template <class V2, detail::TakesRecord<K, V, const V2*> F>
  auto left_join(const Table<K, V2>& table, F joiner) const {
    using Made = detail::Called<K, V, F, const V2*>;
    return joined<Made>(
        NodeKind::left_join, table, false,
        [joiner](const Message& message, const void* match, const detail::Output& out) mutable {
          if (!detail::fits<K, V, F, const V2*>(message)) return out.skip();
          const Made value = detail::call<K, V>(joiner, message, static_cast<const V2*>(match));
          out({message.key, &value, message.timestamp_ms});
        });
  }

  /// Passes each message to a processor of class P (see Processor). Each task has its own
  /// processor, constructed from copies of the arguments:
  /// `payments.process<Teller>("teller", balances, results, outcomes)`. The processor may use the
  /// stores and emitters among the arguments. They are also found in simple structs (aggregates
  /// without bases and arrays), sequences, tuples and optionals, but not inside other classes.
  template <class P, class... A>
  void process(std::string name, const A&... arguments) const {
    process(std::move(name), detail::Make<P>(), arguments...);
  }
  /// The same for a processor whose class is defined elsewhere: `make(arguments...)` returns it in
  /// a std::unique_ptr. `make` is a function, or a lambda without captures.
  template <class F, class... A>
    requires std::invocable<const F&, const A&...>
  void process(std::string name, F make, const A&... arguments) const {
    static_assert(std::is_empty_v<F> || std::is_pointer_v<F>,
                  "the function that makes the processor captures something: pass it as arguments, "
                  "so that the stores and emitters among them are known");
    using P = typename std::invoke_result_t<F, const A&...>::element_type;
    const detail::Connections connections = detail::connections_of(arguments...);
    graph_->process(name, node_, detail::repartition_type<K, V>(), connections,
                    [name, connections, make, arguments...] {
                      return std::make_unique<detail::ProcessorNode<K, V, P>>(name, connections,
                                                                              make(arguments...));
                    });
  }

  [[nodiscard]] NodeId node() const { return node_; }
  [[nodiscard]] detail::Graph& graph() const { return *graph_; }

 private:
  Stream kept(NodeKind kind, detail::Body body) const {
    return made<K, V>(kind, detail::Graph::Keys::kept, std::move(body));
  }
  template <class K2, class V2>
  Stream<K2, V2> made(NodeKind kind, detail::Graph::Keys keys, detail::Body body) const {
    return {*graph_, graph_->add(kind, {node_}, detail::stateless(std::move(body)), keys)};
  }
  template <class Made, class V2, class F>
  Stream<K, Made> joined(NodeKind kind, const Table<K, V2>& table, bool inner, F joiner) const {
    const NodeId parent = graph_->keyed(node_, graph_->store_name(table.store()) + ".join",
                                        detail::repartition_type<K, V>());
    return {*graph_, graph_->add_stateful(kind, parent, table.store(),
                                          detail::join({detail::table_spec<K, V2>(table.store()),
                                                        inner, std::move(joiner)}))};
  }

  detail::Graph* graph_;
  NodeId node_;
};

}  // namespace millrace::stream
