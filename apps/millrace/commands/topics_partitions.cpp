// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <algorithm>
#include <set>
#include <string>

#include "commands/commands.hpp"
#include "millrace/log/backend/rules.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log/find_key.hpp"
#include "millrace/stream/manifest.hpp"
#include "millrace/stream/service_topics.hpp"
#include "text.hpp"

namespace millrace::cli {

namespace {

// Dead letters and their replays have keys, and are sent to a partition by its number.
bool goes_by_number(const log::TopicSpec& spec) {
  return spec.name == spec.owner + std::string(stream::retry_suffix) ||
         spec.name == spec.owner + std::string(stream::dead_letters_suffix);
}

bool reads(const stream::Manifest::Part& part, const std::string& topic) {
  return part.state == "live" &&
         std::find(part.sources.begin(), part.sources.end(), topic) != part.sources.end();
}

// A part that reads a topic of its own service has the tasks that the topology declares for all of
// them, and private topics with as many partitions, which stay as they are. `forced`: other
// services are passed over.
Status check_tasks(log::Log& log, const log::Topic& topic, std::int32_t total, bool forced) {
  MILLRACE_ASSIGN(const auto topics, log.topics());
  for (const log::Topic& one : topics) {
    const std::string& service = one.spec.owner;
    if (one.spec.name != stream::manifest_topic(service)) continue;
    if (forced && service != topic.spec.owner) continue;
    MILLRACE_ASSIGN(const auto manifest, stream::read_manifest(log, service));
    if (!manifest) continue;
    for (const stream::Manifest::Part& part : manifest->parts) {
      if (part.partitions == 0 || !reads(part, topic.spec.name)) continue;
      return fail(errc::invalid_argument,
                  "topic '" + escaped(topic.spec.name) + "' gets no partitions: part '" +
                      escaped(part.name) + "' of service '" + escaped(service) +
                      "' reads it together with topics of this service, so it has " +
                      counted(static_cast<std::size_t>(part.partitions), "task") +
                      ", as its topology declares, and would not start again; create a topic of "
                      "another name with " +
                      counted(static_cast<std::size_t>(total), "partition") +
                      (service == topic.spec.owner ? "" : ", or say --force"));
    }
  }
  return {};
}

// Why equal keys have to stay in one partition, as ` (...)`; empty when nothing shows that.
Result<std::string> shown_keys(log::Log& log, const log::Topic& topic) {
  MILLRACE_ASSIGN(const log::TopicSettings settings, log.topic_settings(topic.id));
  if (settings.compacts) return std::string(" (it is compacted)");
  MILLRACE_ASSIGN(const auto keyed, log::find_key(log, topic));
  if (!keyed) return std::string();
  return " (" + escaped(topic.spec.name) + "-" + std::to_string(keyed->partition.partition.value) +
         ":" + std::to_string(keyed->offset.value) + " has one)";
}

Status check_keys(log::Log& log, const log::Topic& topic, std::int32_t total) {
  MILLRACE_ASSIGN(const std::string keys, shown_keys(log, topic));
  if (keys.empty()) return {};
  return fail(errc::invalid_argument,
              "topic '" + escaped(topic.spec.name) +
                  "' gets no partitions, because its records have keys" + keys +
                  ": later records of a key would be in another partition than earlier ones, and "
                  "tables and tasks would work with wrong state; create a topic of another name "
                  "with " +
                  counted(static_cast<std::size_t>(total), "partition") + ", or say --force");
}

Result<bool> is_empty(log::Log& log, const log::Topic& topic) {
  for (std::int32_t p = 0; p < topic.spec.partitions; ++p) {
    MILLRACE_ASSIGN(const log::Offset end, log.end_offset({topic.id, log::partition(p)}));
    if (end.value > 0) return false;
  }
  return true;
}

// What a service that reads the topic has to do.
Status print_readers(log::Log& log, const log::Topic& topic, Output& out) {
  MILLRACE_ASSIGN(const auto readers, readers_of(log, topic));
  if (readers.empty() || goes_by_number(topic.spec)) return {};
  std::string names;
  std::set<std::string> services;
  for (const std::string& reader : readers) {
    names.append(names.empty() ? "" : ", ").append(escaped(reader));
    services.insert(reader.substr(0, reader.find('/')));
  }
  out.line("read by " + names +
           ": a service that keeps state for as many tasks as before starts again after `millrace "
           "topology reset`");
  for (const std::string& service : services) {
    const auto retry = log.find_topic(service + std::string(stream::retry_suffix));
    if (!retry || retry->spec.partitions >= topic.spec.partitions) continue;
    out.line("its parts take no replays of dead letters before `millrace topics alter " +
             escaped(retry->spec.name) + " --partitions " + std::to_string(topic.spec.partitions) +
             "`");
  }
  return {};
}

}  // namespace

Status check_more_partitions(log::Log& log, const log::Topic& topic,
                             const AlterTopicOptions& options, const TopicNotInUse& not_in_use) {
  MILLRACE_TRY(log::check_add_partitions(topic.spec, options.partitions, log.options().service));
  if (options.partitions == topic.spec.partitions) return {};
  MILLRACE_TRY(check_tasks(log, topic, options.partitions, options.force));
  if (!options.force && !goes_by_number(topic.spec))
    MILLRACE_TRY(check_keys(log, topic, options.partitions));
  return options.in_use ? Status{} : not_in_use(topic);
}

Status print_more_partitions(log::Log& log, const log::Topic& before, const log::Topic& now,
                             Output& out) {
  const bool as_before = before.spec.partitions == now.spec.partitions;
  out.line("topic '" + escaped(now.spec.name) + "' has " +
           counted(static_cast<std::size_t>(now.spec.partitions), "partition") +
           (as_before ? ", as before" : " now, before " + std::to_string(before.spec.partitions)));
  if (as_before) return {};
  MILLRACE_ASSIGN(const bool empty, is_empty(log, before));
  if (empty) out.line("it has had no records, so nothing shows whether they will have keys");
  return print_readers(log, now, out);
}

}  // namespace millrace::cli
