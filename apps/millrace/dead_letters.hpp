// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/error.hpp"
#include "millrace/log/log.hpp"
#include "record_text.hpp"
#include "text.hpp"

namespace millrace::cli {

/// Name of the service whose dead letters are meant, of `orders` or `orders.dead-letters`.
[[nodiscard]] std::string service_of(std::string_view service_or_topic);
/// `<service>.dead-letters`. errc::not_found names the services that have some.
[[nodiscard]] Result<log::Topic> dead_letters_topic(log::Log& log, const std::string& service);

/// Visits all dead letters in a topic in commit order.
[[nodiscard]] Status for_each_dead_letter(log::Log& log, const log::Topic& topic,
                                          const std::function<void(const FoundRecord&)>& visit);
/// Calls `visit` with one record. errc::not_found when the topic has none there.
[[nodiscard]] Status with_record(log::Log& log, const log::Topic& topic, PartitionOffset at,
                                 const std::function<void(const FoundRecord&)>& visit);

/// A record in the retry topic.
struct Replay {
  std::string name;           ///< `topic-partition:offset`
  log::LogPosition position;  ///< of its commit
};
/// Replays of a service by the name of the dead letter; the last one if replayed again.
using Replays = std::map<std::string, Replay, std::less<>>;
[[nodiscard]] Result<Replays> find_replays(log::Log& log, const std::string& service);
/// The replay of that dead letter, null when there is none: one before the letter is of another
/// letter with its name, from a topic that was deleted since.
[[nodiscard]] const Replay* replay_of(const FoundRecord& letter, const Replays& replays);

struct ReplayOptions {
  std::vector<PartitionOffset> letters;  ///< in the dead-letter topic; ignored with `all`
  bool all = false;                      ///< all that were not replayed yet
  bool again = false;                    ///< also what was replayed
  bool dry_run = false;                  ///< tell, but write nothing
  std::optional<std::string> value;      ///< instead of the original, of one letter
};

/// What became of one dead letter.
struct ReplayOutcome {
  std::string dead_letter;
  std::string retry;          ///< position in the retry topic; empty on a dry run
  bool was_replayed = false;  ///< earlier: nothing was written
  /// With `all`: why it stays where it is, as no part of the service takes it; else empty.
  std::string left_out = {};
};
using ReplaySink = std::function<void(const ReplayOutcome&)>;

/// Sends dead letters to the service's retry topic: the original key, value and headers, with those
/// `dl-*` that say where the record belongs (docs/formats/dead_letter.md) and `dl-replay-of`, the
/// position of the dead letter. Each is replayed once, even if several processes call this at a
/// time: it runs under the claim on task `replay` of group `<service>.replay`, under which it looks
/// into the retry topic first. (A producer sequence would not do: it must rise, but a person picks
/// old letters after new ones; and a producer for each letter would fill the log's table.) A letter
/// whose part is not in the topology any more, or does not read its topic any more, is refused, or
/// left out of `all`. Returns when the replays are durable. errc::busy when somebody else replays;
/// errc::not_found; errc::invalid_argument.
[[nodiscard]] Status replay_dead_letters(log::Log& log, const std::string& service,
                                         const ReplayOptions& options, const ReplaySink& sink);

}  // namespace millrace::cli
