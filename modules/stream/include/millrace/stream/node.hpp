// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <string_view>
#include <vector>

#include "millrace/base/error.hpp"
#include "millrace/base/function_ref.hpp"
#include "millrace/codec/envelope.hpp"
#include "millrace/codec/serde.hpp"
#include "millrace/log/record.hpp"
#include "millrace/log/types.hpp"

namespace millrace::stream {

class StagedStore;
struct RememberedContext;
struct SinkSpec;

/// Index of a node, store or sink in its Topology.
enum class NodeId : std::uint32_t {};
enum class StoreId : std::uint32_t {};
/// Of no topology.
inline constexpr NodeId no_node{~0U};
inline constexpr StoreId no_store{~0U};
/// Tells the builders of a process apart.
enum class BuilderId : std::uint64_t {};
inline constexpr BuilderId no_builder{0};

/// What flows between nodes: pointers to a key and a value of the types that the edge was built
/// with. Lives for the call. A null value is a deletion; a null key belongs to nobody.
struct Message {
  const void* key = nullptr;
  const void* value = nullptr;
  std::int64_t timestamp_ms = 0;
};

/// The record that a task has in hand. During a punctuation topic, partition and offset are empty
/// and the context that of nobody.
struct RecordInHand {
  std::string_view topic;
  log::PartitionId partition;
  log::Offset offset;
  std::int64_t timestamp_ms = 0;  ///< event time; during a punctuation the task's stream time
  codec::EventContext context;
  log::HeadersView headers;  ///< all of them, such as `dl-reason` of a dead letter
};

enum class PunctuationType : std::uint8_t {
  stream_time,  ///< fires when the task's stream time passes the next multiple of the interval
                ///< since it was scheduled
  wall_clock    ///< fires when the clock passes it, events or not
};

/// The stream time of one operator in one task: the largest timestamp that it has received, the
/// message in hand included. The task owns it: it is committed with the task's state, restored with
/// it, and taken back with a work item that failed. It never falls.
class OperatorTime {
 public:
  static constexpr std::int64_t none = std::numeric_limits<std::int64_t>::min();

  /// `none`: the operator has received nothing yet.
  [[nodiscard]] std::int64_t ms() const { return ms_; }
  void observe(std::int64_t timestamp_ms) {
    if (timestamp_ms > ms_) ms_ = timestamp_ms;
  }
  /// For the task that restores it or takes something back.
  void set(std::int64_t ms) { ms_ = ms; }

 private:
  std::int64_t ms_ = none;
};

/// What a node gets from the task that runs it. One thread.
class TaskContext {
 public:
  virtual ~TaskContext() = default;
  [[nodiscard]] virtual const RecordInHand& record() const = 0;
  /// Largest timestamp the task has seen, this record's included.
  [[nodiscard]] virtual std::int64_t stream_time_ms() const = 0;
  [[nodiscard]] virtual std::int64_t wall_ms() const = 0;
  [[nodiscard]] virtual log::PartitionId partition() const = 0;
  /// The task's part of a store. Valid as long as the task.
  [[nodiscard]] virtual StagedStore& store(StoreId id) = 0;
  /// Of the values in that store. Valid as long as the task.
  [[nodiscard]] virtual const codec::Serde& store_serde(StoreId id) {
    static_cast<void>(id);
    return *codec::binary_serde();
  }
  /// Hands a message to a node of the same sub-topology.
  virtual void forward(NodeId to, const Message& message) = 0;
  /// Encodes a record into the task's transaction; it becomes visible with the commit. Throws
  /// std::logic_error while no record, firing or visit is in hand.
  virtual void send(const SinkSpec& sink, const Message& message) = 0;
  /// Sends the record in hand, as it came, to the service's dead letters. What it has emitted and
  /// written so far stays. Throws as send().
  virtual void dead_letter(ErrorCode code, std::string_view reason) = 0;
  /// The message in hand, or a part of it, is left out: no operator has a use for it. It is
  /// counted.
  virtual void skip() {}
  /// A message of that time is left out: its window in the operator that keeps `store` is closed.
  /// It is counted, and reported now and then.
  virtual void late(StoreId store, std::int64_t timestamp_ms) {
    static_cast<void>(store);
    static_cast<void>(timestamp_ms);
  }
  /// The stream time of the operator that keeps that store. Valid as long as the task. Throws
  /// std::logic_error unless nodes are being opened.
  virtual OperatorTime& operator_time(StoreId store) = 0;
  /// A time that a handler chose for a record: throws std::out_of_range when it is more than
  /// LogOptions::max_future_ms later than the record in hand, stream time and the clock.
  virtual void check_time(std::int64_t timestamp_ms) const { static_cast<void>(timestamp_ms); }
  /// Calls `callback(time_ms)` again and again, from the task's thread. `name` is stable across
  /// restarts and unique in the task; next firing times survive a restart. Throws std::logic_error
  /// unless nodes are being opened.
  virtual void schedule(std::string_view name, PunctuationType type, std::int64_t interval_ms,
                        std::function<void(std::int64_t)> callback) = 0;
  /// As schedule(), for work on each entry of a store: walks the store in key order, calling
  /// `visit(key, value, time_ms)` with what is there by then. Each entry is a work item of its own,
  /// the walk is spread over as many commits as it needs, with input between them, and continues
  /// after a restart where it was. It ends at the key that was the last one when it began (or
  /// continued after a restart): what is added behind that key is left to the next walk.
  virtual void sweep(
      std::string_view name, PunctuationType type, std::int64_t interval_ms, StoreId store,
      std::function<void(std::string_view, std::string_view, std::int64_t)> visit) = 0;
  /// Calls `fn` with that context in hand: what it sends names its event as the cause and keeps its
  /// correlation.
  virtual void with_context(const RememberedContext& context, FunctionRef<void()> fn) {
    static_cast<void>(context);
    fn();
  }
};

/// A step of a topology at work in one task. Nodes of different tasks share nothing.
class Node {
 public:
  virtual ~Node() = default;
  virtual void open(TaskContext& context) { static_cast<void>(context); }
  /// May throw: the task catches it and asks the processing error policy.
  virtual void process(const Message& message, TaskContext& context) = 0;

  /// Wired by the task before open().
  std::vector<Node*> children;

 protected:
  void forward(const Message& message, TaskContext& context) {
    for (Node* child : children)
      child->process(message, context);
  }
};

}  // namespace millrace::stream
