// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/error.hpp"
#include "millrace/log/log.hpp"

namespace millrace::stream {

/// What a service's topology has in a log: the names of its groups, tasks and changelogs, given
/// once, and what its stores hold. Kept in the topic `<service>.manifest`;
/// docs/formats/manifest.md.
struct Manifest {
  struct Store {
    std::string name;
    std::string kind;       ///< `key-value`, `window`, or `table`: read from the topic `changelog`
    std::string key;        ///< as codec::to_text(TypeShape)
    std::string value;      ///< the same
    std::string window;     ///< `tumbling 60000 ms`; empty: none
    std::string changelog;  ///< topic
    bool removed = false;   ///< no longer in the topology; the changelog is still there
    /// Types of the values that the changelog may hold, `value` among them, by the number in their
    /// records, from 1; none: `value` alone.
    std::optional<std::vector<std::string>> values;
    /// Names in earlier builds; no value: none.
    std::optional<std::vector<std::string>> was;
    std::optional<std::int64_t> version;  ///< raised by the author; no value: 1
    /// Of values; no value: `binary`. Of a table: `key -> avro, cloud_events`, that of its topic;
    /// no value: the default of the topic.
    std::optional<std::string> serde{};
    /// Of the keys of the inputs, which choose the partition of an entry; no value: `key`, or a
    /// table.
    std::optional<std::string> key_serde{};
  };
  /// A processor of the user's own.
  struct Processor {
    std::string name;
    /// In place of `name` in the names of its timers, given once; no value: `name`.
    std::optional<std::string> timers;
    std::optional<std::vector<std::string>> was;  ///< names in earlier builds; no value: none
    std::optional<std::int64_t> version;          ///< raised by the author; no value: 1
    bool operator==(const Processor&) const = default;
  };
  /// A sub-topology.
  struct Part {
    std::int64_t number = 0;  ///< given once, from 1
    std::string name;   ///< given once: of the group `<service>/<name>`, of tasks and of the topic
                        ///< `<service>.<name>.system.changelog`
    std::string state;  ///< `live`; `removed`: not in the topology, continued when it comes back;
                        ///< `reset`: never continued
    std::int32_t partitions = 0;  ///< 0: as many as its input has
    std::vector<std::string> sources;
    /// Topics that it writes and parts of this topology may read: private ones, and events of the
    /// service that the topology reads itself.
    std::vector<std::string> private_sinks;
    std::vector<Store> stores;
    /// Read by an earlier build, so that the state has them; no value: none.
    std::optional<std::vector<std::string>> former_sources;
    /// `private_sinks` of an earlier build, without those of this one; no value: none.
    std::optional<std::vector<std::string>> former_sinks;
    /// No value: none, or written by a build that did not list them.
    std::optional<std::vector<Processor>> processors;
  };
  /// A topic between parts.
  struct Channel {
    std::string topic;
    std::string key;  ///< both types are empty where values are JSON, and after a reset
    std::string value;
    std::vector<std::int64_t> from;  ///< by partition: parts that are new begin there; empty: at 0
    /// What the build calls the topic; no value: `topic`, which was given once.
    std::optional<std::string> name;
    std::optional<std::vector<std::string>> was;  ///< what earlier builds called it; no value: none
    /// log::stored_topic_id() of the topic that `from` is about: one that was created again under
    /// the name begins at 0. No value: none.
    std::optional<std::uint64_t> from_topic{};
    // No value: the default of its kind of topic.
    std::optional<std::string> key_serde{};
    std::optional<std::string> serde{};  ///< of values
    std::optional<std::string> envelope{};
  };

  std::int64_t version = 0;
  std::int64_t revision = 0;      ///< rises by one with each change
  std::int64_t plan_version = 0;  ///< how the library cut the topology into parts
  std::vector<Part> parts;
  std::vector<Channel> channels;
};

/// As it stands in its topic: one JSON object.
[[nodiscard]] std::string to_json(const Manifest& manifest);

/// Reads that. errc::incompatible when a newer build wrote it, codec's errc when it is malformed.
[[nodiscard]] Result<Manifest> parse_manifest(std::string_view json);

/// What a description of a build says of its manifest, were the log empty.
struct DescribedTopology {
  std::string service;
  Manifest manifest;
};
/// Reads what Topology::describe("json") wrote. base's errc::invalid_argument when it is something
/// else, or of a build that described no manifest.
[[nodiscard]] Result<DescribedTopology> read_description(std::string_view json);

/// Name of the topic that holds it.
[[nodiscard]] std::string manifest_topic(std::string_view service);

/// Reads the manifest of a service; no value when the log has none. errc::incompatible when a newer
/// build wrote it, codec's errc when it is malformed, else failures of the log.
[[nodiscard]] Result<std::optional<Manifest>> read_manifest(log::Log& log,
                                                            std::string_view service);

/// Writes `manifest` as the successor of the revision before its own, by a handle of that service,
/// together with what `transaction` holds. False when somebody else wrote that revision first: read
/// it again. When it returns, every reader sees it. Makes the topic when there is none. Failures of
/// the log; after errc::unavailable of log and errc::outcome_unknown it may be written all the
/// same.
[[nodiscard]] Result<bool> write_manifest(log::Log& log, std::string_view service,
                                          const Manifest& manifest, log::Transaction transaction);

namespace errc {
/// This build of the service has another topology than the build that wrote its state, and cannot
/// continue with that state: it would misread or lose some of it, or count records twice. Nothing
/// was changed. Remedy: the message lists the differences, and says for a rename or another version
/// what to add to the program. When parts were merged or split, stop all instances and run
/// `SERVICE --describe json | millrace topology migrate -`: the parts keep their state. In other
/// cases choose one of three. Undo the change. Or give a new name to what changed. Or stop all
/// instances and run `millrace topology reset SERVICE --store NAME`: the next start computes the
/// part from its inputs, and publishes its output again. `millrace topology show SERVICE` prints
/// the topology that the log has.
inline constexpr ErrorCode topology_changed{"stream.topology_changed"};
}  // namespace errc

}  // namespace millrace::stream
