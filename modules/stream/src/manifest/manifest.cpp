// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/stream/manifest.hpp"

#include <algorithm>
#include <boost/describe/class.hpp>

#include "manifest/manifest_version.hpp"
#include "millrace/base/format_version.hpp"
#include "millrace/codec/describe.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/stream/instance.hpp"

namespace millrace::stream {

BOOST_DESCRIBE_STRUCT(Manifest::Store, (),
                      (name, kind, key, value, window, changelog, removed, values, was, version,
                       serde, key_serde))
BOOST_DESCRIBE_STRUCT(Manifest::Processor, (), (name, timers, was, version))
BOOST_DESCRIBE_STRUCT(Manifest::Part, (),
                      (number, name, state, partitions, sources, private_sinks, stores,
                       former_sources, former_sinks, processors))
BOOST_DESCRIBE_STRUCT(Manifest::Channel, (),
                      (topic, key, value, from, name, was, from_topic, key_serde, serde, envelope))
BOOST_DESCRIBE_STRUCT(Manifest, (), (version, revision, plan_version, parts, channels))

namespace {

constexpr std::string_view manifest_key = "manifest";
constexpr std::size_t fetch_bytes = 256U << 10U;
// Of some seconds each, on a cluster.
constexpr int waits_max = 5;

/// All that has the same meaning in every version.
struct Head {
  std::int64_t version = 0;
};
BOOST_DESCRIBE_STRUCT(Head, (), (version))

/// All that counts here of a topology's description.
struct Description {
  std::string service;
  Manifest manifest;
};
BOOST_DESCRIBE_STRUCT(Description, (), (service, manifest))

// The last record counts.
Result<std::optional<std::string>> last_value(log::Log& log, log::TopicPartition partition) {
  MILLRACE_ASSIGN(log::Offset next, log.start_offset(partition));
  MILLRACE_ASSIGN(const log::Offset end, log.end_offset(partition));
  std::optional<std::string> last;
  log::FetchBuffer buffer;
  while (next < end) {
    MILLRACE_TRY(log.fetch(partition, next, fetch_bytes, buffer));
    // Offsets need not be dense: nothing more below the end is the end.
    if (buffer.records.empty()) break;
    for (const log::RecordView& record : buffer.records) {
      if (record.value) last = std::string(*record.value);
    }
    next = buffer.next;
  }
  return last;
}

// end_offset() waits for what this handle committed, for a while.
Status wait_until_read(log::Log& log, const log::Topic& topic) {
  for (int attempt = 1;; ++attempt) {
    const Result<log::Offset> end = log.end_offset({topic.id, log::partition(0)});
    if (end) return {};
    if (end.error().is(log::errc::unavailable) && attempt < waits_max) continue;
    return fail(end.error().code(),
                "topic {}: the change is written, but readers do not see it yet: {}",
                topic.spec.name, end.error().message());
  }
}

// Readers of version 4 take the bytes of every serde for those of the default.
bool names_serde(const Manifest& manifest) {
  const auto in_part = [](const Manifest::Part& part) {
    return std::any_of(part.stores.begin(), part.stores.end(),
                       [](const Manifest::Store& store) { return store.serde || store.key_serde; });
  };
  return std::any_of(manifest.parts.begin(), manifest.parts.end(), in_part) ||
         std::any_of(manifest.channels.begin(), manifest.channels.end(),
                     [](const Manifest::Channel& channel) {
                       return channel.key_serde || channel.serde || channel.envelope;
                     });
}

}  // namespace

std::int64_t version_of(const Manifest& manifest) {
  if (names_serde(manifest)) return 5;
  // Readers of version 3 take an offset of a topic that was deleted for one of that with its name.
  if (std::any_of(manifest.channels.begin(), manifest.channels.end(),
                  [](const Manifest::Channel& channel) { return channel.from_topic; }))
    return 4;
  std::int64_t version = 1;
  // Readers of version 2 take a name of before for another store, and pass over a version.
  const auto has_history = [](const auto& one) { return one.was || one.version; };
  for (const Manifest::Part& part : manifest.parts) {
    for (const Manifest::Store& store : part.stores) {
      if (has_history(store)) return 3;
      // Readers of version 1 take all values for one type.
      if (store.values) version = 2;
    }
    if (part.processors && std::any_of(part.processors->begin(), part.processors->end(),
                                       [&](const Manifest::Processor& processor) {
                                         return processor.timers || has_history(processor);
                                       }))
      return 3;
  }
  for (const Manifest::Channel& channel : manifest.channels) {
    if (channel.name || channel.was) version = std::max<std::int64_t>(version, 3);
  }
  return version;
}

std::string to_json(const Manifest& manifest) { return codec::to_json(manifest); }

Result<DescribedTopology> read_description(std::string_view json) {
  auto described = codec::from_json<Description>(json);
  if (!described)
    return fail(millrace::errc::invalid_argument,
                "{}; expected is what `SERVICE --describe json` prints",
                described.error().message());
  if (described->manifest.version > manifest_version)
    return fail(errc::incompatible,
                newer_format("", "the manifest of the description",
                             static_cast<std::uint64_t>(described->manifest.version),
                             static_cast<std::uint64_t>(manifest_version)));
  return DescribedTopology{std::move(described->service), std::move(described->manifest)};
}

Result<Manifest> parse_manifest(std::string_view json) {
  MILLRACE_ASSIGN(const Head head, codec::from_json<Head>(json));
  if (head.version > manifest_version)
    return fail(errc::incompatible,
                newer_format("", "the manifest", static_cast<std::uint64_t>(head.version),
                             static_cast<std::uint64_t>(manifest_version)));
  return codec::from_json<Manifest>(json);
}

std::string manifest_topic(std::string_view service) { return std::string(service) + ".manifest"; }

Result<std::optional<Manifest>> read_manifest(log::Log& log, std::string_view service) {
  const std::string name = manifest_topic(service);
  const Result<log::Topic> topic = log.find_topic(name);
  if (!topic) {
    if (topic.error().is(log::errc::unknown_topic)) return std::optional<Manifest>{};
    return fail(topic.error());
  }
  MILLRACE_ASSIGN(const auto bytes, last_value(log, {topic->id, log::partition(0)}));
  if (!bytes) return std::optional<Manifest>{};
  Result<Manifest> manifest = parse_manifest(*bytes);
  if (!manifest)
    return fail(manifest.error().code(), "topic {}: {}", name, manifest.error().message());
  return std::optional(*std::move(manifest));
}

Result<bool> write_manifest(log::Log& log, std::string_view service, const Manifest& manifest,
                            log::Transaction transaction) {
  MILLRACE_ASSIGN(const log::Topic topic,
                  log.create_topic({manifest_topic(service), 1, log::TopicKind::private_topic,
                                    std::string(service)},
                                   log::compacted()));
  const std::string bytes = to_json(manifest);
  transaction.append({topic.id, log::partition(0)}, log::Record{0, manifest_key, bytes, {}});
  // One writer: of all that saw the same revision the first one's is written.
  transaction.set_sequence(topic.spec.name, manifest.revision);
  Result<log::Committed> committed = log.commit(transaction);
  if (committed) {
    // The instance that starts next reads what the log shows, and would work with what was given
    // up.
    MILLRACE_TRY(wait_until_read(log, topic));
    return !committed->repeated;
  }
  MILLRACE_ASSIGN(const auto found, read_manifest(log, service));
  if (found && to_json(*found) == bytes) return true;
  if (found && found->revision >= manifest.revision) return false;
  return fail(committed.error().code(), "topic {}: {}", topic.spec.name,
              committed.error().message());
}

}  // namespace millrace::stream
