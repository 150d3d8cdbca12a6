// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "story.hpp"

#include <algorithm>
#include <map>
#include <string_view>
#include <tuple>

#include "text.hpp"

namespace millrace::cli {

namespace {

using Parent = std::optional<std::size_t>;
using Numbers = std::map<std::string_view, std::size_t>;

bool is_original(const StoryRecord& record) {
  return record.kind != log::TopicKind::private_topic && record.dead_letter.empty() &&
         record.replay_of.empty();
}

Parent lookup(const Numbers& numbers, std::string_view name, std::size_t self) {
  const auto found = numbers.find(name);
  if (name.empty() || found == numbers.end() || found->second == self) return std::nullopt;
  return found->second;
}

// Following parents from every record ends: each record that leads back to itself loses its parent.
void cut_circles(std::vector<Parent>& parents) {
  enum class Mark : std::uint8_t { fresh, under_way, done };
  std::vector<Mark> marks(parents.size(), Mark::fresh);
  for (std::size_t start = 0; start < parents.size(); ++start) {
    std::vector<std::size_t> path;
    Parent at = start;
    while (at && marks[*at] == Mark::fresh) {
      marks[*at] = Mark::under_way;
      path.push_back(*at);
      at = parents[*at];
    }
    if (at && marks[*at] == Mark::under_way) {
      const auto circle = std::find(path.begin(), path.end(), *at);
      parents[*std::min_element(circle, path.end())].reset();
    }
    for (const std::size_t number : path)
      marks[number] = Mark::done;
  }
}

}  // namespace

std::string StoryRecord::place() const { return place_text(topic, partition, offset); }

Story build_story(std::vector<StoryRecord> records) {
  std::sort(records.begin(), records.end(), [](const StoryRecord& a, const StoryRecord& b) {
    return std::tie(a.position, a.topic, a.partition, a.offset) <
           std::tie(b.position, b.topic, b.partition, b.offset);
  });
  Story story;
  story.records = std::move(records);
  Numbers by_id;
  std::map<std::string, std::size_t> dead_letters;
  for (std::size_t i = 0; i < story.records.size(); ++i) {
    const StoryRecord& record = story.records[i];
    if (is_original(record) && !record.id.empty()) by_id.emplace(record.id, i);
    if (!record.dead_letter.empty()) dead_letters.emplace(record.place(), i);
  }
  for (std::size_t i = 0; i < story.records.size(); ++i) {
    const StoryRecord& record = story.records[i];
    Parent parent;
    if (const auto letter = dead_letters.find(record.replay_of); letter != dead_letters.end()) {
      parent = letter->second;
    }
    if (!parent) parent = lookup(by_id, is_original(record) ? record.cause : record.id, i);
    story.parents.push_back(parent);
  }
  cut_circles(story.parents);
  story.children.resize(story.records.size());
  for (std::size_t i = 0; i < story.records.size(); ++i) {
    (story.parents[i] ? story.children[*story.parents[i]] : story.roots).push_back(i);
  }
  return story;
}

}  // namespace millrace::cli
