// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include "millrace/codec/describe.hpp"
#include "millrace/stream/detail/graph.hpp"

namespace millrace::stream::detail {

template <class T>
inline constexpr bool is_merged = false;
template <class... V>
inline constexpr bool is_merged<std::variant<const V*...>> = sizeof...(V) > 0;

template <class V>
constexpr void check_written() {
  static_assert(!is_merged<V>,
                "merged streams hold pointers, which cannot be written to a topic: repartition or "
                "publish each stream "
                "before it is merged, or map_values() to a value of its own first");
}

template <class K, class V>
[[nodiscard]] RecordType public_type(const Serdes& serdes = {}) {
  check_written<V>();
  return public_record(codec::type_info<K>(), codec::type_info<V>(), serdes);
}
template <class K, class V>
[[nodiscard]] RecordType private_type(const Serdes& serdes = {}) {
  check_written<V>();
  return private_record(codec::type_info<K>(), codec::type_info<V>(), serdes);
}

/// The type of records should a repartition be necessary, which merged streams cannot have.
template <class K, class V>
[[nodiscard]] RecordType repartition_type() {
  if constexpr (is_merged<V>) {
    return {&codec::type_info<K>(), nullptr};
  } else {
    return private_type<K, V>();
  }
}

// The types of the parameters, for functions that have one signature; generic lambdas have none.
template <class F>
struct Parameters;
template <class R, class... A, bool Noexcept>
struct Parameters<R (*)(A...) noexcept(Noexcept)> {
  using Tuple = std::tuple<std::remove_cvref_t<A>...>;
};
template <class C, class R, class... A, bool Noexcept>
struct Parameters<R (C::*)(A...) noexcept(Noexcept)> : Parameters<R (*)(A...)> {};
template <class C, class R, class... A, bool Noexcept>
struct Parameters<R (C::*)(A...) const noexcept(Noexcept)> : Parameters<R (*)(A...)> {};
template <class C, class R, class... A, bool Noexcept>
struct Parameters<R (C::*)(A...) & noexcept(Noexcept)> : Parameters<R (*)(A...)> {};
template <class C, class R, class... A, bool Noexcept>
struct Parameters<R (C::*)(A...) const & noexcept(Noexcept)> : Parameters<R (*)(A...)> {};

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

/// A function of an operator over K and V, with what it takes besides: `(key, value, more...)` or
/// `(value, more...)`, each of the two as it is or as a std::optional.
template <class F, class K, class V, class... More>
concept TakesRecord = std::is_invocable_v<F&, const K&, const V&, More...> ||
                      std::is_invocable_v<F&, const V&, More...>;

/// How a function of an operator over K and V takes a message: `(key, value, more...)` or
/// `(value, more...)`, each of the two as it is or as a std::optional that may be empty.
template <class K, class V, class F, class... More>
struct Taking {
  static constexpr std::size_t more = sizeof...(More);
  static constexpr bool optional_key = takes_optional<F, 0, more + 2, K>();
  static constexpr bool optional_value =
      takes_optional<F, 0, more + 1, V>() || takes_optional<F, 1, more + 2, V>();
  static constexpr bool with_key = std::is_invocable_v<F&, const K&, const V&, More...>;
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

/// For filter(): `fn(value)` or `fn(key, value) -> bool`.
template <class F, class K, class V>
concept Decides = TakesRecord<F, K, V> && std::constructible_from<bool, Called<K, V, F>>;
/// For map(): `fn(key, value) -> std::pair<K2, V2>`.
template <class F, class K, class V>
concept MakesPair = TakesRecord<F, K, V> && requires {
  typename Called<K, V, F>::first_type;
  typename Called<K, V, F>::second_type;
};
/// For flat_map_values(): `fn(value)` or `fn(key, value) -> std::vector<V2>`.
template <class F, class K, class V>
concept MakesValues = TakesRecord<F, K, V> && requires { typename Called<K, V, F>::value_type; };
/// For flat_map(): `fn(key, value) -> std::vector<std::pair<K2, V2>>`.
template <class F, class K, class V>
concept MakesPairs = MakesValues<F, K, V> && requires {
  typename Called<K, V, F>::value_type::first_type;
  typename Called<K, V, F>::value_type::second_type;
};
/// For reduce(): `fn(const V& so_far, const V& value) -> V`.
template <class F, class V>
concept Reduces =
    requires(F& fn, const V& so_far, const V& value, V& result) { result = fn(so_far, value); };
/// For aggregate() from an A: `fn(value, A so_far)` or `fn(key, value, A so_far) -> A`.
template <class F, class K, class V, class A>
concept Aggregates = TakesRecord<F, K, V, A> && std::is_assignable_v<A&, Called<K, V, F, A>>;
/// For to(): `fn(key, value, std::int32_t partitions) -> std::int32_t`.
template <class F, class K, class V>
concept ChoosesPartition =
    std::is_invocable_r_v<std::int32_t, F&, const K&, const V&, std::int32_t>;

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

template <class T>
inline constexpr bool is_variant = false;
template <class... A>
inline constexpr bool is_variant<std::variant<A...>> = true;

/// Class P has a public process() of exactly these types.
template <class P, class Key, class Event>
concept Processes = requires {
  static_cast<void (P::*)(const Key&, const Event&, ProcessorContext&)>(&P::process);
} || requires {
  static_cast<void (P::*)(const Key&, const Event&, ProcessorContext&) const>(&P::process);
};
/// It has one that takes whatever comes.
struct Anything {};
template <class P, class Key>
concept ProcessesAnything = Processes<P, Key, Anything>;

template <class P, class Key, class Event>
constexpr bool can_process() {
  if constexpr (std::is_pointer_v<Event>) {  // in a merged stream
    return can_process<P, Key, std::remove_cv_t<std::remove_pointer_t<Event>>>();
  } else if constexpr (Processes<P, Key, Event>) {
    return true;
  } else if constexpr (is_variant<Event>) {
    return []<class... A>(std::type_identity<std::variant<A...>>) {
      return (can_process<P, Key, A>() && ...);
    }(std::type_identity<Event>());
  } else {
    return false;
  }
}
/// Some event of a variant has a process() of its own.
template <class P, class Key, class V>
constexpr bool can_process_some() {
  if constexpr (is_variant<V>) {
    return []<class... A>(std::type_identity<std::variant<A...>>) {
      return (can_process<P, Key, A>() || ...);
    }(std::type_identity<V>());
  } else {
    return false;
  }
}
/// Names in its error an event that a processor has no process() for.
template <class P, class Key, class Event>
struct ProcessFor {
  static_assert(can_process<P, Key, Event>(),
                "the processor P has no public process(const Key&, const Event&, "
                "ProcessorContext&) of exactly these types; see the names in this error");
};
template <class P, class Key, class V>
constexpr void check_processes() {
  if constexpr (!can_process<P, Key, V>() && is_variant<V>) {
    []<class... A>(std::type_identity<std::variant<A...>>) {
      (static_cast<void>(sizeof(ProcessFor<P, Key, A>)), ...);
    }(std::type_identity<V>());
  } else {
    static_cast<void>(sizeof(ProcessFor<P, Key, V>));
  }
}

/// To the process() of the event, or of the alternative of a variant.
template <class P, class Key, class Event>
void process_event(P& processor, const Key& key, const Event& event, ProcessorContext& context) {
  if constexpr (std::is_pointer_v<Event>) {
    process_event(processor, key, *event, context);
  } else if constexpr (is_variant<Event> &&
                       (!Processes<P, Key, Event> || ProcessesAnything<P, Key>)) {
    std::visit([&](const auto& one) { process_event(processor, key, one, context); }, event);
  } else if constexpr (can_process<P, Key, Event>()) {  // else the error is of check_processes()
    processor.process(key, event, context);
  }
}

/// A processor of class P as the class that says what it takes: Processor<K, V>, with optionals,
/// when that is its base, else P.
template <class P, class K, class V>
constexpr auto face_of() {
  if constexpr (std::derived_from<P, Processor<K, V>>) {
    return std::type_identity<Processor<K, V>>();
  } else if constexpr (std::derived_from<P, Processor<std::optional<K>, V>>) {
    return std::type_identity<Processor<std::optional<K>, V>>();
  } else if constexpr (std::derived_from<P, Processor<K, std::optional<V>>>) {
    return std::type_identity<Processor<K, std::optional<V>>>();
  } else if constexpr (std::derived_from<P, Processor<std::optional<K>, std::optional<V>>>) {
    return std::type_identity<Processor<std::optional<K>, std::optional<V>>>();
  } else {
    return std::type_identity<P>();
  }
}

/// P has an open() that ProcessorNode can call.
template <class P>
concept Opens = requires(P& processor, ProcessorContext& context) { processor.open(context); };
struct NamedOpen {
  int open;
};
template <class P>
struct TwiceNamedOpen : P, NamedOpen {};
/// P, which is not final, has a member of that name, be it private, overloaded or a template:
/// beside another one it is ambiguous.
template <class P>
concept HasOpen = !requires { &TwiceNamedOpen<P>::open; };

/// Runs a user's processor of class P as a node behind a stream of K and V.
template <class K, class V, class P>
class ProcessorNode final : public Node {
 public:
  using Face = typename decltype(face_of<P, K, V>())::type;
  // What takes any key or any value says nothing of missing ones.
  static constexpr bool any_key =
      ProcessesAnything<Face, K> && ProcessesAnything<Face, std::optional<K>>;
  static constexpr bool optional_key =
      !any_key && (can_process<Face, std::optional<K>, V>() ||
                   Processes<Face, std::optional<K>, std::optional<V>>);
  using Key = std::conditional_t<optional_key, std::optional<K>, K>;
  static constexpr bool any_value = ProcessesAnything<Face, Key>;
  static constexpr bool optional_value = !any_value && Processes<Face, Key, std::optional<V>>;
  using Value = std::conditional_t<optional_value, std::optional<V>, V>;
  // Beside the process() of an optional, which then gets the records without a value.
  static constexpr bool each_event = optional_value && can_process<Face, Key, V>();

  ProcessorNode(std::string name, Connections connections, std::unique_ptr<P> processor)
      : name_(std::move(name)),
        connections_(std::move(connections)),
        processor_(std::move(processor)) {
    check_processes<Face, Key, Value>();
    static_assert(!optional_key || (!can_process<Face, K, V>() && !can_process_some<Face, K, V>()),
                  "the process() of a key is never called beside that of a std::optional of the "
                  "key: remove one of them");
    static_assert(any_value || each_event || !Processes<Face, Key, Value> ||
                      !can_process_some<Face, Key, V>(),
                  "the process() of an event is never called beside that of the whole variant: "
                  "remove one of them, or beside that of a std::optional of the variant give each "
                  "event its own");
  }
  void open(TaskContext& context) override {
    context_.emplace(context, name_, connections_.emitters, connections_.stores);
    if constexpr (Opens<Face>) {
      face().open(*context_);
    } else {
      static_assert(!std::is_final_v<Face>,
                    "the compiler does not say whether a final class has an open() that cannot be "
                    "called: drop `final`, derive the class from Processor, or give it a public "
                    "open(ProcessorContext&)");
      if constexpr (!std::is_final_v<Face>) {
        static_assert(!HasOpen<Face>,
                      "the processor has a member `open` that cannot be called with a "
                      "ProcessorContext&: make it public, or give it another name");
      }
    }
  }
  void process(const Message& message, TaskContext& context) override {
    if constexpr (!optional_value) {
      if (message.value == nullptr) return context.skip();
    }
    if constexpr (!optional_key) {
      if (message.key == nullptr) throw_no_key();
    }
    decltype(auto) key = argument<K, optional_key>(message.key);
    if constexpr (each_event) {
      if (message.value != nullptr)
        return process_event(face(), key, argument<V, false>(message.value), *context_);
    }
    process_event(face(), key, argument<V, optional_value>(message.value), *context_);
  }

 private:
  Face& face() { return *processor_; }

  std::string name_;
  Connections connections_;
  std::optional<ProcessorContext> context_;
  std::unique_ptr<P> processor_;
};

/// Makes a processor of its arguments.
template <class P>
struct Make {
  template <class... A>
  std::unique_ptr<P> operator()(const A&... arguments) const {
    static_assert(std::constructible_from<P, const A&...>,
                  "the class of the processor has no constructor of these arguments");
    static_assert(
        !std::is_aggregate_v<P> || (!std::constructible_from<P, const A&..., AnyMember<P>> &&
                                    !std::constructible_from<P, const A&..., AnyMoved<P>>),
        "the processor has more members than there are arguments: pass them all, or give "
        "the class a constructor");
    return std::make_unique<P>(arguments...);
  }
};

template <class K, class A>
[[nodiscard]] TableSpec table_spec(StoreId store) {
  return {store, &codec::type_info<K>(), &codec::type_info<A>()};
}

}  // namespace millrace::stream::detail
