// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

#include "millrace/stream/node.hpp"
#include "millrace/stream/remembered_context.hpp"
#include "millrace/stream/store.hpp"

namespace millrace::stream {

/// An output of a processor. TopologyBuilder::emitter() makes it, and
/// TopologyBuilder::stream(emitter) returns the stream of what is emitted.
template <class K, class V>
struct Emitter {
  NodeId node = no_node;
  BuilderId builder = no_builder;  ///< that made it
};

namespace detail {

// Whether an argument for a T says whether there is one.
template <class T, class Argument>
inline constexpr bool may_be_null = std::is_same_v<Argument, std::nullopt_t>;
template <class T, class Argument>
inline constexpr bool may_be_null<T, std::optional<Argument>> =
    !std::is_same_v<T, std::optional<Argument>>;

// What an argument for a T would lose without a word: text as a bool, a fraction as an integer.
template <class T, class Argument>
inline constexpr bool is_lossy =
    (std::is_same_v<T, bool> && !std::is_same_v<Argument, bool> &&
     (std::is_arithmetic_v<Argument> || std::is_pointer_v<std::decay_t<Argument>>)) ||
    (std::is_integral_v<T> && std::is_floating_point_v<Argument>);
template <class T, class Argument>
inline constexpr bool is_lossy<T, std::optional<Argument>> = is_lossy<T, Argument>;
template <class T, class Argument>
inline constexpr bool is_lossy<std::optional<T>, Argument> = is_lossy<T, Argument>;
template <class T, class Argument>
inline constexpr bool is_lossy<std::optional<T>, std::optional<Argument>> = is_lossy<T, Argument>;

}  // namespace detail

/// What a processor may use of its task. Use it on the thread that calls the processor. It is valid
/// during the call; the one that open() gets is valid as long as the processor. Work is done for
/// one work item at a time: a record, a firing of a timer, or a visit of a sweep. Without one, as
/// in open(), emit(), emit_at(), dead_letter(), with_context() and changes of stores throw
/// std::logic_error. Outside of open(), schedule() and sweep() do.
class ProcessorContext {
 public:
  /// For the node that runs the processor, which owns all arguments and outlives this. The
  /// processor may use only the listed emitters and stores.
  ProcessorContext(TaskContext& task, std::string_view processor, std::span<const NodeId> emitters,
                   std::span<const StoreId> stores)
      : task_(&task), processor_(processor), emitters_(emitters), stores_(stores) {}

  /// Topic, partition, offset, time and envelope of the record that is being processed.
  [[nodiscard]] const RecordInHand& record() const { return task_->record(); }
  [[nodiscard]] std::int64_t stream_time_ms() const { return task_->stream_time_ms(); }
  [[nodiscard]] std::int64_t wall_ms() const { return task_->wall_ms(); }

  /// Emits with the timestamp of the record that is being processed; in the call of a timer, with
  /// the stream time of the task. Each of key and value may also be a std::optional or
  /// std::nullopt: a record with a key and no value deletes the key. Arguments convert to K and V,
  /// except text or a number to bool, and a number with a fraction to an integer.
  template <class K, class V>
  void emit(const Emitter<K, V>& to, const std::type_identity_t<K>& key,
            const std::type_identity_t<V>& value) {
    check_emitter(to.node);
    task_->forward(to.node, Message{&key, &value, task_->record().timestamp_ms});
  }
  template <class K, class V, class Key, class Value>
    requires(detail::is_lossy<K, Key> || detail::is_lossy<V, Value>)
  void emit(const Emitter<K, V>& to, const Key& key, const Value& value) = delete;
  template <class K, class V, class Key, class Value>
    requires((detail::may_be_null<K, Key> || detail::may_be_null<V, Value>) &&
             !detail::is_lossy<K, Key> && !detail::is_lossy<V, Value>)
  void emit(const Emitter<K, V>& to, const Key& key, const Value& value) {
    check_emitter(to.node);
    forward<K, V>(to, key, value, task_->record().timestamp_ms);
  }
  /// Emits with the given timestamp, ms since 1970. So a timer can emit with the event time of the
  /// record for which it was set. Throws as TaskContext::check_time().
  template <class K, class V>
  void emit_at(std::int64_t timestamp_ms, const Emitter<K, V>& to,
               const std::type_identity_t<K>& key, const std::type_identity_t<V>& value) {
    check_emitter(to.node);
    task_->check_time(timestamp_ms);
    task_->forward(to.node, Message{&key, &value, timestamp_ms});
  }
  template <class K, class V, class Key, class Value>
    requires(detail::is_lossy<K, Key> || detail::is_lossy<V, Value>)
  void emit_at(std::int64_t timestamp_ms, const Emitter<K, V>& to, const Key& key,
               const Value& value) = delete;
  template <class K, class V, class Key, class Value>
    requires((detail::may_be_null<K, Key> || detail::may_be_null<V, Value>) &&
             !detail::is_lossy<K, Key> && !detail::is_lossy<V, Value>)
  void emit_at(std::int64_t timestamp_ms, const Emitter<K, V>& to, const Key& key,
               const Value& value) {
    check_emitter(to.node);
    task_->check_time(timestamp_ms);
    forward<K, V>(to, key, value, timestamp_ms);
  }
  template <class K, class V>
  [[nodiscard]] Store<K, V> store(const StoreRef<K, V>& ref) {
    check_store(ref.id);
    return Store<K, V>(task_->store(ref.id), task_->store_serde(ref.id));
  }
  /// Sends the record that is being processed to `<service>.dead-letters` with the reason. What was
  /// emitted for it before is kept.
  void dead_letter(ErrorCode code, std::string_view reason) { task_->dead_letter(code, reason); }
  /// Only in open(): calls `callback` every interval, with the time in ms. `name` is unique in the
  /// processor; keep it in later builds, because the task keeps the state of the timer under it.
  void schedule(std::string_view name, PunctuationType type, std::int64_t interval_ms,
                std::function<void(std::int64_t)> callback);
  /// Only in open(): walks through the store every interval and calls `visit(key, value, time_ms)`
  /// for each entry, in the order of keys. `visit` may emit, and change any store. A walk takes as
  /// many commits as it needs, and input is processed between them. It visits each entry once, also
  /// when the task restarts meanwhile; entries with keys above 4 KiB may be visited more than once.
  /// A walk ends at the key that was the last one when it began: entries that are added behind it
  /// are visited by the next walk. A visit that fails is handled like a firing that fails.
  template <class K, class V, class F>
  void sweep(std::string_view name, PunctuationType type, std::int64_t interval_ms,
             const StoreRef<K, V>& ref, F visit) {
    check_store(ref.id);
    sweep_bytes(name, type, interval_ms, ref.id,
                [&serde = task_->store_serde(ref.id), visit = std::move(visit), key = K{},
                 value = V{}](std::string_view key_bytes, std::string_view value_bytes,
                              std::int64_t time_ms) mutable {
                  detail::decode_entry(serde, key_bytes, value_bytes, key, value);
                  visit(std::as_const(key), std::as_const(value), time_ms);
                });
  }
  /// The envelope of the record that is being processed, in a form that can be kept in a store. A
  /// timer passes it to with_context() later, so that the record is the cause of what it emits.
  [[nodiscard]] RememberedContext remember() const {
    const codec::EventContext& from = task_->record().context;
    return {std::string(from.id),  std::string(from.correlation),
            from.trace.trace_high, from.trace.trace_low,
            from.trace.span,       std::string(from.request)};
  }
  /// Calls `fn`. What `fn` emits has the remembered event as its cause, and the correlation, the
  /// trace and the requests of that event.
  void with_context(const RememberedContext& context, FunctionRef<void()> fn) {
    task_->with_context(context, fn);
  }

 private:
  template <class K, class V>
  void forward(const Emitter<K, V>& to, const std::optional<std::type_identity_t<K>>& key,
               const std::optional<std::type_identity_t<V>>& value, std::int64_t timestamp_ms) {
    task_->forward(to.node,
                   Message{key ? &*key : nullptr, value ? &*value : nullptr, timestamp_ms});
  }
  void sweep_bytes(std::string_view name, PunctuationType type, std::int64_t interval_ms,
                   StoreId store,
                   std::function<void(std::string_view, std::string_view, std::int64_t)> visit);
  // Throw std::logic_error for one that was not among the arguments of the processor.
  void check_emitter(NodeId node) const;
  void check_store(StoreId store) const;

  TaskContext* task_;
  std::string_view processor_;
  std::span<const NodeId> emitters_;
  std::span<const StoreId> stores_;
};

/// A step that users write themselves: it gets every message of its input, keeps state in stores,
/// and emits through emitters. Each task has a processor of its own.
///
/// State belongs into stores. Members of a processor are lost with the task, and they are not
/// rolled back when a commit is refused.
///
/// In a stream of K and V a record may have no key or no value. A `Processor<std::optional<K>, V>`
/// also takes records without a key, a `Processor<K, std::optional<V>>` those without a value. For
/// other processors a record without a key becomes a dead letter, and a record without a value is
/// left out and counted. process() may throw: the policy for errors decides about the record. Only
/// the process() of this class is called, and no other one of the class that derives from it.
///
/// A class that has such functions is a processor too, without this one as its base. Then it may
/// have a process() for each type of event, in place of one for the std::variant of them:
///
///     struct Ledger {
///       void process(const AccountId&, const Opened&, ProcessorContext&);
///       void process(const AccountId&, const Closed&, ProcessorContext&);
///     };
///
/// Beside them a process() for a std::optional of the std::variant takes the records without a
/// value. One that is never called does not compile: of an event beside that of the whole variant,
/// or of a key beside that of a std::optional of the key. Such a class is not `final`, unless it
/// has an open(ProcessorContext&): the compiler could not say whether it has one that cannot be
/// called.
///
/// A template among them, `template <class E> void process(const AccountId&, const E&,
/// ProcessorContext&)`, takes the events that no other one takes. Beside it a process() for the
/// whole std::variant, or for a std::optional of the value, is never called: the template takes the
/// events one by one, and records without a value are left out.
template <class K, class V>
class Processor {
 public:
  virtual ~Processor() = default;
  virtual void open(ProcessorContext& context) { static_cast<void>(context); }
  virtual void process(const K& key, const V& value, ProcessorContext& context) = 0;
};

}  // namespace millrace::stream
