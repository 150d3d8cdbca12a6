// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include "millrace/stream/detail/typed.ipp"

namespace millrace::stream {

template <class K, class V>
Stream<K, V> TopologyBuilder::stream(std::string topic, OnUnknownType on_unknown_type) {
  return {*graph_,
          graph_->source(topic, detail::record_type<K, V>(codec::Format::json), on_unknown_type)};
}

template <class K, class V>
Table<K, V> TopologyBuilder::table(std::string topic, std::string store,
                                   OnUnknownType on_unknown_type) {
  const auto [node, id] = graph_->table_source(
      topic, store, detail::record_type<K, V>(codec::Format::json), on_unknown_type);
  return {*graph_, node, id};
}

template <class K, class V>
Stream<K, V> TopologyBuilder::private_stream(std::string topic) {
  return {*graph_, graph_->private_source(topic, detail::record_type<K, V>(codec::Format::binary))};
}

template <class K, class V>
StoreRef<K, V> TopologyBuilder::store(std::string name) {
  return {graph_->store(name, codec::type_info<K>(), codec::type_info<V>())};
}

template <class K, class V>
Emitter<K, V> TopologyBuilder::emitter(std::string name) {
  return {graph_->emitter(name)};
}

template <class K, class V>
Stream<K, V> TopologyBuilder::stream(const Emitter<K, V>& emitter) {
  return {*graph_, emitter.node};
}

template <class K, class... V>
Stream<K, std::variant<const V*...>> TopologyBuilder::merge(const Stream<K, V>&... streams) {
  std::vector<NodeId> parents;
  const auto wrap = [&]<std::size_t... I>(std::index_sequence<I...>) {
    (parents.push_back(
         graph_->add("merge_input", {streams.node()},
                     detail::stateless([](const Message& message, const detail::Output& out) {
                       if (message.value == nullptr) return out(message);
                       const std::variant<const V*...> value(std::in_place_index<I>,
                                                             static_cast<const V*>(message.value));
                       out({message.key, &value, message.timestamp_ms});
                     }))),
     ...);
  };
  wrap(std::index_sequence_for<V...>{});
  return {*graph_, graph_->add("merge", std::move(parents), detail::pass_through())};
}

}  // namespace millrace::stream
