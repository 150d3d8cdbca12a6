// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "story_text.hpp"

#include <algorithm>
#include <set>

#include "json.hpp"
#include "millrace/base/time_text.hpp"
#include "text.hpp"

namespace millrace::cli {

namespace {

std::string padded(std::string text, std::size_t width) {
  const std::size_t has = display_width(text);
  if (has < width) text.append(width - has, ' ');
  return text;
}

std::string label(const StoryRecord& record) {
  std::string text =
      record.type.empty() ? "(" + log::to_string(record.kind) + ")" : escaped(record.type);
  if (!record.dead_letter.empty()) text += ", dead letter";
  if (!record.replay_of.empty()) text += ", replayed";
  return text;
}

// A line of the tree: what stands before the columns, and the record.
struct Line {
  std::string left;
  std::size_t number;
};

// Not recursive: a chain of causes may be as long as the log.
std::vector<Line> tree_lines(const Story& story) {
  struct Open {
    std::size_t number;
    std::string indent;  // of its children
    std::string left;
  };
  std::vector<Open> stack;
  for (auto root = story.roots.rbegin(); root != story.roots.rend(); ++root) {
    stack.push_back({*root, "", ""});
  }
  std::vector<Line> lines;
  while (!stack.empty()) {
    const Open open = std::move(stack.back());
    stack.pop_back();
    lines.push_back({open.left + label(story.records[open.number]), open.number});
    const auto& children = story.children[open.number];
    for (std::size_t i = children.size(); i-- > 0;) {
      const bool last = i + 1 == children.size();
      stack.push_back({children[i], open.indent + (last ? "   " : "│  "),
                       open.indent + (last ? "└─ " : "├─ ")});
    }
  }
  return lines;
}

std::set<std::string> values(const Story& story, std::string StoryRecord::* member) {
  std::set<std::string> out;
  for (const StoryRecord& record : story.records) {
    if (!(record.*member).empty()) out.insert(record.*member);
  }
  return out;
}

std::string summary(const Story& story, std::string_view id) {
  const auto services = values(story, &StoryRecord::service);
  std::string text = escaped(id) + ": " + counted(story.records.size(), "record") + " in " +
                     counted(values(story, &StoryRecord::topic).size(), "topic") + " of " +
                     counted(services.size(), "service");
  const auto correlations = values(story, &StoryRecord::correlation);
  if (correlations.size() != 1 || *correlations.begin() != id) {
    text += ", correlation";
    for (const std::string& correlation : correlations)
      text += " " + escaped(correlation);
  }
  if (!story.in_commit_order) text += "; causes first: there is no order of commits";
  return text + "\n";
}

}  // namespace

std::string story_tree(const Story& story, std::string_view id) {
  const std::vector<Line> lines = tree_lines(story);
  std::size_t left = 0;
  std::size_t service = 0;
  std::size_t name = 0;
  for (const Line& line : lines) {
    const StoryRecord& record = story.records[line.number];
    left = std::max(left, display_width(line.left));
    service = std::max(service, display_width(record.service));
    name = std::max(name, display_width(record.name()));
  }
  const std::size_t digits = std::to_string(lines.size()).size();
  std::string out = summary(story, id);
  for (const Line& line : lines) {
    const StoryRecord& record = story.records[line.number];
    const std::string number = std::to_string(line.number + 1);
    out += std::string(digits - number.size(), ' ') + number + "  " + padded(line.left, left) +
           "  " + padded(record.service, service) + "  " + padded(record.name(), name) + "  " +
           format_time(record.timestamp_ms);
    if (!record.dead_letter.empty()) out += "  " + escaped(record.dead_letter);
    if (!story.parents[line.number] && !record.cause.empty()) {
      out += "  caused by " + escaped(record.cause);
    }
    out += '\n';
  }
  return out;
}

std::string story_json(const Story& story, std::string_view id) {
  std::vector<std::size_t> depths(story.records.size());
  for (const Line& line : tree_lines(story)) {
    const auto parent = story.parents[line.number];
    if (parent) depths[line.number] = depths[*parent] + 1;
  }
  std::string text;
  JsonWriter out(text);
  out.begin_object().field("id", id).field("order", story.in_commit_order ? "commits" : "causes");
  out.key("correlations").begin_array();
  for (const std::string& correlation : values(story, &StoryRecord::correlation)) {
    out.value(correlation);
  }
  out.end_array().key("records").begin_array();
  for (std::size_t i = 0; i < story.records.size(); ++i) {
    const StoryRecord& record = story.records[i];
    out.begin_object()
        .field("service", record.service)
        .field("topic", record.topic)
        .field("partition", record.partition)
        .field("offset", record.offset);
    if (record.position != 0) out.field("position", record.position);
    out.field("time", format_time(record.timestamp_ms)).field("kind", log::to_string(record.kind));
    write_text(out, "type", record.type);
    write_text(out, "id", record.id);
    write_text(out, "cause", record.cause);
    write_text(out, "correlation", record.correlation);
    write_text(out, "dead_letter", record.dead_letter);
    write_text(out, "replay_of", record.replay_of);
    out.key("parent").raw(story.parents[i] ? std::to_string(*story.parents[i]) : "null");
    out.field("depth", depths[i]).end_object();
  }
  return out.end_array().end_object().take() + "\n";
}

}  // namespace millrace::cli
