// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/stream/detail/graph.hpp"

#include <algorithm>
#include <atomic>

#include "manifest/manifest_version.hpp"
#include "millrace/base/hash.hpp"
#include "millrace/codec/same_type.hpp"
#include "millrace/codec/type_shape.hpp"
#include "millrace/log/library_topics.hpp"
#include "millrace/stream/service_topics.hpp"
#include "millrace/stream/topology.hpp"
#include "names.hpp"
#include "plan_checks.hpp"
#include "plan_index.hpp"

namespace millrace::stream::detail {

namespace {

std::uint64_t fingerprint(const codec::TypeInfo& key, const codec::TypeInfo& value,
                          const codec::Serde& serde) {
  std::string text =
      codec::to_text(codec::shape_of(key)) + " -> " + codec::to_text(codec::shape_of(value));
  // What is binary has the fingerprint that it had before stores had serdes.
  if (serde.name() != codec::binary_serde()->name()) text.append(" by ").append(serde.name());
  return xxh64(text);
}

bool same_types(const RecordType& a, const RecordType& b) {
  return codec::is_same_type(*a.key, *b.key) && codec::is_same_type(*a.value, *b.value);
}

BuilderId next_id() {
  static std::atomic<std::uint64_t> last{0};
  return BuilderId{++last};
}

}  // namespace

Graph::Graph(std::string service, std::int32_t partitions)
    : id_(next_id()), partitions_(partitions) {
  plan_.service = std::move(service);
  plan_.builder = id_;
  if (!is_name(plan_.service))
    problems_.push_back("the service's name " + name_advice(plan_.service));
  if (partitions_ < 1)
    problems_.push_back("a topology needs at least 1 partition, not " +
                        std::to_string(partitions_));
}

void Graph::claim_name(std::string_view what, const std::string& name) {
  const std::string claim = std::string(what).append(" '").append(name).append("'");
  if (!is_name(name)) problems_.push_back(claim + ": the name " + name_advice(name));
  if (!names_.insert(claim).second)
    problems_.push_back(claim + " is there twice: give each a name of its own");
}

NodeId Graph::add_named(NodeKind kind, std::string name, std::vector<NodeId> parents,
                        NodeFactory make, Keys keys) {
  const auto id = static_cast<NodeId>(plan_.nodes.size());
  for (const NodeId parent : parents)
    keys = std::max(keys, this->keys(parent));
  plan_.nodes.push_back({id, std::move(name), kind, std::move(parents), {}, std::move(make), {}});
  keys_.push_back(keys);
  return id;
}

NodeId Graph::add(NodeKind kind, std::vector<NodeId> parents, NodeFactory make, Keys keys) {
  std::string name(to_string(kind));
  name.append("-").append(std::to_string(++kinds_[kind]));
  return add_named(kind, std::move(name), std::move(parents), std::move(make), keys);
}

void Graph::check_serde(const std::string& user, const codec::SerdePtr& serde) {
  if (!is_name(serde->name()))
    problems_.push_back(user + ": the name of its serde, '" + std::string(serde->name()) +
                        "', is kept with its bytes: use 1 to 200 of A-Z a-z 0-9 . _ -");
  if (has_name_of_the_librarys(*serde))
    problems_.push_back(user + ": '" + std::string(serde->name()) +
                        "' is the name of a serde of the library: give yours another name");
}

void Graph::check_record(const std::string& topic, const RecordType& type) {
  const std::string user = "topic '" + topic + "'";
  check_serde(user, type.key_serde);
  check_serde(user, type.serde);
  if (type.envelope == codec::Envelope::cloud_events || !type.serde->needs_event_type(*type.value))
    return;
  problems_.push_back(user + ": " + type_name(type.value) + " in " +
                      std::string(type.serde->name()) +
                      " can be read only with the type of each event, which the envelope " +
                      std::string(codec::to_string(type.envelope)) +
                      " does not have: use the envelope cloud_events, or another serde");
}

NodeId Graph::add_source(const std::string& topic, RecordType type, bool is_private, bool is_table,
                         OnUnknownType on_unknown_type) {
  if (!is_name(topic)) problems_.push_back("topic '" + topic + "': the name " + name_advice(topic));
  if (const auto found = readers_.find(topic); found != readers_.end()) {
    const Reader& reader = found->second;
    if (is_table || reader.is_table) {
      problems_.push_back(
          "topic '" + topic +
          "' is read twice, once as a table: read it once and use table.to_stream() for the facts");
    } else if (!same_types(reader.type, type)) {
      problems_.push_back("topic '" + topic + "' is read with other types before, (" +
                          type_names(reader.type) + ") and (" + type_names(type) +
                          "): read it once, with a std::variant of all events wanted");
    } else if (!is_same_form(reader.type, type)) {
      problems_.push_back("topic '" + topic + "' is read twice, as " + form_text(reader.type) +
                          " and as " + form_text(type) +
                          ": give each stream() of it the same serde(...)");
    } else if (reader.on_unknown_type != on_unknown_type) {
      problems_.push_back("topic '" + topic +
                          "' is read with OnUnknownType::error and without: give it to each "
                          "stream() of the topic, or to none");
    }
    return reader.node;
  }
  check_record(topic, type);
  const NodeId node = add_named(NodeKind::source, topic, {}, pass_through(), Keys::kept);
  readers_.emplace(topic, Reader{node, type, is_table, on_unknown_type});
  SourceSpec spec;
  spec.node = node;
  spec.topic = topic;
  spec.type = std::move(type);
  spec.is_table = is_table;
  spec.on_unknown_type = on_unknown_type;
  spec.is_private = is_private;
  plan_.sources.push_back(std::move(spec));
  return node;
}

NodeId Graph::source(const std::string& topic, RecordType type, OnUnknownType on_unknown_type) {
  return add_source(topic, std::move(type), false, false, on_unknown_type);
}

NodeId Graph::own_letters(RecordType type) {
  const NodeId node =
      source(plan_.service + std::string(dead_letters_suffix), type, OnUnknownType::skip);
  for (SourceSpec& spec : plan_.sources) {
    if (spec.node == node) spec.own_letters = true;
  }
  return node;
}

NodeId Graph::private_source(const std::string& topic, RecordType type) {
  const std::string name = plan_.service + "." + topic;
  if (log::is_repartition({name, 1, log::TopicKind::private_topic, plan_.service})) {
    problems_.push_back("private_stream(\"" + topic +
                        "\"): what repartition() writes is read there alone, and may be removed "
                        "then: send the records to_private() too");
  }
  return add_source(name, std::move(type), true, false, OnUnknownType::skip);
}

std::pair<NodeId, StoreId> Graph::table_source(const std::string& topic, const std::string& name,
                                               RecordType type, OnUnknownType on_unknown_type) {
  const NodeId from = add_source(topic, type, false, true, on_unknown_type);
  const StoreId id = store(name, *type.key, *type.value);
  plan_.stores[index(id)].changelog = topic;
  plan_.stores[index(id)].source_is_changelog = true;
  for (SourceSpec& spec : plan_.sources) {
    if (spec.node == from && spec.is_table) spec.table = id;
  }
  return {add_stateful(NodeKind::table, from, id, table({id, type.key, type.value})), id};
}

StoreId Graph::store(const std::string& name, const codec::TypeInfo& key,
                     const codec::TypeInfo& value, const std::string& window,
                     const Serdes& serdes) {
  claim_name("store", name);
  const std::string user = "store '" + name + "'";
  const codec::SerdePtr& serde = serdes.value != nullptr ? serdes.value : codec::binary_serde();
  check_serde(user, serde);
  if (serdes.key != nullptr || serdes.envelope)
    problems_.push_back(user +
                        " is given a serde of its keys or an envelope: its keys are in the "
                        "form whose order is theirs, and it has no headers; give it "
                        "serde(values)");
  if (serde->needs_event_type(value))
    problems_.push_back(user + ": " + type_name(&value) + " in " + std::string(serde->name()) +
                        " can be read only with the type of each event, which a store does not "
                        "have: use another serde, or a struct with the std::variant as member");
  const auto id = static_cast<StoreId>(plan_.stores.size());
  plan_.stores.push_back({id,
                          name,
                          &key,
                          &value,
                          plan_.service + "." + name + ".changelog",
                          false,
                          fingerprint(key, value, *serde),
                          window,
                          {},
                          1,
                          serde,
                          {},
                          codec::key_serde()});
  return id;
}

NodeId Graph::emitter(const std::string& name) {
  claim_name("emitter", name);
  return add_named(NodeKind::emitter, name, {}, pass_through(), Keys::emitted);
}

NodeId Graph::emitted(NodeId emitter, BuilderId builder) {
  if (builder == id_) return emitter;
  problems_.emplace_back("stream() of an emitter that this builder did not make");
  return add(NodeKind::emitter, {}, pass_through());
}

NodeId Graph::add_stateful(NodeKind kind, NodeId parent, StoreId store, NodeFactory make) {
  std::string name(to_string(kind));
  name.append(" ").append(store_name(store));
  const NodeId id = add_named(kind, std::move(name), {parent}, std::move(make), Keys::kept);
  plan_.nodes[index(id)].stores.push_back(store);
  return id;
}

void Graph::process(const std::string& name, NodeId parent, RecordType type,
                    Connections connections, NodeFactory make) {
  claim_name("processor", name);
  const auto tidy = [](auto& ids) {  // each once, in the order in which they were given
    auto end = ids.begin();
    for (const auto id : ids) {
      if (std::find(ids.begin(), end, id) == end) *end++ = id;
    }
    ids.erase(end, ids.end());
  };
  tidy(connections.stores);
  tidy(connections.emitters);
  const bool made_here = std::all_of(connections.builders.begin(), connections.builders.end(),
                                     [this](BuilderId builder) { return builder == id_; });
  if (!made_here) {
    problems_.push_back("processor '" + name +
                        "' was given a store or an emitter that this builder did not make");
    return;
  }
  if (!connections.stores.empty() && keys(parent) == Keys::changed)
    parent = repartition(parent, name, type);
  const NodeId id = add_named(NodeKind::process, name, {parent}, std::move(make), Keys::kept);
  plan_.nodes[index(id)].stores = connections.stores;
  for (const NodeId emitter : connections.emitters)
    plan_.nodes[index(emitter)].parents.push_back(id);
}

void Graph::add_sink(NodeKind kind, NodeId parent, std::string topic, log::TopicKind topic_kind,
                     RecordType type, PartitionChooser partitioner) {
  if (!is_name(topic)) problems_.push_back("topic '" + topic + "': the name " + name_advice(topic));
  check_record(topic, type);
  SinkSpec spec;
  spec.node = static_cast<NodeId>(plan_.nodes.size());
  spec.topic = {std::move(topic), partitions_, topic_kind, plan_.service};
  spec.type = std::move(type);
  spec.partitioner = std::move(partitioner.choose);
  spec.partitions_deletions = partitioner.deletions;
  add_named(kind, spec.topic.name, {parent}, sink(spec), Keys::kept);
  plan_.sinks.push_back(std::move(spec));
}

void Graph::to(NodeId parent, const std::string& topic, RecordType type,
               PartitionChooser partitioner, log::TopicKind kind) {
  add_sink(NodeKind::to, parent, topic, kind, std::move(type), std::move(partitioner));
}

void Graph::to_private(NodeId parent, const std::string& topic, RecordType type,
                       PartitionChooser partitioner) {
  const std::string name = plan_.service + "." + topic;
  const log::TopicSpec spec{name, 1, log::TopicKind::private_topic, plan_.service};
  if (log::is_state(spec) || log::is_repartition(spec)) {
    problems_.push_back("to_private(\"" + topic +
                        "\"): `manifest` and names that end in `.changelog` are those of the "
                        "service's state, and `.repartition` is for repartition(): choose another "
                        "one");
  }
  add_sink(NodeKind::to_private, parent, name, log::TopicKind::private_topic, std::move(type),
           std::move(partitioner));
}

NodeId Graph::repartition(NodeId parent, const std::string& name, RecordType type) {
  if (type.value == nullptr) {
    problems_.push_back("'" + name +
                        "' keeps state by a key that was changed before streams were merged: "
                        "repartition(\"name\") each stream before merging them");
    return parent;
  }
  claim_name("repartition", name);
  const std::string topic = plan_.service + "." + name + std::string(repartition_suffix);
  add_sink(NodeKind::repartition, parent, topic, log::TopicKind::private_topic, type, {});
  return add_source(topic, std::move(type), true, false, OnUnknownType::skip);
}

NodeId Graph::keyed(NodeId parent, const std::string& name, RecordType type) {
  return keys(parent) == Keys::kept ? parent : repartition(parent, name, type);
}

void Graph::declare_topic(const std::string& topic, log::TopicKind kind) {
  if (!is_name(topic)) problems_.push_back("topic '" + topic + "': the name " + name_advice(topic));
  if (kind == log::TopicKind::private_topic) {
    problems_.push_back("topic '" + topic +
                        "' is declared as a private topic, which only a topology writes: declare "
                        "events or commands, or write it with to_private()");
  }
  const auto same = std::find_if(declared_.begin(), declared_.end(),
                                 [&](const log::TopicSpec& spec) { return spec.name == topic; });
  if (same == declared_.end()) {
    declared_.push_back({topic, partitions_, kind, plan_.service});
  } else if (same->kind != kind) {
    problems_.push_back("topic '" + topic + "' is declared twice, once as " +
                        log::to_string(same->kind) + " and once as " + log::to_string(kind));
  }
}

void Graph::keep(const std::string& store, ByteStoreSupplier supplier) {
  if (!supplier) {
    problems_.push_back("keep(\"" + store +
                        "\") is given no supplier: leave it out for a store in "
                        "memory");
  } else if (!suppliers_.emplace(store, std::move(supplier)).second) {
    problems_.push_back("keep(\"" + store + "\") is there twice: keep one of them");
  }
}

void Graph::was(const std::string& name, std::string old) {
  std::vector<std::string>& names = plan_.histories[name].was;
  if (std::find(names.begin(), names.end(), old) == names.end()) names.push_back(std::move(old));
}

void Graph::version(const std::string& name, std::int64_t version) {
  NameHistory& history = plan_.histories[name];
  if (version < 1 || version > version_max)
    problems_.push_back("version " + std::to_string(version) + " of '" + name +
                        "': versions are counted from 1 to " + std::to_string(version_max));
  if (history.version.value_or(version) != version)
    problems_.push_back("'" + name + "' is given two versions, " +
                        std::to_string(*history.version) + " and " + std::to_string(version) +
                        ": keep the higher one");
  history.version = version;
}

void Graph::check_windows(TimeWindows windows) {
  if (windows.size_ms < 1)
    problems_.push_back("windows of " + std::to_string(windows.size_ms) +
                        " ms: a window has a size of at least 1 ms");
  const std::string hopping = "windows of " + std::to_string(windows.size_ms) +
                              " ms that advance by " + std::to_string(windows.advance_ms) + " ms: ";
  if (windows.advance_ms != windows.size_ms &&
      (windows.advance_ms < 1 || windows.advance_ms > windows.size_ms))
    problems_.push_back(hopping + "an advance is at least 1 ms, and not more than the size");
  if (windows.advance_ms > 0 && (windows.size_ms - 1) / windows.advance_ms >= 10'000)
    problems_.push_back(hopping + "a record would be in more than 10,000 of them");
  if (windows.grace_ms.value_or(0) < 0)
    problems_.push_back("windows with a grace of " + std::to_string(*windows.grace_ms) +
                        " ms: a grace is at least 0 ms");
  if (!windows.grace_ms && !windows.retention_ms)
    problems_.push_back(
        "windows that never close have no retention: say how long each is kept, as in "
        "tumbling(24h).never_closes().retention(8760h)");
  const TimeWindows closed_at_once{windows.size_ms, windows.advance_ms,
                                   windows.grace_ms.value_or(0)};
  if (windows.size_ms > 0 && windows.grace_ms.value_or(0) >= 0 && windows.retention_ms &&
      *windows.retention_ms < closed_at_once.kept_ms())
    problems_.push_back("windows with a retention of " + std::to_string(*windows.retention_ms) +
                        " ms: it is at least their size and their grace together, " +
                        std::to_string(closed_at_once.kept_ms()) + " ms");
}

const std::string& Graph::store_name(StoreId store) const {
  return plan_.stores[index(store)].name;
}

Result<Topology> Graph::build() const {
  Plan plan = plan_;
  std::vector<std::string> problems = problems_;
  for (const auto& [name, supplier] : suppliers_) {
    const auto store = std::find_if(plan.stores.begin(), plan.stores.end(),
                                    [&](const StoreSpec& one) { return one.name == name; });
    if (store == plan.stores.end()) {
      problems.push_back("keep(\"" + name + "\"): there is no store of that name");
    } else {
      store->supplier = supplier;
    }
  }
  check_plan(plan, problems);
  if (problems.empty()) cut_sub_topologies(plan, problems);
  if (problems.empty()) check_key_serdes(plan, problems);
  if (problems.empty()) list_topics(plan, declared_, partitions_, problems);
  if (problems.empty()) return Topology(std::move(plan));
  std::string message = "topology of '" + plan.service + "': " + problems.front();
  for (std::size_t i = 1; i < problems.size(); ++i)
    message += "; " + problems[i];
  return fail(errc::bad_topology, std::move(message));
}

}  // namespace millrace::stream::detail
