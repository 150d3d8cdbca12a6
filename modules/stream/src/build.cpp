// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <algorithm>
#include <map>
#include <set>

#include "millrace/codec/same_type.hpp"
#include "names.hpp"
#include "plan_checks.hpp"
#include "plan_index.hpp"

namespace millrace::stream {

namespace {

void check_connected(const Plan& plan, std::vector<std::string>& problems) {
  if (plan.sources.empty())
    problems.emplace_back("it reads no topic: begin with stream() or table()");
  std::set<StoreId> used;
  for (const NodeSpec& node : plan.nodes) {
    used.insert(node.stores.begin(), node.stores.end());
    if (node.kind == NodeKind::emitter && node.parents.empty()) {
      problems.push_back("nothing emits through emitter '" + node.name +
                         "': pass it to the process() that does, or remove it");
    }
  }
  for (const StoreSpec& store : plan.stores) {
    if (!used.contains(store.id)) {
      problems.push_back("store '" + store.name +
                         "' is used by nothing: pass it to the process() that does, or remove it");
    }
  }
}

void check_sinks_agree(const SinkSpec& a, const SinkSpec& b, std::vector<std::string>& problems) {
  const std::string both = "topic '" + a.topic.name + "' is written twice, ";
  if (a.topic.kind != b.topic.kind) {
    problems.push_back(both + "once as " + log::to_string(a.topic.kind) + " and once as " +
                       log::to_string(b.topic.kind));
  } else if (!codec::is_same_type(*a.type.key, *b.type.key)) {
    problems.push_back(both + "with keys of type " + type_name(a.type.key) + " and " +
                       type_name(b.type.key));
  } else if (!is_same_form(a.type, b.type)) {
    problems.push_back(both + "as " + form_text(a.type) + " and as " + form_text(b.type) +
                       ": give each to() of it the same serde(...)");
  } else if (a.topic.kind == log::TopicKind::private_topic &&
             !codec::is_same_type(*a.type.value, *b.type.value)) {
    problems.push_back(both + "with values of type " + type_name(a.type.value) + " and " +
                       type_name(b.type.value) +
                       ": a private topic holds one type, which may be a std::variant");
  }
}

// Only what is private is known to be written here and nowhere else.
void check_reader(const SourceSpec& source, const std::map<std::string, const SinkSpec*>& written,
                  std::vector<std::string>& problems) {
  const auto found = written.find(source.topic);
  const bool is_private = source.is_private;
  if (found == written.end()) {
    if (is_private) {
      problems.push_back("private topic '" + source.topic +
                         "' is read and never written: add to_private()");
    }
    return;
  }
  const SinkSpec& sink = *found->second;
  if ((sink.topic.kind == log::TopicKind::private_topic) != is_private) {
    problems.push_back("topic '" + source.topic +
                       "' is private for one end and public for the other");
  } else if (!codec::is_same_type(*sink.type.key, *source.type.key) ||
             (is_private && !codec::is_same_type(*sink.type.value, *source.type.value))) {
    problems.push_back("topic '" + source.topic + "' is written as (" + type_names(sink.type) +
                       ") and read as (" + type_names(source.type) + ")");
  } else if (!is_same_form(sink.type, source.type)) {
    problems.push_back("topic '" + source.topic + "' is written as " + form_text(sink.type) +
                       " and read as " + form_text(source.type) +
                       ": give both ends the same serde(...)");
  }
}

void check_not_its_own_letters(const Plan& plan, const SourceSpec& source,
                               std::vector<std::string>& problems) {
  if (source.topic == plan.service + ".dead-letters" && !source.own_letters) {
    problems.push_back("topic '" + source.topic +
                       "' is read by the service whose dead letters it holds: a letter that fails "
                       "would become a letter again, without end; read it in another service");
  } else if (source.topic == plan.service + ".retry") {
    problems.push_back("topic '" + source.topic +
                       "' is read: what is replayed comes with the records of the topic that it "
                       "was read from at first; read that one");
  }
}

// What was() and version() may speak of: a store may leave its name to a processor.
struct NamesOfKinds {
  std::set<std::string> stores;
  std::set<std::string> processors;
  std::set<std::string> topics;
};

NamesOfKinds names_of_kinds(const Plan& plan) {
  NamesOfKinds names;
  for (const StoreSpec& store : plan.stores)
    names.stores.insert(store.name);
  for (const NodeSpec& node : plan.nodes) {
    if (node.kind == NodeKind::process) names.processors.insert(node.name);
  }
  for (const SinkSpec& sink : plan.sinks) {
    if (sink.topic.kind == log::TopicKind::private_topic)
      names.topics.insert(short_name(plan.service, sink.topic.name));
  }
  return names;
}

void check_was(const Plan& plan, const std::set<std::string>& names,
               std::vector<std::string>& problems) {
  const auto add = [&](std::string problem) {
    if (std::find(problems.begin(), problems.end(), problem) == problems.end())
      problems.push_back(std::move(problem));
  };
  std::map<std::string, std::string> claimed;
  for (const auto& [name, history] : plan.histories) {
    if (!names.contains(name)) continue;
    for (const std::string& old : history.was) {
      const std::string said = "'" + name + "' was '" + old + "'";
      if (old == name) {
        add(said + ": name what it was called before");
      } else if (names.contains(old)) {
        add(said + ", and '" + old + "' is still there: give that one another name");
      }
      const auto [other, is_first] = claimed.emplace(old, name);
      if (!is_first && other->second != name) {
        add(said + ", and so was '" + other->second + "': only one of them continues it");
      }
    }
  }
}

void check_histories(const Plan& plan, std::vector<std::string>& problems) {
  const NamesOfKinds names = names_of_kinds(plan);
  for (const auto& [name, history] : plan.histories) {
    const bool keeps_version = names.stores.contains(name) || names.processors.contains(name);
    if (!keeps_version && !names.topics.contains(name)) {
      problems.push_back("was() or version() speaks of '" + name +
                         "', and no store, processor, repartition or private topic has that name");
    } else if (!keeps_version && history.version.value_or(1) != 1) {
      problems.push_back("version() speaks of the topic '" + name +
                         "': only stores and processors have versions");
    }
  }
  for (const auto* kind : {&names.stores, &names.processors, &names.topics})
    check_was(plan, *kind, problems);
}

/// Nodes in sets that grow together.
class Unions {
 public:
  explicit Unions(std::size_t size) : parent_(size) {
    for (std::size_t i = 0; i < size; ++i)
      parent_[i] = i;
  }
  std::size_t find(std::size_t i) {
    while (parent_[i] != i)
      i = parent_[i] = parent_[parent_[i]];
    return i;
  }
  // The smallest member stands for its set: the sets are in order of declaration.
  void unite(std::size_t a, std::size_t b) {
    a = find(a);
    b = find(b);
    parent_[std::max(a, b)] = std::min(a, b);
  }

 private:
  std::vector<std::size_t> parent_;
};

/// Parents before children, else in order of declaration. What is missing from the answer is on a
/// cycle or behind one.
std::vector<NodeId> ordered(const Plan& plan) {
  std::vector<std::size_t> waiting(plan.nodes.size());
  std::vector<std::vector<NodeId>> children(plan.nodes.size());
  std::set<NodeId> ready;
  for (const NodeSpec& node : plan.nodes) {
    waiting[index(node.id)] = node.parents.size();
    for (const NodeId parent : node.parents)
      children[index(parent)].push_back(node.id);
    if (node.parents.empty()) ready.insert(node.id);
  }
  std::vector<NodeId> order;
  while (!ready.empty()) {
    const NodeId next = *ready.begin();
    ready.erase(ready.begin());
    order.push_back(next);
    for (const NodeId child : children[index(next)]) {
      if (--waiting[index(child)] == 0) ready.insert(child);
    }
  }
  return order;
}

// Names given by people come first, and of those what keeps state: they do not change when
// operators are put in or taken out.
std::string name_of(const Plan& plan, const SubTopology& part) {
  const auto first_processor =
      std::find_if(plan.nodes.begin(), plan.nodes.end(), [&](const NodeSpec& node) {
        return node.kind == NodeKind::process &&
               std::find(part.nodes.begin(), part.nodes.end(), node.id) != part.nodes.end();
      });
  if (first_processor != plan.nodes.end()) return first_processor->name;
  if (!part.stores.empty()) return plan.stores[index(part.stores.front())].name;
  for (const std::size_t source : part.sources) {
    const std::string& topic = plan.sources[source].topic;
    if (topic.starts_with(plan.service + ".") && topic.ends_with(repartition_suffix))
      return short_name(plan.service, topic);
  }
  return plan.sources[part.sources.front()].topic;
}

}  // namespace

void check_plan(const Plan& plan, std::vector<std::string>& problems) {
  check_connected(plan, problems);
  std::map<std::string, const SinkSpec*> written;
  for (const SinkSpec& sink : plan.sinks) {
    const auto [found, is_new] = written.emplace(sink.topic.name, &sink);
    if (!is_new) check_sinks_agree(*found->second, sink, problems);
  }
  for (const SourceSpec& source : plan.sources) {
    check_reader(source, written, problems);
    check_not_its_own_letters(plan, source, problems);
  }
  check_histories(plan, problems);
}

void cut_sub_topologies(Plan& plan, std::vector<std::string>& problems) {
  Unions sets(plan.nodes.size());
  std::vector<std::size_t> user_of(plan.stores.size(), plan.nodes.size());
  for (const NodeSpec& node : plan.nodes) {
    for (const NodeId parent : node.parents)
      sets.unite(index(node.id), index(parent));
    for (const StoreId store : node.stores) {
      std::size_t& user = user_of[index(store)];
      if (user == plan.nodes.size()) user = index(node.id);
      sets.unite(user, index(node.id));
    }
  }
  const std::vector<NodeId> order = ordered(plan);
  if (order.size() != plan.nodes.size()) {
    for (const NodeSpec& node : plan.nodes) {
      if (node.kind == NodeKind::process &&
          std::find(order.begin(), order.end(), node.id) == order.end()) {
        problems.push_back(
            "what processor '" + node.name +
            "' emits comes back to it within the task: let it pass through a private topic");
        return;
      }
    }
  }
  std::map<std::size_t, SubTopology> parts;
  for (const NodeId node : order)
    parts[sets.find(index(node))].nodes.push_back(node);
  for (std::size_t i = 0; i < plan.sources.size(); ++i) {
    parts[sets.find(index(plan.sources[i].node))].sources.push_back(i);
  }
  for (std::size_t i = 0; i < plan.sinks.size(); ++i)
    parts[sets.find(index(plan.sinks[i].node))].sinks.push_back(i);
  for (const StoreSpec& store : plan.stores)
    parts[sets.find(user_of[index(store.id)])].stores.push_back(store.id);

  std::set<std::string> names;
  for (auto& [first, part] : parts) {
    part.name = name_of(plan, part);
    if (!names.insert(part.name).second) {
      problems.push_back("two parts of it would be named '" + part.name +
                         "', after their first processor, store or topic: rename one");
    }
    plan.sub_topologies.push_back(std::move(part));
  }
}

void check_key_serdes(Plan& plan, std::vector<std::string>& problems) {
  for (const SubTopology& part : plan.sub_topologies) {
    if (part.stores.empty()) continue;
    const SourceSpec& first = plan.sources[part.sources.front()];
    for (const std::size_t source : part.sources) {
      const SourceSpec& other = plan.sources[source];
      if (other.type.key_serde->name() == first.type.key_serde->name()) continue;
      problems.push_back(
          "sub-topology '" + part.name + "' keeps state by the keys of its inputs, and '" +
          first.topic + "' has keys in " + std::string(first.type.key_serde->name()) + ", '" +
          other.topic + "' in " + std::string(other.type.key_serde->name()) +
          ": equal keys would be in different partitions; bring one of them by repartition(name, "
          "serde(keys, values)) to the keys of the other");
    }
    for (const StoreId id : part.stores)
      plan.stores[index(id)].input_key_serde = first.type.key_serde;
  }
}

void list_topics(Plan& plan, const std::vector<log::TopicSpec>& declared, std::int32_t partitions,
                 std::vector<std::string>& problems) {
  using log::TopicKind;
  std::map<std::string, std::string> users;
  const auto add = [&](log::TopicSpec topic, const std::string& use) {
    const auto [found, is_new] = users.emplace(topic.name, use);
    if (is_new) {
      plan.own_topics.push_back(std::move(topic));
    } else if (found->second != use) {
      problems.push_back("topic '" + topic.name + "' would be both " + found->second + " and " +
                         use + ": rename one");
    }
  };
  // Not one of own_topics: it is made when it is written.
  users.emplace(plan.service + ".manifest", "what the log has of the topology");
  for (const SinkSpec& sink : plan.sinks)
    add(sink.topic, "a topic it writes");
  // Commands come from a topology and from others.
  const auto is_written_as = [&](const log::TopicSpec& topic) {
    return topic.kind == TopicKind::commands &&
           std::any_of(plan.sinks.begin(), plan.sinks.end(),
                       [&](const SinkSpec& sink) { return sink.topic == topic; });
  };
  for (const log::TopicSpec& topic : declared) {
    if (!is_written_as(topic)) add(topic, "a topic that others write");
  }
  for (const StoreSpec& store : plan.stores) {
    if (store.source_is_changelog) continue;
    add({store.changelog, partitions, TopicKind::private_topic, plan.service},
        "the changelog of store '" + store.name + "'");
  }
  add({plan.service + ".dead-letters", partitions, TopicKind::events, plan.service},
      "where dead letters go");
  add({plan.service + ".retry", partitions, TopicKind::commands, plan.service},
      "where dead letters come back from");

  for (SubTopology& part : plan.sub_topologies) {
    for (const std::size_t source : part.sources) {
      if (users.contains(plan.sources[source].topic)) part.partitions = partitions;
    }
  }
}

}  // namespace millrace::stream
