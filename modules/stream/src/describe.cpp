// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <algorithm>

#include "describe_json.hpp"
#include "millrace/log/library_topics.hpp"
#include "millrace/stream/plan.hpp"
#include "names.hpp"
#include "plan_index.hpp"

namespace millrace::stream {

namespace {

std::string partitions_text(std::int32_t partitions) {
  return partitions == 0 ? "as many tasks as its topics have partitions"
                         : std::to_string(partitions) + " tasks";
}

std::vector<std::string> children_of(const Plan& plan, const NodeSpec& node) {
  std::vector<std::string> names;
  for (const NodeSpec& other : plan.nodes) {
    if (std::find(other.parents.begin(), other.parents.end(), node.id) != other.parents.end()) {
      names.push_back(other.name);
    }
  }
  return names;
}

std::string joined(const std::vector<std::string>& words, const std::string& separator) {
  std::string text;
  for (const std::string& word : words)
    text += (text.empty() ? "" : separator) + word;
  return text;
}

// ", was counts, version 2"; empty: nothing was said of it.
std::string history_text(const Plan& plan, const std::string& name) {
  const auto found = plan.histories.find(name);
  if (found == plan.histories.end()) return {};
  std::string text;
  if (!found->second.was.empty()) text += ", was " + joined(found->second.was, " and ");
  const std::int64_t version = found->second.version.value_or(1);
  if (version != 1) text += ", version " + std::to_string(version);
  return text;
}

// Nodes without a name of their own are named by their kind.
std::string label(const NodeSpec& node, const char* separator) {
  const std::string kind(to_string(node.kind));
  return node.name.starts_with(kind) ? node.name : kind + separator + node.name;
}

void describe_node(const Plan& plan, const NodeSpec& node, std::string& out) {
  out += "    " + label(node, " ");
  if (node.kind == NodeKind::process) out += history_text(plan, node.name);
  std::vector<std::string> stores;
  for (const StoreId store : node.stores)
    stores.push_back(plan.stores[index(store)].name);
  if (!stores.empty()) out += " [" + joined(stores, ", ") + "]";
  const std::vector<std::string> children = children_of(plan, node);
  if (!children.empty()) out += " -> " + joined(children, ", ");
  out += "\n";
}

// Serdes and envelope where they are not those that each topic of its kind has.
std::string other_form(const RecordType& type, bool is_private) {
  const RecordType by_default =
      is_private ? private_record(*type.key, *type.value) : public_record(*type.key, *type.value);
  return is_same_form(type, by_default) ? "" : " in " + form_text(type);
}

std::string as_text(const Plan& plan) {
  std::string out = "topology of " + plan.service + "\n";
  for (const SubTopology& part : plan.sub_topologies) {
    out += "  sub-topology " + part.name + ", " + partitions_text(part.partitions) + "\n";
    for (const std::size_t i : part.sources) {
      const SourceSpec& source = plan.sources[i];
      out += "    reads " + source.topic + (source.is_table ? " as a table" : "") + ": " +
             type_names(source.type) + other_form(source.type, source.is_private) +
             (source.on_unknown_type == OnUnknownType::error ? ", other types are errors" : "") +
             "\n";
    }
    for (const std::size_t i : part.sinks) {
      const SinkSpec& sink = plan.sinks[i];
      out += "    writes " + sink.topic.name + ": " + type_names(sink.type) +
             other_form(sink.type, sink.topic.kind == log::TopicKind::private_topic) + "\n";
    }
    for (const StoreId id : part.stores) {
      const StoreSpec& store = plan.stores[index(id)];
      out += "    keeps " + store.name + " in " + store.changelog + ": " +
             type_names({store.key, store.value}) +
             (store.serde->name() == codec::binary_serde()->name()
                  ? std::string()
                  : " in " + std::string(store.serde->name())) +
             history_text(plan, store.name) + "\n";
    }
    for (const NodeId id : part.nodes)
      describe_node(plan, plan.nodes[index(id)], out);
  }
  out += "  topics\n";
  for (const log::TopicSpec& topic : plan.own_topics) {
    out += "    " + topic.name + ": " + log::to_string(topic.kind) + ", " +
           std::to_string(topic.partitions) + " partitions" +
           (log::is_state(topic) ? ", compacted" : "") + "\n";
  }
  return out;
}

// Names hold nothing that a quoted DOT string would have to escape.
std::string quoted(const std::string& text) { return "\"" + text + "\""; }

void draw_part(const Plan& plan, const SubTopology& part, std::string& out) {
  out +=
      "  subgraph " + quoted("cluster_" + part.name) + " {\n    label=" + quoted(part.name) + ";\n";
  for (const NodeId id : part.nodes) {
    const NodeSpec& node = plan.nodes[index(id)];
    out += "    n" + std::to_string(index(id)) + " [label=" + quoted(label(node, "\\n")) + "];\n";
  }
  for (const StoreId id : part.stores) {
    out += "    s" + std::to_string(index(id)) +
           " [shape=cylinder, label=" + quoted(plan.stores[index(id)].name) + "];\n";
  }
  out += "  }\n";
}

std::string as_dot(const Plan& plan) {
  std::string out = "digraph " + quoted(plan.service) + " {\n  rankdir=LR;\n  node [shape=box];\n";
  for (const SubTopology& part : plan.sub_topologies)
    draw_part(plan, part, out);
  std::vector<std::string> topics;
  for (const SourceSpec& source : plan.sources)
    topics.push_back(source.topic);
  for (const SinkSpec& sink : plan.sinks)
    topics.push_back(sink.topic.name);
  std::sort(topics.begin(), topics.end());
  topics.erase(std::unique(topics.begin(), topics.end()), topics.end());
  for (const std::string& topic : topics)
    out += "  " + quoted(topic) + " [shape=cds];\n";
  const auto node_name = [](NodeId id) { return "n" + std::to_string(index(id)); };
  for (const SourceSpec& source : plan.sources)
    out += "  " + quoted(source.topic) + " -> " + node_name(source.node) + ";\n";
  for (const SinkSpec& sink : plan.sinks)
    out += "  " + node_name(sink.node) + " -> " + quoted(sink.topic.name) + ";\n";
  for (const NodeSpec& node : plan.nodes) {
    for (const NodeId parent : node.parents)
      out += "  " + node_name(parent) + " -> " + node_name(node.id) + ";\n";
    for (const StoreId store : node.stores) {
      out += "  " + node_name(node.id) + " -> s" + std::to_string(index(store)) +
             " [style=dotted, dir=none];\n";
    }
  }
  return out + "}\n";
}

}  // namespace

std::string Topology::describe(std::string_view form) const {
  if (form == "dot") return as_dot(plan_);
  if (form == "json") return describe_json(plan_);
  return as_text(plan_);
}

}  // namespace millrace::stream
