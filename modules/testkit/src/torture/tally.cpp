// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "torture/tally.hpp"

#include <algorithm>
#include <limits>
#include <optional>

#include "millrace/base/hash.hpp"
#include "millrace/base/terminal_text.hpp"
#include "millrace/base/text.hpp"
#include "millrace/codec/cloud_events.hpp"

namespace millrace::testkit {

namespace {

constexpr std::size_t lines_max = 20;
constexpr std::size_t shown_bytes_max = 120;

std::string shown(const std::optional<std::string>& bytes) {
  if (!bytes) return "null";
  const bool text =
      std::all_of(bytes->begin(), bytes->end(), [](char c) { return c >= ' ' && c <= '~'; });
  std::string out = text ? *bytes : "0x" + hex(*bytes);
  if (out.size() > shown_bytes_max)
    out = out.substr(0, shown_bytes_max) + "... (" + std::to_string(bytes->size()) +
          " bytes, hash " + std::to_string(xxh64(*bytes)) + ")";
  return out;
}

std::string correlation_of(const RawRecord& record) {
  if (std::string text = record.header("ce_correlationid"); !text.empty()) return text;
  log::HeadersBuilder headers;
  for (const auto& [name, value] : record.headers)
    headers.add(name, value);
  const auto context = codec::read_private_context(headers.view().encoded(), headers.view().size());
  return context ? std::string(context->correlation) : "";
}

Compare compared(const TortureOptions& options, const std::string& name, Compare otherwise) {
  const auto found = options.compare.find(name);
  return found == options.compare.end() ? otherwise : found->second;
}

std::string cause_of(const RawRecord& record) {
  const std::string correlation = correlation_of(record);
  return correlation.empty() ? "of no correlation" : "of " + escaped(correlation);
}

}  // namespace

Tally Tally::take(const stream::Topology& topology, const TortureOptions& options,
                  TopicReader& reader, const std::vector<stream::Instance*>& instances) {
  Tally tally;
  const auto is_changelog = [&](const std::string& topic) {
    return std::any_of(topology.stores().begin(), topology.stores().end(),
                       [&](const stream::StoreSpec& store) { return store.changelog == topic; });
  };
  const std::string letters = topology.service() + ".dead-letters";
  for (const log::TopicSpec& topic : topology.own_topics()) {
    if (topic.name == letters) continue;  // counted by what it is a letter of
    // In a repartition topic the same key comes from several partitions, in any order.
    const bool is_private = topic.kind == log::TopicKind::private_topic;
    const Compare compare =
        compared(options, topic.name, is_private ? Compare::records : Compare::everything);
    if (compare == Compare::nothing || is_changelog(topic.name)) continue;
    if (compare != Compare::last_values) tally.take_records(topic.name, reader);
    if (compare != Compare::records) tally.take_last_values(topic.name, reader);
  }
  tally.take_letters(letters, reader);
  for (const stream::StoreSpec& store : topology.stores()) {
    if (compared(options, store.name, Compare::everything) != Compare::nothing)
      tally.take_store(store.name, instances);
  }
  return tally;
}

void Tally::take_records(const std::string& topic, TopicReader& reader) {
  for (const RawRecord& record : reader.all(topic)) {
    const std::string type = record.header("ce_type");
    add("topic " + topic + ", " + (type.empty() ? "a record" : escaped(type)) + " " +
        cause_of(record));
  }
}

void Tally::take_last_values(const std::string& topic, TopicReader& reader) {
  std::map<std::string, std::string> last;
  for (const RawRecord& record : reader.all(topic))
    last[shown(record.key)] = shown(record.value);
  for (const auto& [key, value] : last)
    add("topic " + topic + ", last value of " + key + ": " + value);
}

void Tally::take_letters(const std::string& topic, TopicReader& reader) {
  for (const RawRecord& record : reader.all(topic)) {
    ++letters_;
    add("dead letter of topic " + record.header("dl-topic") + " in " +
        record.header("dl-sub-topology") + " " + cause_of(record) + ": " +
        record.header("dl-code"));
  }
}

void Tally::take_store(const std::string& store, const std::vector<stream::Instance*>& instances) {
  for (const stream::Instance* instance : instances) {
    const auto entries =
        instance->read_range(store, {}, {}, std::numeric_limits<std::size_t>::max());
    if (!entries) continue;  // this instance has no task of the store
    for (const auto& [key, value] : entries->value)
      add("store " + store + ", " + shown(key) + ": " + shown(value));
  }
}

std::string Tally::difference_to(const Tally& reference) const {
  std::size_t lines = 0;
  std::string out;
  const auto tell = [&](const std::string& what, const std::string& thing, std::int64_t expected,
                        std::int64_t found) {
    if (++lines > lines_max) return;
    out += "\n  " + what + ": " + thing + " (undisturbed " + std::to_string(expected) +
           " times, here " + std::to_string(found) + ")";
  };
  for (const auto& [thing, expected] : reference.things_) {
    const auto found = things_.find(thing);
    const std::int64_t times = found == things_.end() ? 0 : found->second;
    if (times < expected) tell("lost", thing, expected, times);
    if (times > expected) tell("doubled", thing, expected, times);
  }
  for (const auto& [thing, times] : things_) {
    if (!reference.things_.contains(thing)) tell("too much", thing, 0, times);
  }
  if (lines > lines_max) out += "\n  and " + std::to_string(lines - lines_max) + " more";
  return out;
}

}  // namespace millrace::testkit
