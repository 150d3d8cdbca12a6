// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <optional>
#include <tuple>
#include <type_traits>

#include "millrace/stream/detail/topology_graph.ipp"

namespace millrace::stream {

namespace detail {

template <class T>
inline constexpr bool is_merged = false;
template <class... V>
inline constexpr bool is_merged<std::variant<const V*...>> = sizeof...(V) > 0;

template <class K, class V>
[[nodiscard]] RecordType record_type(codec::Format format) {
  static_assert(!is_merged<V>,
                "merged streams hold pointers, which cannot be written to a topic: repartition or "
                "publish each stream "
                "before it is merged, or map_values() to a value of its own first");
  return {&codec::type_info<K>(), &codec::type_info<V>(), format};
}

/// The type of records should a repartition be necessary, which merged streams cannot have.
template <class K, class V>
[[nodiscard]] RecordType repartition_type() {
  if constexpr (is_merged<V>) {
    return {&codec::type_info<K>(), nullptr, codec::Format::binary};
  } else {
    return record_type<K, V>(codec::Format::binary);
  }
}

// The types of the parameters, for functions that have one signature; generic lambdas have none.
template <class F>
struct Parameters;
template <class R, class... A>
struct Parameters<R (*)(A...)> {
  using Tuple = std::tuple<std::remove_cvref_t<A>...>;
};
template <class R, class... A>
struct Parameters<R (*)(A...) noexcept> : Parameters<R (*)(A...)> {};
template <class C, class R, class... A>
struct Parameters<R (C::*)(A...)> : Parameters<R (*)(A...)> {};
template <class C, class R, class... A>
struct Parameters<R (C::*)(A...) const> : Parameters<R (*)(A...)> {};
template <class C, class R, class... A>
struct Parameters<R (C::*)(A...) noexcept> : Parameters<R (*)(A...)> {};
template <class C, class R, class... A>
struct Parameters<R (C::*)(A...) const noexcept> : Parameters<R (*)(A...)> {};
template <class C, class R, class... A>
struct Parameters<R (C::*)(A...)&> : Parameters<R (*)(A...)> {};
template <class C, class R, class... A>
struct Parameters<R (C::*)(A...) const&> : Parameters<R (*)(A...)> {};
template <class C, class R, class... A>
struct Parameters<R (C::*)(A...) & noexcept> : Parameters<R (*)(A...)> {};
template <class C, class R, class... A>
struct Parameters<R (C::*)(A...) const & noexcept> : Parameters<R (*)(A...)> {};

template <class F>
auto parameters_of() {
  if constexpr (requires { typename Parameters<decltype(&F::operator())>::Tuple; }) {
    return Parameters<decltype(&F::operator())>();
  } else if constexpr (requires { typename Parameters<F>::Tuple; }) {
    return Parameters<F>();
  }
}

template <class F, std::size_t Index, std::size_t Count, class T>
constexpr bool takes_optional() {
  if constexpr (!std::is_void_v<decltype(parameters_of<F>())>) {
    using Tuple = typename decltype(parameters_of<F>())::Tuple;
    if constexpr (std::tuple_size_v<Tuple> == Count)
      return std::is_same_v<std::tuple_element_t<Index, Tuple>, std::optional<T>>;
  }
  return false;
}

/// How a function of an operator over K and V takes a message: `(key, value, more...)` or
/// `(value, more...)`, each of the two as it is or as a std::optional that may be empty.
template <class K, class V, class F, class... More>
struct Taking {
  static constexpr std::size_t more = sizeof...(More);
  static constexpr bool optional_key = takes_optional<F, 0, more + 2, K>();
  static constexpr bool optional_value =
      takes_optional<F, 0, more + 1, V>() || takes_optional<F, 1, more + 2, V>();
  static constexpr bool with_key = std::is_invocable_v<F&, const K&, const V&, More...>;
  static_assert(with_key || std::is_invocable_v<F&, const V&, More...>,
                "the function takes (const K&, const V&, ...) or (const V&, ...) of this stream");
};

template <class T, bool optional>
decltype(auto) argument(const void* object) {
  const T* const typed = static_cast<const T*>(object);
  if constexpr (optional) {
    return typed != nullptr ? std::optional<T>(*typed) : std::optional<T>();
  } else {
    return *typed;
  }
}

/// The message has what the function takes. A null value that it does not take is left out. Throws
/// for a null key: the record becomes a dead letter and is not lost.
template <class K, class V, class F, class... More>
[[nodiscard]] bool fits(const Message& message) {
  using How = Taking<K, V, F, More...>;
  if constexpr (!How::optional_value) {
    if (message.value == nullptr) return false;
  }
  if constexpr (How::with_key && !How::optional_key) {
    if (message.key == nullptr) throw_no_key();
  }
  return true;
}

/// Calls the function with a message that fits().
template <class K, class V, class F, class... More>
decltype(auto) call(F& fn, const Message& message, More&&... more) {
  using How = Taking<K, V, F, More...>;
  if constexpr (How::with_key) {
    return fn(argument<K, How::optional_key>(message.key),
              argument<V, How::optional_value>(message.value), std::forward<More>(more)...);
  } else {
    return fn(argument<V, How::optional_value>(message.value), std::forward<More>(more)...);
  }
}
template <class K, class V, class F, class... More>
using Called = std::remove_cvref_t<decltype(call<K, V>(
    std::declval<F&>(), std::declval<const Message&>(), std::declval<More>()...))>;

template <class K, class V, class F>
[[nodiscard]] PartitionChooser partitioner(F fn) {
  constexpr bool optional_key = takes_optional<F, 0, 3, K>();
  constexpr bool optional_value = takes_optional<F, 1, 3, V>();
  return {[fn](const void* key, const void* value, std::int32_t partitions) -> std::int32_t {
            if constexpr (!optional_key) {
              if (key == nullptr) throw_no_key();
            }
            return fn(argument<K, optional_key>(key), argument<V, optional_value>(value),
                      partitions);
          },
          optional_value};
}

/// How a processor of class P takes the records of a stream of K and V.
template <class K, class V, class P>
struct ProcessorTaking {
  template <class Key, class Value>
  static constexpr bool is = std::is_base_of_v<Processor<Key, Value>, P>;
  static constexpr bool optional_key =
      is<std::optional<K>, V> || is<std::optional<K>, std::optional<V>>;
  static constexpr bool optional_value =
      is<K, std::optional<V>> || is<std::optional<K>, std::optional<V>>;
  static_assert(
      optional_key || optional_value || is<K, V>,
      "the factory returns a std::unique_ptr of a Processor<K, V> of this stream's types, "
      "each as it is or as a std::optional");
};

/// Runs a user's processor as a node.
template <class K, class V, bool optional_key, bool optional_value>
class ProcessorNode final : public Node {
 public:
  using UserProcessor = Processor<std::conditional_t<optional_key, std::optional<K>, K>,
                                  std::conditional_t<optional_value, std::optional<V>, V>>;

  ProcessorNode(std::string name, Connections connections, std::unique_ptr<UserProcessor> processor)
      : name_(std::move(name)),
        connections_(std::move(connections)),
        processor_(std::move(processor)) {}
  void open(TaskContext& context) override {
    context_.emplace(context, name_, connections_.emitters, connections_.stores);
    processor_->open(*context_);
  }
  void process(const Message& message, TaskContext& context) override {
    if constexpr (!optional_value) {
      if (message.value == nullptr) return context.skip();
    }
    if constexpr (!optional_key) {
      if (message.key == nullptr) throw_no_key();
    }
    processor_->process(argument<K, optional_key>(message.key),
                        argument<V, optional_value>(message.value), *context_);
  }

 private:
  std::string name_;
  Connections connections_;
  std::optional<ProcessorContext> context_;
  std::unique_ptr<UserProcessor> processor_;
};

template <class K, class A>
[[nodiscard]] TableSpec table_spec(StoreId store) {
  return {store, &codec::type_info<K>(), &codec::type_info<A>()};
}

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
[[nodiscard]] auto windowing(TumblingWindows windows) {
  return [windows](const Message& message, void* key) {
    auto& windowed = *static_cast<Windowed<K>*>(key);
    windowed.key = *static_cast<const K*>(message.key);
    windowed.start_ms = windows.start_of(message.timestamp_ms);
    windowed.end_ms = windows.end_of(message.timestamp_ms);
  };
}

/// Adds an aggregation of a grouped stream of K and V under the store `name`.
template <class StoreKey, class A, class K, class V>
[[nodiscard]] Table<StoreKey, A> add_aggregate(
    TopologyBuilder::Graph& graph, NodeId node, bool repartition, std::string_view kind,
    const std::string& name, auto fold, std::function<void(const Message&, void*)> group = {},
    const std::optional<TumblingWindows>& windows = {}) {
  if (repartition) node = graph.repartition(node, name, repartition_type<K, V>());
  const StoreId store = graph.store(name, codec::type_info<StoreKey>(), codec::type_info<A>(),
                                    windows ? windows->to_string() : std::string());
  node = graph.add_stateful(
      kind, node, store,
      aggregate({table_spec<StoreKey, A>(store), std::move(fold), std::move(group), windows}));
  return {graph, node, store};
}

}  // namespace detail

}  // namespace millrace::stream
