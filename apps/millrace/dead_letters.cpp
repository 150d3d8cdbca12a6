// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "dead_letters.hpp"

#include <algorithm>

#include "merged_reader.hpp"
#include "millrace/base/clock.hpp"
#include "millrace/base/format_version.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/stream/manifest.hpp"
#include "names.hpp"

namespace millrace::cli {

namespace {

constexpr std::int64_t longest_wait_for_readers_ns = 10'000'000'000;

constexpr std::uint64_t dead_letter_version = 1;
constexpr std::string_view origin_headers[] = {"dl-topic", "dl-partition", "dl-offset",
                                               "dl-sub-topology", "dl-attempts"};

// A header of the record itself goes back: its own `dl-*` headers under the name that they have in
// the letter, which the task undoes.
bool goes_back(std::string_view name) {
  return !name.starts_with("dl-") || name.starts_with(foreign_header_prefix) ||
         std::find(std::begin(origin_headers), std::end(origin_headers), name) !=
             std::end(origin_headers);
}

std::string name_of(const FoundRecord& found) {
  return record_name(found.topic.spec.name, found.partition.value, found.record.offset.value);
}

Result<std::vector<MergedReader::Start>> all_of(log::Log& log, const log::Topic& topic) {
  std::vector<log::TopicPartition> partitions;
  for (std::int32_t p = 0; p < topic.spec.partitions; ++p)
    partitions.push_back({topic.id, log::partition(p)});
  MILLRACE_ASSIGN(const std::vector<log::Offset> firsts, log.start_offsets(partitions));
  MILLRACE_ASSIGN(const std::vector<log::Offset> ends, log.end_offsets(partitions));
  std::vector<MergedReader::Start> starts;
  for (std::size_t i = 0; i < partitions.size(); ++i)
    starts.push_back({&topic, partitions[i].partition, firsts[i], ends[i]});
  return starts;
}

// The right to replay, exclusive among all who look at the log.
class ReplayClaim {
 public:
  static Result<ReplayClaim> take(log::Log& log, const std::string& service) {
    MILLRACE_ASSIGN(const log::GroupId group, log.group(service + ".replay"));
    MILLRACE_ASSIGN(auto membership, log.join(group, {"replay"}));
    MILLRACE_ASSIGN(const log::MembershipChange change, membership->poll());
    if (change.granted.empty()) {
      return fail(errc::busy, "somebody else replays dead letters of '" + service +
                                  "' now: try again when that is done");
    }
    return ReplayClaim(std::move(membership), change.granted.front());
  }
  [[nodiscard]] const log::Claim& claim() const { return claim_; }
  /// Keeps it while there is much to do.
  [[nodiscard]] Status keep(log::Log& log) {
    MILLRACE_TRY(log.maintain());
    MILLRACE_ASSIGN(const log::MembershipChange change, membership_->poll());
    static_cast<void>(change);  // a lost claim refuses the next commit, by name
    return {};
  }

 private:
  ReplayClaim(std::unique_ptr<log::Membership> membership, log::Claim claim)
      : membership_(std::move(membership)), claim_(std::move(claim)) {}
  std::unique_ptr<log::Membership> membership_;
  log::Claim claim_;
};

// A dead letter as it goes back: it has to outlive the buffer it was read from.
struct Letter {
  std::string name;
  log::PartitionId partition;
  std::int64_t timestamp_ms = 0;
  std::optional<std::string> key;
  std::optional<std::string> value;
  log::HeadersBuilder headers;
  std::string replay;  // the earlier one; empty: none
};

// A dead letter of a later version may say in other headers where it belongs.
Status check_version(const FoundRecord& found) {
  const auto newer = newer_version(found.record.headers.find("dl-version"), dead_letter_version);
  if (!newer) return {};
  return fail(log::errc::incompatible,
              newer_format(name_of(found), "the dead letter", *newer, dead_letter_version));
}

// A letter that did not fit says what was left out: sent back as it is, it would be another record.
Status check_whole(const FoundRecord& found, const ReplayOptions& options) {
  const auto omitted = found.record.headers.find("dl-omitted");
  if (!omitted || (options.value && *omitted == "value")) return {};
  const DeadLetterHeaders why = read_dead_letter(found.record.headers);
  return fail(errc::invalid_argument,
              name_of(found) + ": the dead letter is not the whole record (left out: " +
                  escaped(*omitted) + "), so it cannot be replayed" +
                  (*omitted == "value" ? " without --value; " : "; ") + "the record is at " +
                  escaped(why.topic) + "/" + escaped(why.partition) + "@" + escaped(why.offset));
}

// A task reads the partition of the retry topic that has its own number. So a part of the service
// whose inputs have more partitions than the retry topic takes no replays.
Result<log::PartitionId> retry_partition(log::Log& log, const FoundRecord& found,
                                         const log::Topic& retry) {
  const DeadLetterHeaders why = read_dead_letter(found.record.headers);
  const auto refused = [&](const std::string& reason) {
    return fail(errc::invalid_argument, name_of(found) + " cannot be replayed: " + reason);
  };
  const auto source = log.find_topic(why.topic);
  if (!source && !source.error().is(log::errc::unknown_topic)) return fail(source.error());
  if (!source) {
    return refused("there is no topic '" + escaped(why.topic) + "', from which it came");
  }
  if (source->spec.partitions > retry.spec.partitions) {
    return refused(
        "its topic '" + escaped(why.topic) + "' has " + std::to_string(source->spec.partitions) +
        " partitions and '" + retry.spec.name + "' has " + std::to_string(retry.spec.partitions) +
        ", so that no task reads it there; write its value to '" + escaped(why.topic) + "' again");
  }
  const auto partition = parse_integer(why.partition);
  if (!partition || *partition < 0 || *partition >= source->spec.partitions) {
    return refused("topic '" + escaped(why.topic) + "' has no partition '" +
                   escaped(why.partition) + "', from which it came");
  }
  return log::partition(static_cast<std::int32_t>(*partition));
}

// A part that was given up or is not in the topology takes nothing, and one takes only what it
// reads. Without a manifest nothing is known of parts.
Status check_part(log::Log& log, const FoundRecord& found, const std::string& service,
                  const std::optional<stream::Manifest>& manifest) {
  if (!manifest) return {};
  const auto name = found.record.headers.find("dl-sub-topology");
  const std::string_view source = read_dead_letter(found.record.headers).topic;
  const std::string topic = escaped(source);
  const auto refuse = [&](const std::string& reason) {
    const auto known = log.find_topic(source);
    const bool by_hand = !known || !is_private(*known);  // nobody writes the binary form
    return fail(errc::invalid_argument,
                name_of(found) + " cannot be replayed: " + reason +
                    (by_hand ? "; write its value to '" + topic + "' again" : ""));
  };
  if (!name) return refuse("it names no part of service '" + service + "' (dl-sub-topology)");
  const auto refused = [&](const std::string& reason) {
    return refuse("part '" + escaped(*name) + "' of service '" + service + "' " + reason);
  };
  const auto part =
      std::find_if(manifest->parts.begin(), manifest->parts.end(),
                   [&](const stream::Manifest::Part& one) { return one.name == *name; });
  if (part == manifest->parts.end()) return refused("is not known");
  if (part->state != "live")
    return refused("is not in the topology any more (" + part->state + ")");
  const auto& sources = part->sources;
  if (std::find(sources.begin(), sources.end(), source) == sources.end())
    return refused("does not read '" + topic + "' any more");
  // Such a store is rebuilt from its topic alone.
  const bool is_table = std::any_of(
      part->stores.begin(), part->stores.end(), [&](const stream::Manifest::Store& store) {
        return store.kind == "table" && !store.removed && store.changelog == source;
      });
  if (is_table) return refused("keeps '" + topic + "' as a table");
  return {};
}

Letter letter_of(const FoundRecord& found, log::PartitionId partition) {
  Letter letter;
  letter.name = name_of(found);
  const log::RecordView& record = found.record;
  // A letter whose own time the log refused names it in a header.
  const auto first_time = parse_integer(record.headers.find("dl-timestamp").value_or(""));
  letter.timestamp_ms = first_time.value_or(record.timestamp_ms);
  if (record.key) letter.key = *record.key;
  if (record.value) letter.value = *record.value;
  std::string_view cursor = record.headers.encoded();
  log::HeaderView header;
  while (log::HeadersView::next(cursor, header)) {
    if (goes_back(header.key)) letter.headers.add(header.key, header.value);
  }
  letter.headers.add("dl-replay-of", letter.name);
  letter.partition = partition;
  return letter;
}

Result<std::vector<Letter>> collect(log::Log& log, const std::string& service,
                                    const log::Topic& topic, const log::Topic& retry,
                                    const ReplayOptions& options, const Replays& replays,
                                    const ReplaySink& sink) {
  MILLRACE_ASSIGN(const auto manifest, stream::read_manifest(log, service));
  std::vector<Letter> letters;
  Status readable;
  const auto take = [&](const FoundRecord& found) {
    if (!readable) return;
    readable = check_version(found);
    if (readable) readable = check_whole(found, options);
    if (!readable) return;
    const Status part = check_part(log, found, service, manifest);
    if (!part && options.all) return sink({name_of(found), "", false, part.error().message()});
    readable = part;
    if (!readable) return;
    const auto partition = retry_partition(log, found, retry);
    if (!partition) {
      readable = fail(partition.error());
      return;
    }
    letters.push_back(letter_of(found, *partition));
    if (const Replay* const earlier = replay_of(found, replays))
      letters.back().replay = earlier->name;
  };
  if (options.all) {
    MILLRACE_TRY(for_each_dead_letter(log, topic, [&](const FoundRecord& found) {
      if (!options.again && replay_of(found, replays) != nullptr) return;
      take(found);
    }));
  } else {
    for (const PartitionOffset& letter : options.letters)
      MILLRACE_TRY(with_record(log, topic, letter, take));
  }
  MILLRACE_TRY(readable);
  return letters;
}

Result<log::Committed> send(log::Log& log, const log::Topic& retry, const Letter& letter,
                            const log::Claim& claim) {
  log::Transaction transaction;
  transaction.require(claim);
  transaction.append({retry.id, letter.partition},
                     {letter.timestamp_ms, letter.key, letter.value, letter.headers.view()});
  return log.commit(transaction);
}

}  // namespace

std::string service_of(std::string_view service_or_topic) {
  if (stream::is_dead_letters(service_or_topic)) {
    service_or_topic.remove_suffix(stream::dead_letters_suffix.size());
  }
  return std::string(service_or_topic);
}

Result<log::Topic> dead_letters_topic(log::Log& log, const std::string& service) {
  Result<log::Topic> found = log.find_topic(service + std::string(stream::dead_letters_suffix));
  if (found || !found.error().is(log::errc::unknown_topic)) return found;
  std::vector<std::string> services;
  MILLRACE_ASSIGN(const auto topics, sorted_topics(log, false));
  for (const log::Topic& topic : topics) {
    if (stream::is_dead_letters(topic.spec.name)) services.push_back(service_of(topic.spec.name));
  }
  return fail(errc::not_found, unknown_name("service with dead letters", service, services));
}

Status for_each_dead_letter(log::Log& log, const log::Topic& topic,
                            const std::function<void(const FoundRecord&)>& visit) {
  MILLRACE_ASSIGN(const auto starts, all_of(log, topic));
  return MergedReader(log, starts).read([&](const FoundRecord& found) {
    visit(found);
    return true;
  });
}

Status with_record(log::Log& log, const log::Topic& topic, PartitionOffset at,
                   const std::function<void(const FoundRecord&)>& visit) {
  const log::TopicPartition partition{topic.id, log::partition(at.partition)};
  const auto missing = [&] {
    return fail(errc::not_found,
                "there is no record " + record_name(topic.spec.name, at.partition, at.offset));
  };
  if (at.partition >= topic.spec.partitions) return missing();
  MILLRACE_ASSIGN(const log::Offset start, log.start_offset(partition));
  MILLRACE_ASSIGN(const log::Offset end, log.end_offset(partition));
  const log::Offset wanted = log::offset(at.offset);
  if (wanted < start || wanted >= end) return missing();
  log::FetchBuffer buffer;
  MILLRACE_TRY(log.fetch(partition, wanted, 1, buffer));
  if (buffer.records.empty() || buffer.records.front().offset != wanted) return missing();
  visit({topic, partition.partition, buffer.batches.front().position, buffer.records.front()});
  return {};
}

Result<Replays> find_replays(log::Log& log, const std::string& service) {
  Replays replays;
  const auto retry = log.find_topic(service + std::string(stream::retry_suffix));
  if (!retry && retry.error().is(log::errc::unknown_topic)) return replays;
  if (!retry) return fail(retry.error());
  MILLRACE_TRY(for_each_dead_letter(log, *retry, [&](const FoundRecord& found) {
    const auto of = found.record.headers.find("dl-replay-of");
    if (of) replays.insert_or_assign(std::string(*of), Replay{name_of(found), found.position});
  }));
  return replays;
}

const Replay* replay_of(const FoundRecord& letter, const Replays& replays) {
  const auto found = replays.find(name_of(letter));
  if (found == replays.end() || found->second.position.position < letter.position.position)
    return nullptr;
  return &found->second;
}

Status replay_dead_letters(log::Log& log, const std::string& service, const ReplayOptions& options,
                           const ReplaySink& sink) {
  if (options.value && (options.all || options.letters.size() != 1)) {
    return fail(errc::invalid_argument, "another value is for one dead letter: name one LETTER");
  }
  MILLRACE_ASSIGN(const log::Topic topic, dead_letters_topic(log, service));
  const auto retry = log.find_topic(service + std::string(stream::retry_suffix));
  if (!retry) return fail(retry.error().at("replay"));
  MILLRACE_ASSIGN(ReplayClaim claim, ReplayClaim::take(log, service));
  MILLRACE_ASSIGN(const Replays replays, find_replays(log, service));
  MILLRACE_ASSIGN(std::vector<Letter> letters,
                  collect(log, service, topic, *retry, options, replays, sink));
  log::LogPosition last;
  for (Letter& letter : letters) {
    if (!letter.replay.empty() && !options.again) {
      sink({letter.name, letter.replay, true});
      continue;
    }
    if (options.value) letter.value = *options.value;
    if (options.dry_run) {
      sink({letter.name, "", false});
      continue;
    }
    MILLRACE_TRY(claim.keep(log));
    MILLRACE_ASSIGN(const log::Committed done, send(log, *retry, letter, claim.claim()));
    last = done.position;
    const std::int64_t offset = done.partitions.front().first.value;
    sink({letter.name, record_name(retry->spec.name, letter.partition.value, offset), false});
    // The claim goes with this command: the next one must find the letter, or would send it again.
    if (const Status seen =
            log.wait_visible(done, real_clock().monotonic_ns() + longest_wait_for_readers_ns);
        !seen) {
      return fail(
          seen.error().at("the dead letter " + letter.name +
                          " is replayed; until that can be read another replay repeats it"));
    }
  }
  return last == log::LogPosition{} ? Status{} : log.wait_durable(last);
}

}  // namespace millrace::cli
