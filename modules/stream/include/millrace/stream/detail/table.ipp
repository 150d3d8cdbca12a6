// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include "millrace/stream/detail/typed.ipp"

namespace millrace::stream {

template <class K, class V>
Table<K, V> Stream<K, V>::to_table(std::string store) const {
  const NodeId parent =
      graph_->keyed(node_, store, detail::record_type<K, V>(codec::Format::binary));
  const StoreId id = graph_->store(store, codec::type_info<K>(), codec::type_info<V>());
  return {*graph_,
          graph_->add_stateful("to_table", parent, id, detail::table(detail::table_spec<K, V>(id))),
          id};
}

template <class K, class V>
GroupedStream<K, V> Stream<K, V>::group_by_key() const {
  return {*graph_, node_, graph_->keys(node_) != TopologyBuilder::Graph::Keys::kept};
}

template <class K, class V>
template <class F>
auto Stream<K, V>::group_by(F fn) const {
  const auto keyed = select_key(std::move(fn));
  using Keyed = Stream<detail::Called<K, V, F>, V>;
  static_assert(std::is_same_v<decltype(keyed), const Keyed>);
  return keyed.group_by_key();
}

template <class K, class V>
template <class V2, class F>
auto Stream<K, V>::join(const Table<K, V2>& table, F joiner) const {
  using Made = detail::Called<K, V, F, const V2&>;
  const NodeId parent = graph_->keyed(node_, graph_->store_name(table.store()) + ".join",
                                      detail::repartition_type<K, V>());
  const auto joined = [joiner](const Message& message, const void* match,
                               const detail::Output& out) mutable {
    if (!detail::fits<K, V, F, const V2&>(message)) return out.skip();
    const Made made = detail::call<K, V>(joiner, message, *static_cast<const V2*>(match));
    out({message.key, &made, message.timestamp_ms});
  };
  return Stream<K, Made>(
      *graph_,
      graph_->add_stateful("join", parent, table.store(),
                           detail::join({detail::table_spec<K, V2>(table.store()), true, joined})));
}

template <class K, class V>
template <class V2, class F>
auto Stream<K, V>::left_join(const Table<K, V2>& table, F joiner) const {
  using Made = detail::Called<K, V, F, const V2*>;
  const NodeId parent = graph_->keyed(node_, graph_->store_name(table.store()) + ".join",
                                      detail::repartition_type<K, V>());
  const auto joined = [joiner](const Message& message, const void* match,
                               const detail::Output& out) mutable {
    if (!detail::fits<K, V, F, const V2*>(message)) return out.skip();
    const Made made = detail::call<K, V>(joiner, message, static_cast<const V2*>(match));
    out({message.key, &made, message.timestamp_ms});
  };
  return Stream<K, Made>(
      *graph_, graph_->add_stateful(
                   "left_join", parent, table.store(),
                   detail::join({detail::table_spec<K, V2>(table.store()), false, joined})));
}

template <class K, class V>
template <class F, class... C>
void Stream<K, V>::process(std::string name, F factory, C... connections) const {
  Connections all;
  (all.stores.insert(all.stores.end(), connections.stores.begin(), connections.stores.end()), ...);
  (all.emitters.insert(all.emitters.end(), connections.emitters.begin(),
                       connections.emitters.end()),
   ...);
  using How = detail::ProcessorTaking<K, V, typename decltype(factory())::element_type>;
  using Runner = detail::ProcessorNode<K, V, How::optional_key, How::optional_value>;
  graph_->process(name, node_, detail::repartition_type<K, V>(), all,
                  [name, all, factory] { return std::make_unique<Runner>(name, all, factory()); });
}

template <class K, class V>
Stream<K, V> Table<K, V>::to_stream() const {
  return {*graph_, graph_->add("to_stream", {node_}, detail::pass_through())};
}

template <class K, class V>
Table<K, std::int64_t> GroupedStream<K, V>::count(std::string store) const {
  return detail::add_aggregate<K, std::int64_t, K, V>(*graph_, node_, repartition_, "count", store,
                                                      detail::counting());
}

template <class K, class V>
template <class F>
Table<K, V> GroupedStream<K, V>::reduce(F fn, std::string store) const {
  return detail::add_aggregate<K, V, K, V>(*graph_, node_, repartition_, "reduce", store,
                                           detail::reducing<V>(fn));
}

template <class K, class V>
template <class A, class F>
Table<K, A> GroupedStream<K, V>::aggregate(A initial, F fn, std::string store) const {
  return detail::add_aggregate<K, A, K, V>(*graph_, node_, repartition_, "aggregate", store,
                                           detail::folding<K, V, A>(std::move(initial), fn));
}

template <class K, class V>
WindowedStream<K, V> GroupedStream<K, V>::windowed_by(TumblingWindows windows) const {
  graph_->check_windows(windows);
  return {*graph_, node_, repartition_, windows};
}

template <class K, class V>
Table<Windowed<K>, std::int64_t> WindowedStream<K, V>::count(std::string store) const {
  return detail::add_aggregate<Windowed<K>, std::int64_t, K, V>(
      *graph_, node_, repartition_, "windowed_count", store, detail::counting(),
      detail::windowing<K>(windows_), windows_);
}

template <class K, class V>
template <class F>
Table<Windowed<K>, V> WindowedStream<K, V>::reduce(F fn, std::string store) const {
  return detail::add_aggregate<Windowed<K>, V, K, V>(
      *graph_, node_, repartition_, "windowed_reduce", store, detail::reducing<V>(fn),
      detail::windowing<K>(windows_), windows_);
}

template <class K, class V>
template <class A, class F>
Table<Windowed<K>, A> WindowedStream<K, V>::aggregate(A initial, F fn, std::string store) const {
  return detail::add_aggregate<Windowed<K>, A, K, V>(
      *graph_, node_, repartition_, "windowed_aggregate", store,
      detail::folding<K, V, A>(std::move(initial), fn), detail::windowing<K>(windows_), windows_);
}

}  // namespace millrace::stream
