// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "torture/hostile.hpp"

#include <functional>
#include <limits>
#include <utility>

#include "millrace/log/log.hpp"
#include "millrace/log/record_size.hpp"

namespace millrace::testkit {

namespace {

std::size_t record_bytes(const RawRecord& record) {
  log::HeadersBuilder headers;
  for (const auto& [name, value] : record.headers)
    headers.add(name, value);
  return log::record_bytes({record.timestamp_ms, record.key, record.value, headers.view()});
}

// Lengthens one of the two until the record is as large as a log takes. Lengths are variable-length
// numbers themselves, so a few bytes may stay free.
void fill(RawRecord& record, std::optional<std::string> RawRecord::* part, char byte) {
  constexpr std::size_t lengths = 12;
  const std::size_t limit = log::LogOptions{}.max_record_bytes - lengths;
  const std::size_t bytes = record_bytes(record);
  if (bytes < limit) (record.*part)->append(limit - bytes, byte);
}

struct Change {
  std::string group;
  std::function<void(RawRecord&)> apply;
};

std::vector<Change> changes() {
  constexpr std::int64_t first = std::numeric_limits<std::int64_t>::min();
  constexpr std::int64_t last = std::numeric_limits<std::int64_t>::max();
  return {
      {"deletion", [](RawRecord& record) { record.value.reset(); }},
      {"no-key",
       [](RawRecord& record) {
         record.key.reset();
         record.partition = 0;
       }},
      {"neither",
       [](RawRecord& record) {
         record.key.reset();
         record.value.reset();
         record.partition = 0;
       }},
      {"unknown-type",
       [](RawRecord& record) {
         std::erase_if(record.headers,
                       [](const auto& header) { return header.first == "ce_type"; });
         record.headers.emplace_back("ce_type", "torture.unknown");
       }},
      {"unreadable", [](RawRecord& record) { record.value = "{\"torture"; }},
      {"oversize", [](RawRecord& record) { fill(record, &RawRecord::value, ' '); }},
      {"oversize-unreadable", [](RawRecord& record) { fill(record, &RawRecord::value, '!'); }},
      {"oversize-key",
       [](RawRecord& record) {
         record.value = "{\"torture";
         if (!record.key) record.key.emplace();
         fill(record, &RawRecord::key, 'k');
       }},
      {"time-zero", [](RawRecord& record) { record.timestamp_ms = 0; }},
      {"time-negative", [](RawRecord& record) { record.timestamp_ms = -1; }},
      {"time-first", [](RawRecord& record) { record.timestamp_ms = first; }},
      {"time-last", [](RawRecord& record) { record.timestamp_ms = last; }},
  };
}

// Its own event and business process, so that what becomes of it is counted by itself.
void rename(RawRecord& record, const std::string& name) {
  std::erase_if(record.headers, [](const auto& header) {
    return header.first == "ce_id" || header.first == "ce_correlationid";
  });
  record.headers.emplace_back("ce_id", name);
  record.headers.emplace_back("ce_correlationid", name);
}

}  // namespace

std::vector<HostileGroup> hostile_groups(const TortureInputs& inputs, TopicReader& reader) {
  std::vector<std::pair<std::string, RawRecord>> firsts;
  for (const TortureInputs::Topic& topic : inputs.topics()) {
    std::vector<RawRecord> records = reader.all(topic.name);
    if (!records.empty()) firsts.emplace_back(topic.name, std::move(records.front()));
  }
  std::vector<HostileGroup> groups;
  for (const Change& change : changes()) {
    HostileGroup& group = groups.emplace_back(HostileGroup{change.group, {}});
    for (const auto& [topic, first] : firsts) {
      RawRecord record = first;
      record.partition = -1;
      rename(record, change.group + "-" + topic);
      if (!record.value) record.value.emplace();
      change.apply(record);
      group.records.emplace_back(topic, std::move(record));
    }
  }
  return groups;
}

}  // namespace millrace::testkit
