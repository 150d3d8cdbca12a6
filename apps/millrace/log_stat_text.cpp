// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "log_stat_text.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "json.hpp"
#include "millrace/base/json_writer.hpp"
#include "millrace/base/text.hpp"
#include "millrace/base/time_text.hpp"
#include "table.hpp"
#include "text.hpp"

namespace millrace::cli {
namespace {

using Time = std::optional<std::int64_t>;

std::string time_text(Time time_ms) { return time_ms ? format_time(*time_ms) : "-"; }

void write_time(JsonWriter& json, std::string_view name, Time time_ms) {
  if (time_ms) {
    json.field(name, format_time(*time_ms));
  } else {
    json.key(name).raw("null");
  }
}

void write_topic(JsonWriter& json, const log::TopicStat& topic) {
  json.begin_object()
      .field("name", topic.name)
      .field("settled_bytes", topic.settled_bytes)
      .key("partitions")
      .begin_array();
  for (std::size_t i = 0; i < topic.partitions.size(); ++i) {
    const log::PartitionStat& one = topic.partitions[i];
    json.begin_object()
        .field("partition", i)
        .field("first", one.start.value)
        .field("end", one.end.value)
        .field("settled", one.settled.value);
    write_time(json, "first_time", one.first_ms);
    write_time(json, "last_time", one.last_ms);
    json.end_object();
  }
  json.end_array().end_object();
}

void print_members(const log::LogStat& stat, Output& out) {
  if (!stat.members_unknown.empty()) {
    out.line("members      unknown: " + escaped(stat.members_unknown));
  }
  for (const log::MemberStat& member : stat.members) {
    out.line("member       " + escaped(member.name.empty() ? member.service : member.name) +
             ", process " + std::to_string(member.pid));
  }
}

void print_topics(const log::LogStat& stat, Output& out) {
  Table table({"TOPIC", "PARTITIONS", "OFFSETS", "SETTLED BYTES", "FIRST", "LAST"});
  for (const log::TopicStat& topic : stat.by_topic) {
    std::int64_t offsets = 0;
    Time first_ms;
    Time last_ms;
    for (const log::PartitionStat& one : topic.partitions) {
      offsets += one.end.value - one.start.value;
      first_ms =
          one.first_ms ? std::min(first_ms.value_or(*one.first_ms), *one.first_ms) : first_ms;
      last_ms = one.last_ms ? std::max(last_ms.value_or(*one.last_ms), *one.last_ms) : last_ms;
    }
    table.add({escaped(topic.name), std::to_string(topic.partitions.size()),
               std::to_string(offsets), std::to_string(topic.settled_bytes), time_text(first_ms),
               time_text(last_ms)});
  }
  if (!table.empty()) {
    table.print(out);
  }
}

}  // namespace

void print_stat(const log::LogStat& stat, Output& out) {
  const auto bytes = [&](const char* name, std::uint64_t count) {
    out.line(name + std::to_string(count) + " bytes");
  };
  out.line("format       " + std::to_string(stat.format));
  out.line("log id       " + hex_number(stat.log_id));
  out.line("incarnation  " + std::to_string(stat.incarnation));
  out.line("journal      " + std::to_string(stat.journal_bytes) + " bytes in " +
           counted(stat.segments, "segment") + " with room for " +
           std::to_string(stat.allocated_bytes));
  bytes("prepared     ", stat.prepared_bytes);
  out.line("unsettled    " +
           (stat.unsettled_bytes ? std::to_string(*stat.unsettled_bytes) + " bytes" : "unknown"));
  bytes("settled      ", stat.settled_bytes);
  bytes("ballast      ", stat.ballast_bytes);
  out.line("checkpoint   position " + std::to_string(stat.checkpoint) + ", " +
           counted(stat.topics, "topic"));
  print_members(stat, out);
  if (!stat.failed.empty()) {
    out.line("FAILED       " + escaped(stat.failed));
  }
  if (!stat.unreadable.empty()) {
    out.line("UNREADABLE   " + escaped(stat.unreadable));
  }
  print_topics(stat, out);
}

std::string stat_json(const log::LogStat& stat) {
  std::string line;
  JsonWriter json(line);
  json.begin_object()
      .field("format", stat.format)
      .field("log_id", hex_number(stat.log_id))
      .field("incarnation", stat.incarnation)
      .field("checkpoint", stat.checkpoint)
      .field("journal_bytes", stat.journal_bytes)
      .field("allocated_bytes", stat.allocated_bytes)
      .field("segments", stat.segments)
      .field("prepared_bytes", stat.prepared_bytes)
      .field("settled_bytes", stat.settled_bytes)
      .field("ballast_bytes", stat.ballast_bytes)
      .field("topics", stat.topics);
  if (stat.unsettled_bytes) {
    json.field("unsettled_bytes", *stat.unsettled_bytes);
  } else {
    json.key("unsettled_bytes").raw("null");
  }
  write_text(json, "members_unknown", stat.members_unknown);
  write_text(json, "failed", stat.failed);
  write_text(json, "unreadable", stat.unreadable);
  json.key("members").begin_array();
  for (const log::MemberStat& member : stat.members) {
    json.begin_object()
        .field("pid", member.pid)
        .field("name", member.name)
        .field("service", member.service)
        .end_object();
  }
  json.end_array().key("by_topic").begin_array();
  for (const log::TopicStat& topic : stat.by_topic) {
    write_topic(json, topic);
  }
  json.end_array();
  return json.end_object().take();
}

}  // namespace millrace::cli
