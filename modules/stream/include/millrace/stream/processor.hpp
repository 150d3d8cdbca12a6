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

/// An output of a processor. TopologyBuilder::emitter() creates it, and
/// TopologyBuilder::stream(emitter) returns the stream of the emitted records.
template <class K, class V>
struct Emitter {
  NodeId node = no_node;
  BuilderId builder = no_builder;  ///< the builder that created it
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

/// The functions of a task that a processor may use, in the thread that calls the processor. The
/// object is valid during the call; the one that open() gets is valid as long as the processor. A
/// task processes one work item at a time: a record, a firing of a timer, or a visit of a sweep.
/// Without a work item, as in open(), the functions emit(), emit_at(), dead_letter(),
/// with_context() and changes of stores throw std::logic_error. Outside of open(), schedule() and
/// sweep() throw std::logic_error.
class ProcessorContext {
 public:
  /// For the node that runs the processor. The node owns all arguments and outlives this object.
  /// The processor may use only the listed emitters and stores.
  ProcessorContext(TaskContext& task, std::string_view processor, std::span<const NodeId> emitters,
                   std::span<const StoreId> stores)
      : task_(&task), processor_(processor), emitters_(emitters), stores_(stores) {}

  /// Topic, partition, offset, time and envelope of the record that is being processed.
  [[nodiscard]] const RecordInHand& record() const { return task_->record(); }
  [[nodiscard]] std::int64_t stream_time_ms() const { return task_->stream_time_ms(); }
  [[nodiscard]] std::int64_t wall_ms() const { return task_->wall_ms(); }

  /// Emits a record with the timestamp of the record that is being processed; in a timer, with the
  /// stream time of the task. Key and value may also be a std::optional or std::nullopt: a record
  /// with a key and without a value deletes the key. Arguments are converted to K and V, but not
  /// text or a number to bool, and not a number with a fraction to an integer.
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
  /// Emits a record with this timestamp, ms since 1970. So a timer can emit with the event time of
  /// the record for which it was set. Throws like TaskContext::check_time().
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
  /// Sends the record that is being processed to `<service>.dead-letters` with the reason. Records
  /// that were emitted for it before are kept.
  void dead_letter(ErrorCode code, std::string_view reason) { task_->dead_letter(code, reason); }
  /// Only in open(): calls `callback` at every interval, with the time in ms. `name` must be unique
  /// in the processor. Keep it in later builds, because the task stores the state of the timer
  /// under this name.
  void schedule(std::string_view name, PunctuationType type, std::int64_t interval_ms,
                std::function<void(std::int64_t)> callback);
  /// Only in open(): walks through the store every interval and calls `visit(key, value, time_ms)`
  /// for each entry, in the order of keys. `visit` may emit, and change any store. A walk takes as
  /// many commits as it needs, and input is processed between them. It visits each entry once, even
  /// if the task restarts meanwhile; entries with keys above 4 KiB may be visited more than once. A
  /// walk ends at the key that was the last one when it began. Entries that are added after this
  /// key are visited by the next walk. A visit that fails is handled like a firing that fails.
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
  /// The envelope of the record that is being processed, in a form that a store can keep. A timer
  /// passes it to with_context() later, so that the record is the cause of the emitted records.
  [[nodiscard]] RememberedContext remember() const {
    const codec::EventContext& from = task_->record().context;
    return {std::string(from.id),  std::string(from.correlation),
            from.trace.trace_high, from.trace.trace_low,
            from.trace.span,       std::string(from.request)};
  }
  /// Calls `fn`. The records that `fn` emits have the remembered event as their cause, and its
  /// correlation, trace and requests.
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

/// A step of a topology that users write: it gets every message of its input, keeps state in
/// stores, and emits records through emitters. Each task has its own processor.
///
/// Keep state in stores. Members of a processor are lost with the task, and they are not rolled
/// back when a commit is refused.
///
/// In a stream of K and V a record may have no key or no value. A `Processor<std::optional<K>, V>`
/// also gets records without a key, a `Processor<K, std::optional<V>>` also gets records without a
/// value. For other processors a record without a key becomes a dead letter, and a record without a
/// value is left out and counted. process() may throw: then the error policy decides about the
/// record. Only this virtual process() is called; other overloads in the derived class are not.
///
/// A class that does not derive from this class, but has such functions, is a processor too. It may
/// have one process() for each type of event instead of one for the std::variant:
///
///     struct Ledger {
///       void process(const AccountId&, const Opened&, ProcessorContext&);
///       void process(const AccountId&, const Closed&, ProcessorContext&);
///     };
///
/// An additional process() for a std::optional of the std::variant gets the records without a
/// value. A process() that would never be called does not compile: one for an event if there is one
/// for the whole variant, or one for a key if there is one for a std::optional of the key. Such a
/// class must not be `final` unless it has an open(ProcessorContext&), because the compiler could
/// not detect an open() with wrong parameters.
///
/// A template among them,
/// `template <class E> void process(const AccountId&, const E&, ProcessorContext&)`, gets the
/// events for which there is no other process(). With such a template, a process() for the whole
/// std::variant, or for a std::optional of the value, is never called: the template gets the events
/// one by one, and records without a value are left out.
template <class K, class V>
class Processor {
 public:
  virtual ~Processor() = default;
  virtual void open(ProcessorContext& context) { static_cast<void>(context); }
  virtual void process(const K& key, const V& value, ProcessorContext& context) = 0;
};

}  // namespace millrace::stream
