// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "story.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <queue>
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
  enum class Visit : std::uint8_t { fresh, under_way, done };
  std::vector<Visit> visits(parents.size(), Visit::fresh);
  for (std::size_t start = 0; start < parents.size(); ++start) {
    std::vector<std::size_t> path;
    Parent at = start;
    while (at && visits[*at] == Visit::fresh) {
      visits[*at] = Visit::under_way;
      path.push_back(*at);
      at = parents[*at];
    }
    if (at && visits[*at] == Visit::under_way) {
      const auto circle = std::find(path.begin(), path.end(), *at);
      parents[*std::min_element(circle, path.end())].reset();
    }
    for (const std::size_t number : path)
      visits[number] = Visit::done;
  }
}

std::vector<Parent> find_parents(const std::vector<StoryRecord>& records) {
  Numbers by_id;
  std::map<std::string, std::size_t> dead_letters;
  for (std::size_t i = 0; i < records.size(); ++i) {
    const StoryRecord& record = records[i];
    if (is_original(record) && !record.id.empty()) by_id.emplace(record.id, i);
    if (!record.dead_letter.empty()) dead_letters.emplace(record.name(), i);
  }
  std::vector<Parent> parents;
  for (std::size_t i = 0; i < records.size(); ++i) {
    const StoryRecord& record = records[i];
    Parent parent;
    // A letter behind it has the name of another one, whose topic was deleted since.
    if (const auto letter = dead_letters.find(record.replay_of);
        letter != dead_letters.end() && records[letter->second].position <= record.position) {
      parent = letter->second;
    }
    if (!parent) parent = lookup(by_id, is_original(record) ? record.cause : record.id, i);
    parents.push_back(parent);
  }
  cut_circles(parents);
  return parents;
}

// The numbers of records, sorted by time, in an order that has each behind its cause and behind
// those before it in its partition. Bad data may make that impossible: then time alone decides.
std::vector<std::size_t> causal_order(const std::vector<StoryRecord>& records,
                                      const std::vector<Parent>& parents) {
  std::map<std::tuple<std::string_view, std::int32_t, std::int64_t>, std::size_t> by_name;
  for (std::size_t i = 0; i < records.size(); ++i)
    by_name.emplace(
        std::tuple(std::string_view(records[i].topic), records[i].partition, records[i].offset), i);
  std::vector<std::vector<std::size_t>> followers(records.size());
  std::vector<std::size_t> waits_for(records.size());
  const auto put_behind = [&](std::size_t number, std::size_t other) {
    followers[other].push_back(number);
    ++waits_for[number];
  };
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (parents[i]) put_behind(i, *parents[i]);
  }
  for (auto at = by_name.begin(); at != by_name.end(); ++at) {
    const auto next = std::next(at);
    if (next == by_name.end()) break;
    const StoryRecord& one = records[at->second];
    const StoryRecord& other = records[next->second];
    if (one.topic == other.topic && one.partition == other.partition)
      put_behind(next->second, at->second);
  }
  std::priority_queue<std::size_t, std::vector<std::size_t>, std::greater<>> ready;
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (waits_for[i] == 0) ready.push(i);
  }
  std::vector<std::size_t> order;
  std::vector<bool> taken(records.size());
  for (std::size_t stuck = 0; order.size() < records.size();) {
    if (ready.empty()) {
      while (taken[stuck])
        ++stuck;
      ready.push(stuck);
    }
    const std::size_t number = ready.top();
    ready.pop();
    if (taken[number]) continue;
    taken[number] = true;
    order.push_back(number);
    for (const std::size_t follower : followers[number]) {
      if (--waits_for[follower] == 0) ready.push(follower);
    }
  }
  return order;
}

// A log that was copied from one without an order of commits may have a record before its cause.
bool is_in_commit_order(const std::vector<StoryRecord>& records,
                        const std::vector<Parent>& parents) {
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (records[i].position == 0 || (parents[i] && *parents[i] > i)) return false;
  }
  return true;
}

void put_causes_first(std::vector<StoryRecord>& records, std::vector<Parent>& parents) {
  const std::vector<std::size_t> order = causal_order(records, parents);
  std::vector<std::size_t> sorted_numbers(order.size());
  std::vector<StoryRecord> sorted;
  for (const std::size_t number : order) {
    sorted_numbers[number] = sorted.size();
    sorted.push_back(std::move(records[number]));
  }
  std::vector<Parent> moved;
  for (const std::size_t number : order)
    moved.push_back(parents[number] ? Parent(sorted_numbers[*parents[number]]) : std::nullopt);
  records = std::move(sorted);
  parents = std::move(moved);
}

}  // namespace

std::string StoryRecord::name() const { return record_name(topic, partition, offset); }

Story build_story(std::vector<StoryRecord> records) {
  const auto time = [](const StoryRecord& record) {
    return record.position == 0 ? record.timestamp_ms : 0;
  };
  std::sort(records.begin(), records.end(), [&](const StoryRecord& a, const StoryRecord& b) {
    return std::tuple(a.position, time(a), std::string_view(a.topic), a.partition, a.offset) <
           std::tuple(b.position, time(b), std::string_view(b.topic), b.partition, b.offset);
  });
  Story story;
  story.records = std::move(records);
  story.parents = find_parents(story.records);
  story.in_commit_order = is_in_commit_order(story.records, story.parents);
  if (!story.in_commit_order) put_causes_first(story.records, story.parents);
  story.children.resize(story.records.size());
  for (std::size_t i = 0; i < story.records.size(); ++i) {
    (story.parents[i] ? story.children[*story.parents[i]] : story.roots).push_back(i);
  }
  return story;
}

}  // namespace millrace::cli
