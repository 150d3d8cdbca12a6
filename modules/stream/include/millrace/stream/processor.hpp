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

/// An output of a processor; TopologyBuilder::stream(emitter) reads it. Made by
/// TopologyBuilder::emitter.
template <class K, class V>
struct Emitter {
  NodeId node{};
};

/// What a processor may use of its task. One thread; lives for the call, or for the processor
/// when kept from open(). Emitting, dead_letter(), with_context() and changes of stores belong to
/// the record, firing or visit in hand; elsewhere, as in open(), they throw std::logic_error. So do
/// schedule() and sweep() outside of open().
class ProcessorContext {
 public:
  /// For the node that runs the processor; it owns what is passed in. The processor may emit and
  /// use only what is listed.
  ProcessorContext(TaskContext& task, std::string_view processor, std::span<const NodeId> emitters,
                   std::span<const StoreId> stores)
      : task_(&task), processor_(processor), emitters_(emitters), stores_(stores) {}

  /// Topic, partition, offset, time and envelope of the record in hand.
  [[nodiscard]] const RecordInHand& record() const { return task_->record(); }
  [[nodiscard]] std::int64_t stream_time_ms() const { return task_->stream_time_ms(); }
  [[nodiscard]] std::int64_t wall_ms() const { return task_->wall_ms(); }

  /// Emits with the timestamp of the record in hand (in a punctuation: the task's stream time).
  template <class K, class V>
  void emit(const Emitter<K, V>& to, const K& key, const V& value) {
    check_emitter(to.node);
    task_->forward(to.node, Message{&key, &value, task_->record().timestamp_ms});
  }
  /// The same for a record that may lack its key or its value: std::nullopt as the value is a
  /// deletion.
  template <class K, class V>
  void emit(const Emitter<K, V>& to, const std::optional<std::type_identity_t<K>>& key,
            const std::optional<std::type_identity_t<V>>& value) {
    check_emitter(to.node);
    task_->forward(to.node, message(key, value, task_->record().timestamp_ms));
  }
  /// Emits with a timestamp of its own: a timer's work keeps the event time of the record it
  /// belongs to. Throws as TaskContext::check_time().
  template <class K, class V>
  void emit_at(std::int64_t timestamp_ms, const Emitter<K, V>& to, const K& key, const V& value) {
    check_emitter(to.node);
    task_->check_time(timestamp_ms);
    task_->forward(to.node, Message{&key, &value, timestamp_ms});
  }
  template <class K, class V>
  void emit_at(std::int64_t timestamp_ms, const Emitter<K, V>& to,
               const std::optional<std::type_identity_t<K>>& key,
               const std::optional<std::type_identity_t<V>>& value) {
    check_emitter(to.node);
    task_->check_time(timestamp_ms);
    task_->forward(to.node, message(key, value, timestamp_ms));
  }
  template <class K, class V>
  [[nodiscard]] Store<K, V> store(const StoreRef<K, V>& ref) {
    check_store(ref.id);
    return Store<K, V>(task_->store(ref.id));
  }
  /// Sends the record in hand to `<service>.dead-letters` with the reason. What was emitted for it
  /// so far stays.
  void dead_letter(ErrorCode code, std::string_view reason) { task_->dead_letter(code, reason); }
  /// Only in open(): calls back every interval; `name` is unique in the processor and stable over
  /// versions.
  void schedule(std::string_view name, PunctuationType type, std::int64_t interval_ms,
                std::function<void(std::int64_t)> callback);
  /// Only in open(): walks the store every interval and calls `visit(key, value, time_ms)` for each
  /// entry, in key order. `visit` may emit and change any store. The walk takes as many commits as
  /// it needs, with input between them; each entry is visited once a walk, also over a restart
  /// (keys above 4 KiB: once or more). Entries added behind the last key that was there when the
  /// walk began are left to the next one. An entry that fails is passed over as a firing that
  /// failed.
  template <class K, class V, class F>
  void sweep(std::string_view name, PunctuationType type, std::int64_t interval_ms,
             const StoreRef<K, V>& ref, F visit) {
    check_store(ref.id);
    sweep_bytes(name, type, interval_ms, ref.id,
                [visit = std::move(visit), key = K{}, value = V{}](std::string_view key_bytes,
                                                                   std::string_view value_bytes,
                                                                   std::int64_t time_ms) mutable {
                  detail::decode_entry(key_bytes, value_bytes, key, value);
                  visit(std::as_const(key), std::as_const(value), time_ms);
                });
  }
  /// The envelope of the record in hand, for a store: a timer's later work can name it as its
  /// cause.
  [[nodiscard]] RememberedContext remember() const {
    const codec::EventContext& from = task_->record().context;
    return {std::string(from.id), std::string(from.correlation), from.trace.trace_high,
            from.trace.trace_low, from.trace.span};
  }
  /// Calls `fn` with a remembered context in hand: what it emits is caused by that event and keeps
  /// its correlation and trace.
  void with_context(const RememberedContext& context, const std::function<void()>& fn) {
    task_->with_context(context, fn);
  }

 private:
  template <class K, class V>
  [[nodiscard]] static Message message(const std::optional<K>& key, const std::optional<V>& value,
                                       std::int64_t timestamp_ms) {
    return {key ? &*key : nullptr, value ? &*value : nullptr, timestamp_ms};
  }
  void sweep_bytes(std::string_view name, PunctuationType type, std::int64_t interval_ms,
                   StoreId store,
                   std::function<void(std::string_view, std::string_view, std::int64_t)> visit);
  // Abort when the call of process() in the topology does not declare it with emits() or uses().
  void check_emitter(NodeId node) const;
  void check_store(StoreId store) const;

  TaskContext* task_;
  std::string_view processor_;
  std::span<const NodeId> emitters_;
  std::span<const StoreId> stores_;
};

/// A user's own step: gets every message of its input, keeps state in stores, emits through
/// emitters. A `Processor<std::optional<K>, V>`, `<K, std::optional<V>>` or both takes records of a
/// stream of K and V that lack the one or the other; without that, a record without a key becomes a
/// dead letter, and one without a value is left out and counted. One per task; what it keeps in
/// members is lost with the task and not rolled back when a commit is refused, so state belongs
/// into stores. May throw: the record goes to the processing error policy.
template <class K, class V>
class Processor {
 public:
  virtual ~Processor() = default;
  virtual void open(ProcessorContext& context) { static_cast<void>(context); }
  virtual void process(const K& key, const V& value, ProcessorContext& context) = 0;
};

}  // namespace millrace::stream
