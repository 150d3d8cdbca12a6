// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "millrace/stream/node.hpp"
#include "millrace/stream/plan.hpp"
#include "millrace/stream/window.hpp"

namespace millrace::stream::detail {

using NodeFactory = std::function<std::unique_ptr<Node>()>;

/// Where an operator's function puts what it makes. Lives for the call.
class Output {
 public:
  Output(const Node& node, TaskContext& context) : node_(&node), context_(&context) {}
  void operator()(const Message& message) const {
    for (Node* child : node_->children)
      child->process(message, *context_);
  }
  /// The message is left out and counted.
  void skip() const { context_->skip(); }

 private:
  const Node* node_;
  TaskContext* context_;
};

/// Hands on everything: sources of streams, tables as streams, merges and emitters.
[[nodiscard]] NodeFactory pass_through();

/// For a function that takes what a record does not have. std::invalid_argument says how to take
/// it.
[[noreturn]] void throw_no_key();

using Body = std::function<void(const Message&, const Output&)>;
/// An operator without state. Each task has its own copy of `body`.
[[nodiscard]] NodeFactory stateless(Body body);

/// Writes to a topic. The node's copy of the spec is the one that TaskContext::send gets: tell
/// sinks apart by SinkSpec::node.
/// A function that chooses a partition, over bytes. `deletions`: it takes a null value.
struct PartitionChooser {
  std::function<std::int32_t(const void* key, const void* value, std::int32_t partitions)> choose;
  bool deletions = true;
};

[[nodiscard]] NodeFactory sink(const SinkSpec& spec);

struct TableSpec {
  StoreId store{};
  const codec::TypeInfo* key = nullptr;
  const codec::TypeInfo* value = nullptr;
};
/// Keeps the latest value by key and hands on every change; a null value erases.
[[nodiscard]] NodeFactory table(TableSpec spec);

struct AggregateSpec {
  TableSpec table;
  /// Folds a message into `*so_far`, an object of the table's value type; `exists` tells whether
  /// there was one, else it is default-constructed or left over.
  std::function<void(const Message&, void* so_far, bool exists)> fold;
  /// Writes the key under which the message counts to `*key`, an object of the table's key type.
  /// None: the message's own.
  std::function<void(const Message&, void* key)> group;
  std::optional<TumblingWindows> windows = {};  ///< of its keys
};
/// Folds messages by key in a store and hands on each new value. A message whose window is closed
/// is late and left out.
[[nodiscard]] NodeFactory aggregate(AggregateSpec spec);

struct JoinSpec {
  TableSpec table;
  bool inner = true;  ///< leave out messages without a match
  std::function<void(const Message&, const void* match, const Output&)> joiner;
};
/// Looks up the table's current value for each message.
[[nodiscard]] NodeFactory join(JoinSpec spec);

}  // namespace millrace::stream::detail
