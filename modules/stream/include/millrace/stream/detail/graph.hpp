// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <boost/pfr/core.hpp>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "millrace/base/error.hpp"
#include "millrace/stream/node.hpp"
#include "millrace/stream/plan.hpp"
#include "millrace/stream/processor.hpp"
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

/// A function that chooses a partition, over bytes. `deletions`: it takes a null value.
struct PartitionChooser {
  std::function<std::int32_t(const void* key, const void* value, std::int32_t partitions)> choose;
  bool deletions = true;
};
/// Writes to a topic. The node's copy of the spec is the one that TaskContext::send gets: tell
/// sinks apart by SinkSpec::node.
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
  /// Of windows: writes the key under which the message counts in that one to `*key`, an object of
  /// the table's key type. None: the message's own.
  std::function<void(const Message&, const TimeWindow& window, void* key)> group;
  std::optional<TimeWindows> windows = {};  ///< of its keys
  std::string name = {};                    ///< of the store
  /// Of windows: when that of a key of the table starts.
  std::function<std::int64_t(const void* key)> start_of = {};
};
/// Folds messages by key in a store and hands on each new value. A message whose window is closed
/// or expired is late and left out. Expired windows are removed from the store.
[[nodiscard]] NodeFactory aggregate(AggregateSpec spec);

struct JoinSpec {
  TableSpec table;
  bool inner = true;  ///< leave out messages without a match
  std::function<void(const Message&, const void* match, const Output&)> joiner;
};
/// Looks up the table's current value for each message.
[[nodiscard]] NodeFactory join(JoinSpec spec);

/// What a processor uses: the stores that it reads and writes, the emitters that it emits through.
struct Connections {
  std::vector<StoreId> stores;
  std::vector<NodeId> emitters;
  std::vector<BuilderId> builders;  ///< that made them
};

template <class K, class V>
void connect(Connections& all, const StoreRef<K, V>& store) {
  all.stores.push_back(store.id);
  all.builders.push_back(store.builder);
}
template <class K, class V>
void connect(Connections& all, const Emitter<K, V>& emitter) {
  all.emitters.push_back(emitter.node);
  all.builders.push_back(emitter.builder);
}

/// Converts to whatever a member of T may be, and not to T and its bases.
template <class T>
struct AnyMember {
  template <class M>
    requires(!std::is_base_of_v<M, T>)
  operator M&() const;  // NOLINT(google-explicit-constructor)
};
/// The same for members that can be moved only.
template <class T>
struct AnyMoved {
  template <class M>
    requires(!std::is_base_of_v<M, T>)
  operator M&&() const;  // NOLINT(google-explicit-constructor)
};

template <class T>
struct AnyBase {
  template <class B>
    requires(std::is_base_of_v<B, T> && !std::same_as<std::remove_cv_t<B>, T>)
  operator B&() const;  // NOLINT(google-explicit-constructor)
};
/// An aggregate whose members can be visited: without a base, and without an array, which Boost.PFR
/// counts with each element, and which cannot be initialized in parentheses.
template <class T>
constexpr bool has_plain_members() {
  if constexpr (std::constructible_from<T, AnyBase<T>>) {
    return false;
  } else {
    return []<std::size_t... I>(std::index_sequence<I...>) {
      return std::constructible_from<T, std::enable_if_t<(I >= 0), AnyMember<T>>...>;
    }(std::make_index_sequence<boost::pfr::tuple_size_v<T>>());
  }
}

/// What is in an optional, a sequence, a tuple, or a plain struct.
template <class T>
void connect(Connections& all, const T& argument) {
  if constexpr (requires { argument.has_value() ? &*argument : nullptr; }) {
    if (argument.has_value()) connect(all, *argument);
  } else if constexpr (requires { argument.begin() != argument.end(); }) {
    // A path is a sequence of paths.
    if constexpr (!std::same_as<std::remove_cvref_t<decltype(*argument.begin())>, T>) {
      for (const auto& one : argument)
        connect(all, one);
    }
  } else if constexpr (requires { std::tuple_size<T>::value; }) {
    std::apply([&](const auto&... one) { (connect(all, one), ...); }, argument);
  } else if constexpr (std::is_class_v<T> && std::is_aggregate_v<T>) {
    static_assert(
        has_plain_members<T>(),
        "an argument of a processor is a struct with a base or an array, in which stores "
        "and emitters cannot be found: give the struct a constructor, and pass the stores "
        "and emitters as arguments of their own");
    boost::pfr::for_each_field(argument, [&](const auto& member) { connect(all, member); });
  }
}
/// What is among the arguments of a processor.
template <class... A>
[[nodiscard]] Connections connections_of(const A&... arguments) {
  Connections all;
  (connect(all, arguments), ...);
  return all;
}

/// What the typed interface gives to the builder, over bytes and type descriptions. Mistakes are
/// gathered and come out of build().
class Graph {
 public:
  /// Whether equal keys still meet in one task.
  enum class Keys : std::uint8_t {
    kept,     ///< as the source has them
    emitted,  ///< chosen by a processor: operators with state repartition, processors trust it
    changed   ///< by map, flat_map, select_key, group_by: whatever keeps state repartitions
  };

  Graph(std::string service, std::int32_t partitions);

  NodeId source(const std::string& topic, RecordType type, OnUnknownType on_unknown_type);
  /// The dead letters of this service. What follows must not fail for a letter of a letter.
  NodeId own_letters(RecordType type);
  NodeId private_source(const std::string& topic, RecordType type);
  std::pair<NodeId, StoreId> table_source(const std::string& topic, const std::string& store,
                                          RecordType type, OnUnknownType on_unknown_type);
  /// `window`: of the keys, as StoreSpec::window.
  StoreId store(const std::string& name, const codec::TypeInfo& key, const codec::TypeInfo& value,
                const std::string& window = {}, const Serdes& serdes = {});
  NodeId emitter(const std::string& name);
  /// The node of an emitter that emitter() of the graph `builder` returned.
  NodeId emitted(NodeId emitter, BuilderId builder);
  /// No other graph of this process has the same.
  [[nodiscard]] BuilderId id() const { return id_; }

  NodeId add(NodeKind kind, std::vector<NodeId> parents, NodeFactory make, Keys keys = Keys::kept);
  /// An operator that uses a store and is known by the store's name.
  NodeId add_stateful(NodeKind kind, NodeId parent, StoreId store, NodeFactory make);
  void process(const std::string& name, NodeId parent, RecordType type, Connections connections,
               NodeFactory make);

  /// `kind` is events or commands.
  void to(NodeId parent, const std::string& topic, RecordType type, PartitionChooser partitioner,
          log::TopicKind kind = log::TopicKind::events);
  void to_private(NodeId parent, const std::string& topic, RecordType type,
                  PartitionChooser partitioner);
  NodeId repartition(NodeId parent, const std::string& name, RecordType type);
  /// The node itself when equal keys meet there, else behind a repartition topic of that name.
  NodeId keyed(NodeId parent, const std::string& name, RecordType type);

  void declare_topic(const std::string& topic, log::TopicKind kind);
  void keep(const std::string& store, ByteStoreSupplier supplier);
  void was(const std::string& name, std::string old);
  void version(const std::string& name, std::int64_t version);

  /// Windows of less than 1 ms, a grace of less than 0 ms, and a retention that is missing or too
  /// short are mistakes.
  void check_windows(TimeWindows windows);

  [[nodiscard]] Keys keys(NodeId node) const { return keys_[static_cast<std::size_t>(node)]; }
  [[nodiscard]] const std::string& service() const { return plan_.service; }
  [[nodiscard]] const std::string& store_name(StoreId store) const;
  [[nodiscard]] Result<Topology> build() const;

 private:
  struct Reader {
    NodeId node;
    RecordType type;
    bool is_table;
    OnUnknownType on_unknown_type;
  };

  NodeId add_source(const std::string& topic, RecordType type, bool is_private, bool is_table,
                    OnUnknownType on_unknown_type);
  void check_record(const std::string& topic, const RecordType& type);
  /// Its name is one.
  void check_serde(const std::string& user, const codec::SerdePtr& serde);
  void add_sink(NodeKind kind, NodeId parent, std::string topic, log::TopicKind topic_kind,
                RecordType type, PartitionChooser partitioner);
  NodeId add_named(NodeKind kind, std::string name, std::vector<NodeId> parents, NodeFactory make,
                   Keys keys);
  void claim_name(std::string_view what, const std::string& name);

  BuilderId id_;
  std::int32_t partitions_;
  Plan plan_;
  std::vector<Keys> keys_;
  std::map<std::string, Reader> readers_;               // by topic
  std::vector<log::TopicSpec> declared_;                // that others write
  std::map<std::string, ByteStoreSupplier> suppliers_;  // by store
  std::map<NodeKind, std::int32_t> kinds_;              // counts nodes without a name of their own
  std::set<std::string> names_;  // `<what> '<name>'` of processors, stores, ...
  std::vector<std::string> problems_;
};

}  // namespace millrace::stream::detail
