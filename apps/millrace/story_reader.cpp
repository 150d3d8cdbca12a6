// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "story_reader.hpp"

#include <algorithm>
#include <functional>
#include <set>

#include "names.hpp"
#include "record_text.hpp"
#include "text.hpp"

namespace millrace::cli {

namespace {

constexpr std::size_t fetch_bytes = 1U << 20U;
constexpr std::size_t processes_max = 8;
constexpr std::size_t named_max = 3;

using Names = std::set<std::string, std::less<>>;
using Visitor = std::function<void(const FoundRecord&)>;

Status scan_partition(log::Log& log, const log::Topic& topic, log::PartitionId partition,
                      log::Offset next, log::LogPosition bound, log::FetchBuffer& buffer,
                      const Visitor& visit) {
  const log::TopicPartition topic_partition{topic.id, partition};
  while (true) {
    MILLRACE_TRY(log.fetch(topic_partition, next, fetch_bytes, buffer));
    if (buffer.batches.empty()) return {};
    for (const log::FetchedBatch& batch : buffer.batches) {
      if (batch.position.position > bound.position) return {};
      for (std::size_t i = batch.first; i < batch.first + batch.count; ++i) {
        visit({topic, partition, batch.position, buffer.records[i]});
      }
    }
    next = buffer.next;
    MILLRACE_TRY(log.maintain());
  }
}

// Topic by topic: a fetch of one partition is cheaper than the order of commits over all of them,
// which is sorted out later among the few that matter.
Status scan(log::Log& log, bool with_private, log::LogPosition bound, const Visitor& visit) {
  MILLRACE_ASSIGN(std::vector<log::Topic> topics, sorted_topics(log, false));
  if (!with_private) std::erase_if(topics, is_private);
  std::vector<log::TopicPartition> partitions;
  for (const log::Topic& topic : topics) {
    for (std::int32_t p = 0; p < topic.spec.partitions; ++p)
      partitions.push_back({topic.id, log::partition(p)});
  }
  MILLRACE_ASSIGN(const std::vector<log::Offset> firsts, log.start_offsets(partitions));
  MILLRACE_ASSIGN(const std::vector<log::Offset> ends, log.end_offsets(partitions));
  log::FetchBuffer buffer;
  auto topic = topics.begin();
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    while (topic->id != partitions[i].topic)
      ++topic;
    if (firsts[i] == ends[i]) continue;
    MILLRACE_TRY(
        scan_partition(log, *topic, partitions[i].partition, firsts[i], bound, buffer, visit));
  }
  return {};
}

bool may_carry(log::HeadersView headers, std::string_view id) {
  return headers.encoded().find(id) != std::string_view::npos;
}

StoryRecord describe(const FoundRecord& found, const Envelope& envelope) {
  const log::TopicSpec& spec = found.topic.spec;
  StoryRecord out;
  out.service = spec.owner;
  // Anybody may write commands: the envelope says who did.
  if (spec.kind == log::TopicKind::commands && envelope.source.starts_with('/')) {
    out.service = envelope.source.substr(1);
  }
  out.topic = spec.name;
  out.kind = spec.kind;
  out.partition = found.partition.value;
  out.offset = found.record.offset.value;
  out.position = found.position.position;
  out.timestamp_ms = found.record.timestamp_ms;
  out.type = envelope.type;
  out.id = envelope.id;
  out.cause = envelope.causation;
  out.correlation = envelope.correlation;
  const DeadLetterHeaders why = read_dead_letter(found.record.headers);
  if (stream::is_dead_letters(spec.name)) {
    out.dead_letter = why.reason.empty() ? std::string_view("no reason given") : why.reason;
  }
  out.replay_of = why.replay_of;
  return out;
}

// What one pass over the log finds out about an id.
struct Findings {
  std::vector<StoryRecord> correlated;    // records that carry it as correlation id
  Names of_event;                         // correlation ids of the event of that id
  Names of_key;                           // correlation ids of public records with that key
  std::vector<StoryRecord> uncorrelated;  // such records without any
};

Result<Findings> look_for(log::Log& log, std::string_view id, bool with_private,
                          log::LogPosition bound) {
  Findings findings;
  MILLRACE_TRY(scan(log, with_private, bound, [&](const FoundRecord& found) {
    const bool by_key = !is_private(found.topic) && found.record.key == id;
    if (!by_key && !may_carry(found.record.headers, id)) return;
    const Envelope envelope = read_envelope(found.record.headers);
    if (envelope.correlation == id) {
      findings.correlated.push_back(describe(found, envelope));
      return;
    }
    const bool by_id = !is_private(found.topic) && envelope.id == id;
    if (!by_key && !by_id) return;
    if (envelope.correlation.empty()) {
      findings.uncorrelated.push_back(describe(found, envelope));
    } else {
      (by_id ? findings.of_event : findings.of_key).emplace(envelope.correlation);
    }
  }));
  return findings;
}

Error too_many(std::string_view id, const Names& correlations) {
  std::string message = "'" + escaped(id) + "' is the key of " +
                        std::to_string(correlations.size()) +
                        " business processes: name one of them, such as ";
  std::size_t named = 0;
  for (const std::string& correlation : correlations) {
    if (named == named_max) break;
    if (named++ > 0) message += ", ";
    message += escaped(correlation);
  }
  return {errc::invalid_argument, std::move(message)};
}

}  // namespace

Result<std::vector<StoryRecord>> collect_story(log::Log& log, std::string_view id,
                                               bool with_private) {
  if (id.empty()) return fail(errc::invalid_argument, "an empty id names nothing");
  const log::LogPosition bound = log.committed();
  MILLRACE_ASSIGN(Findings findings, look_for(log, id, with_private, bound));
  if (!findings.correlated.empty()) return std::move(findings.correlated);
  const Names& wanted = findings.of_event.empty() ? findings.of_key : findings.of_event;
  if (wanted.size() > processes_max) return fail(too_many(id, wanted));
  std::vector<StoryRecord> records = std::move(findings.uncorrelated);
  if (!wanted.empty()) {
    MILLRACE_TRY(scan(log, with_private, bound, [&](const FoundRecord& found) {
      const bool may = std::any_of(wanted.begin(), wanted.end(), [&](const std::string& one) {
        return may_carry(found.record.headers, one);
      });
      if (!may) return;
      const Envelope envelope = read_envelope(found.record.headers);
      if (wanted.contains(envelope.correlation)) records.push_back(describe(found, envelope));
    }));
  }
  if (records.empty()) {
    return fail(errc::not_found, "no record has '" + escaped(id) +
                                     "' as its correlation id, its id or its key (`millrace tail "
                                     "TOPIC --json` shows what there is)");
  }
  return records;
}

}  // namespace millrace::cli
