// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include "millrace/stream/detail/typed.ipp"

namespace millrace::stream {

template <class K, class V>
template <class F>
Stream<K, V> Stream<K, V>::filter(F predicate) const {
  return {*graph_, graph_->add("filter", {node_},
                               detail::stateless([predicate](const Message& message,
                                                             const detail::Output& out) mutable {
                                 if (!detail::fits<K, V, F>(message)) return out.skip();
                                 if (detail::call<K, V>(predicate, message)) out(message);
                               }))};
}

template <class K, class V>
template <class F>
Stream<K, V> Stream<K, V>::filter_not(F predicate) const {
  return {*graph_, graph_->add("filter_not", {node_},
                               detail::stateless([predicate](const Message& message,
                                                             const detail::Output& out) mutable {
                                 if (!detail::fits<K, V, F>(message)) return out.skip();
                                 if (!detail::call<K, V>(predicate, message)) out(message);
                               }))};
}

template <class K, class V>
template <class F>
auto Stream<K, V>::map(F fn) const {
  using Pair = detail::Called<K, V, F>;
  return Stream<typename Pair::first_type, typename Pair::second_type>(
      *graph_, graph_->add("map", {node_},
                           detail::stateless(
                               [fn](const Message& message, const detail::Output& out) mutable {
                                 if (!detail::fits<K, V, F>(message)) return out.skip();
                                 const Pair made = detail::call<K, V>(fn, message);
                                 out({&made.first, &made.second, message.timestamp_ms});
                               }),
                           TopologyBuilder::Graph::Keys::changed));
}

template <class K, class V>
template <class F>
auto Stream<K, V>::map_values(F fn) const {
  using Made = detail::Called<K, V, F>;
  return Stream<K, Made>(
      *graph_, graph_->add("map_values", {node_},
                           detail::stateless(
                               [fn](const Message& message, const detail::Output& out) mutable {
                                 // A deletion stays one.
                                 if (!detail::fits<K, V, F>(message)) return out(message);
                                 const Made made = detail::call<K, V>(fn, message);
                                 out({message.key, &made, message.timestamp_ms});
                               })));
}

template <class K, class V>
template <class F>
auto Stream<K, V>::flat_map(F fn) const {
  using Pair = typename detail::Called<K, V, F>::value_type;
  return Stream<typename Pair::first_type, typename Pair::second_type>(
      *graph_, graph_->add("flat_map", {node_},
                           detail::stateless(
                               [fn](const Message& message, const detail::Output& out) mutable {
                                 if (!detail::fits<K, V, F>(message)) return out.skip();
                                 for (const Pair& made : detail::call<K, V>(fn, message)) {
                                   out({&made.first, &made.second, message.timestamp_ms});
                                 }
                               }),
                           TopologyBuilder::Graph::Keys::changed));
}

template <class K, class V>
template <class F>
auto Stream<K, V>::flat_map_values(F fn) const {
  using Made = typename detail::Called<K, V, F>::value_type;
  return Stream<K, Made>(
      *graph_, graph_->add("flat_map_values", {node_},
                           detail::stateless(
                               [fn](const Message& message, const detail::Output& out) mutable {
                                 if (!detail::fits<K, V, F>(message)) return out.skip();
                                 for (const Made& made : detail::call<K, V>(fn, message)) {
                                   out({message.key, &made, message.timestamp_ms});
                                 }
                               })));
}

template <class K, class V>
template <class F>
auto Stream<K, V>::select_key(F fn) const {
  using Key = detail::Called<K, V, F>;
  return Stream<Key, V>(
      *graph_, graph_->add("select_key", {node_},
                           detail::stateless(
                               [fn](const Message& message, const detail::Output& out) mutable {
                                 if (!detail::fits<K, V, F>(message)) return out.skip();
                                 const Key key = detail::call<K, V>(fn, message);
                                 out({&key, message.value, message.timestamp_ms});
                               }),
                           TopologyBuilder::Graph::Keys::changed));
}

template <class K, class V>
template <class F>
Stream<K, V> Stream<K, V>::peek(F fn) const {
  return {*graph_, graph_->add("peek", {node_},
                               detail::stateless(
                                   [fn](const Message& message, const detail::Output& out) mutable {
                                     if (detail::fits<K, V, F>(message))
                                       detail::call<K, V>(fn, message);
                                     out(message);
                                   }))};
}

template <class K, class V>
template <class F>
void Stream<K, V>::for_each(F fn) const {
  graph_->add("for_each", {node_},
              detail::stateless([fn](const Message& message, const detail::Output& out) mutable {
                if (!detail::fits<K, V, F>(message)) return out.skip();
                detail::call<K, V>(fn, message);
              }));
}

template <class K, class V>
Stream<K, V> Stream<K, V>::merge(const Stream& other) const {
  return {*graph_, graph_->add("merge", {node_, other.node_}, detail::pass_through())};
}

template <class K, class V>
Stream<K, V> Stream<K, V>::repartition(std::string name) const {
  return {*graph_,
          graph_->repartition(node_, name, detail::record_type<K, V>(codec::Format::binary))};
}

template <class K, class V>
void Stream<K, V>::to(std::string topic) const {
  graph_->to(node_, topic, detail::record_type<K, V>(codec::Format::json), {});
}

template <class K, class V>
template <class F>
void Stream<K, V>::to(std::string topic, F partitioner) const {
  graph_->to(node_, topic, detail::record_type<K, V>(codec::Format::json),
             detail::partitioner<K, V>(partitioner));
}

template <class K, class V>
void Stream<K, V>::to_private(std::string topic) const {
  graph_->to_private(node_, topic, detail::record_type<K, V>(codec::Format::binary), {});
}

template <class K, class V>
template <class F>
void Stream<K, V>::to_private(std::string topic, F partitioner) const {
  graph_->to_private(node_, topic, detail::record_type<K, V>(codec::Format::binary),
                     detail::partitioner<K, V>(partitioner));
}

}  // namespace millrace::stream
