// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "millrace/stream/detail/graph.hpp"
#include "millrace/stream/detail/typed.hpp"
#include "millrace/stream/fwd.hpp"
#include "millrace/stream/window.hpp"

namespace millrace::stream {

namespace detail {

/// The fold of reduce(): the first value as it is, then `fn(so_far, value)`.
template <class V, class F>
[[nodiscard]] auto reducing(F fn) {
  return [fn](const Message& message, void* so_far, bool exists) mutable {
    V& result = *static_cast<V*>(so_far);
    const V& value = *static_cast<const V*>(message.value);
    if (exists) {
      result = fn(std::as_const(result), value);
    } else {
      result = value;
    }
  };
}

/// The fold of aggregate(): `fn(key, value, so_far)`, from `initial`.
template <class K, class V, class A, class F>
[[nodiscard]] auto folding(A initial, F fn) {
  return [initial = std::move(initial), fn](const Message& message, void* so_far,
                                            bool exists) mutable {
    A& result = *static_cast<A*>(so_far);
    if (!exists) result = initial;
    result = call<K, V>(fn, message, std::move(result));
  };
}

inline auto counting() {
  return [](const Message&, void* so_far, bool exists) {
    auto& count = *static_cast<std::int64_t*>(so_far);
    count = exists ? count + 1 : 1;
  };
}

template <class K>
[[nodiscard]] auto windowing() {
  return [](const Message& message, const TimeWindow& window, void* key) {
    auto& windowed = *static_cast<Windowed<K>*>(key);
    windowed.key = *static_cast<const K*>(message.key);
    windowed.start_ms = window.start_ms;
    windowed.end_ms = window.end_ms;
  };
}

/// Adds an aggregation of a grouped stream of K and V under the store `name`.
template <class StoreKey, class A, class K, class V>
[[nodiscard]] Table<StoreKey, A> add_aggregate(
    Graph& graph, NodeId node, bool repartition, NodeKind kind, const std::string& name,
    const Serdes& serdes, auto fold,
    std::function<void(const Message&, const TimeWindow&, void*)> group = {},
    const std::optional<TimeWindows>& windows = {}) {
  if (repartition) node = graph.repartition(node, name, repartition_type<K, V>());
  const StoreId store = graph.store(name, codec::type_info<StoreKey>(), codec::type_info<A>(),
                                    windows ? windows->to_string() : std::string(), serdes);
  std::function<std::int64_t(const void*)> start_of;
  if constexpr (!std::is_same_v<StoreKey, K>)
    start_of = [](const void* key) { return static_cast<const StoreKey*>(key)->start_ms; };
  node = graph.add_stateful(kind, node, store,
                            aggregate({table_spec<StoreKey, A>(store), std::move(fold),
                                       std::move(group), windows, name, std::move(start_of)}));
  return {graph, node, store};
}

}  // namespace detail

/// A stream whose records are grouped by key. An aggregation keeps its results in the store with
/// its name, which has the changelog `<service>.<name>.changelog` and can be queried. A handle,
/// like Stream. Include millrace/stream/topology.hpp to use it.
template <class K, class V>
class GroupedStream {
 public:
  GroupedStream(detail::Graph& graph, NodeId node, bool repartition)
      : graph_(&graph), node_(node), repartition_(repartition) {}

  /// `serdes` is for the store, here and below.
  Table<K, std::int64_t> count(std::string store, const Serdes& serdes = {}) const {
    return added<std::int64_t>(NodeKind::count, store, serdes, detail::counting());
  }
  /// `fn(const V& so_far, const V& value) -> V`.
  template <detail::Reduces<V> F>
  Table<K, V> reduce(F fn, std::string store, const Serdes& serdes = {}) const {
    return added<V>(NodeKind::reduce, store, serdes, detail::reducing<V>(fn));
  }
  /// `fn(const K&, const V&, A so_far) -> A`.
  template <class A, detail::Aggregates<K, V, A> F>
  Table<K, A> aggregate(A initial, F fn, std::string store, const Serdes& serdes = {}) const {
    return added<A>(NodeKind::aggregate, store, serdes,
                    detail::folding<K, V, A>(std::move(initial), fn));
  }
  WindowedStream<K, V> windowed_by(TimeWindows windows) const {
    graph_->check_windows(windows);
    return {*graph_, node_, repartition_, windows};
  }
  /// Windows say how long they take late records: `.grace(d)`, `.no_grace()` or `.never_closes()`.
  WindowedStream<K, V> windowed_by(WindowsWithoutGrace windows) const = delete;

 private:
  template <class A>
  Table<K, A> added(NodeKind kind, const std::string& store, const Serdes& serdes,
                    auto fold) const {
    return detail::add_aggregate<K, A, K, V>(*graph_, node_, repartition_, kind, store, serdes,
                                             std::move(fold));
  }

  detail::Graph* graph_;
  NodeId node_;
  bool repartition_;
};

/// A stream whose records are grouped by key and window of event time. A handle, like Stream.
template <class K, class V>
class WindowedStream {
 public:
  WindowedStream(detail::Graph& graph, NodeId node, bool repartition, TimeWindows windows)
      : graph_(&graph), node_(node), repartition_(repartition), windows_(windows) {}

  Table<Windowed<K>, std::int64_t> count(std::string store, const Serdes& serdes = {}) const {
    return added<std::int64_t>(NodeKind::windowed_count, store, serdes, detail::counting());
  }
  template <detail::Reduces<V> F>
  Table<Windowed<K>, V> reduce(F fn, std::string store, const Serdes& serdes = {}) const {
    return added<V>(NodeKind::windowed_reduce, store, serdes, detail::reducing<V>(fn));
  }
  template <class A, detail::Aggregates<K, V, A> F>
  Table<Windowed<K>, A> aggregate(A initial, F fn, std::string store,
                                  const Serdes& serdes = {}) const {
    return added<A>(NodeKind::windowed_aggregate, store, serdes,
                    detail::folding<K, V, A>(std::move(initial), fn));
  }

 private:
  template <class A>
  Table<Windowed<K>, A> added(NodeKind kind, const std::string& store, const Serdes& serdes,
                              auto fold) const {
    return detail::add_aggregate<Windowed<K>, A, K, V>(*graph_, node_, repartition_, kind, store,
                                                       serdes, std::move(fold),
                                                       detail::windowing<K>(), windows_);
  }

  detail::Graph* graph_;
  NodeId node_;
  bool repartition_;
  TimeWindows windows_;
};

}  // namespace millrace::stream
