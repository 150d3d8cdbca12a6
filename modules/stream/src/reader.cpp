// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/stream/reader.hpp"

#include "millrace/log/errors.hpp"
#include "names.hpp"
#include "runtime/source_reader.hpp"

namespace millrace::stream::detail {

namespace {

using OnRemoved = log::RecordReader::OnRemoved;

/// What a topic has, partition by partition.
struct Extent {
  log::Topic topic;
  std::vector<log::TopicPartition> partitions;
  std::vector<log::Offset> starts;
  std::vector<log::Offset> ends;
};

Result<Extent> find_extent(log::Log& log, std::string_view name) {
  Extent extent;
  MILLRACE_ASSIGN(extent.topic, log.find_topic(name));
  for (std::int32_t number = 0; number < extent.topic.spec.partitions; ++number)
    extent.partitions.push_back({extent.topic.id, log::partition(number)});
  MILLRACE_ASSIGN(extent.starts, log.start_offsets(extent.partitions));
  MILLRACE_ASSIGN(extent.ends, log.end_offsets(extent.partitions));
  return extent;
}

/// Where reading begins in each partition, by the options alone.
Result<std::vector<log::Offset>> first_offsets(log::Log& log, const Extent& extent,
                                               const ReadFrom& from) {
  switch (from.kind()) {
    case ReadFrom::Kind::beginning:
      return extent.starts;
    case ReadFrom::Kind::end:
      return extent.ends;
    case ReadFrom::Kind::offsets:
      if (from.offsets().size() == extent.partitions.size()) return from.offsets();
      return fail(millrace::errc::invalid_argument,
                  "topic {} has {} partitions, and {} offsets were given: give one for each",
                  extent.topic.spec.name, extent.partitions.size(), from.offsets().size());
    case ReadFrom::Kind::position: {
      MILLRACE_TRY(log::check_position(log, extent.topic, from.position()));
      std::vector<log::Offset> offsets = from.position().offsets;
      for (std::size_t added = offsets.size(); added < extent.starts.size(); ++added)
        offsets.push_back(extent.starts[added]);
      return offsets;
    }
    case ReadFrom::Kind::time:
      break;
  }
  MILLRACE_ASSIGN(const auto found, log.find_times(extent.partitions, from.time_ms()));
  std::vector<log::Offset> offsets = extent.ends;
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (found[i]) offsets[i] = *found[i];
  }
  return offsets;
}

/// The positions of the group; none for a handle that cannot make a group that is not there.
Result<std::vector<std::optional<log::Offset>>> positions_of(log::Log& log, const Extent& extent,
                                                             const std::string& group) {
  if (group.empty()) return std::vector<std::optional<log::Offset>>(extent.partitions.size());
  if (group.find('/') != std::string::npos) {
    return fail(millrace::errc::invalid_argument,
                "the group of a reader cannot be named '{}': groups with a / are those of "
                "services, whose positions only they move",
                group);
  }
  const auto id = log.group(group);
  if (!id && id.error().is(log::errc::read_only))
    return std::vector<std::optional<log::Offset>>(extent.partitions.size());
  if (!id) return fail(id.error());
  return log.positions(*id, extent.partitions);
}

/// `from` names who wants to begin there.
Status check_beginning(const Extent& extent, std::size_t i, log::Offset first,
                       const std::string& from, const ReaderOptions& options) {
  const bool is_removed = first < extent.starts[i];
  if (first <= extent.ends[i] && (!is_removed || options.skip_removed)) return {};
  const std::string where = from + " is at offset " + std::to_string(first.value) + " of topic " +
                            extent.topic.spec.name + ", partition " + std::to_string(i);
  if (is_removed) {
    return fail(log::errc::out_of_range,
                "{}, and the records before offset {} were removed: open the reader with "
                "skip_removed to continue there",
                where, extent.starts[i].value);
  }
  return fail(log::errc::out_of_range,
              "{}, which ends at offset {}: it is not a position of this topic as it is now, which "
              "may have been created again or restored; begin elsewhere, with another group",
              where, extent.ends[i].value);
}

Result<std::vector<log::RecordReader::Range>> find_ranges(log::Log& log, const Extent& extent,
                                                          const ReaderOptions& options) {
  MILLRACE_ASSIGN(const auto firsts, first_offsets(log, extent, options.from));
  MILLRACE_ASSIGN(const auto positions, positions_of(log, extent, options.group));
  const bool from_what_is_kept = options.from.kind() == ReadFrom::Kind::beginning ||
                                 options.from.kind() == ReadFrom::Kind::time;
  std::vector<log::RecordReader::Range> ranges;
  for (std::size_t i = 0; i < extent.partitions.size(); ++i) {
    const log::Offset first = positions[i].value_or(firsts[i]);
    // What is found at the opening may be gone a moment later, and is checked by the reader.
    const bool is_given = positions[i] || options.from.kind() == ReadFrom::Kind::offsets ||
                          options.from.kind() == ReadFrom::Kind::position;
    const std::string from = positions[i] ? "group '" + options.group + "'" : "the reader";
    if (is_given) MILLRACE_TRY(check_beginning(extent, i, first, from, options));
    OnRemoved on_removed = OnRemoved::error;
    if (options.skip_removed) {
      on_removed = OnRemoved::skip;
    } else if (from_what_is_kept && !positions[i]) {
      on_removed = OnRemoved::skip_at_first;
    }
    ranges.push_back({extent.partitions[i], first,
                      options.follow ? std::nullopt : std::optional(extent.ends[i]), on_removed});
  }
  return ranges;
}

SourceSpec source_of(const log::Topic& topic, const codec::TypeInfo& key,
                     const codec::TypeInfo& value, const Serdes& serdes) {
  SourceSpec source;
  source.topic = topic.spec.name;
  source.is_private = topic.spec.kind == log::TopicKind::private_topic;
  source.type =
      source.is_private ? private_record(key, value, serdes) : public_record(key, value, serdes);
  return source;
}

}  // namespace

struct EventReader::State {
  State(log::Log& the_log, log::Topic the_topic, SourceSpec the_source, ReaderOptions the_options,
        const std::vector<log::RecordReader::Range>& ranges)
      : log(the_log),
        topic(std::move(the_topic)),
        source(std::move(the_source)),
        options(std::move(the_options)),
        records(log, ranges),
        decoder(source) {}

  /// Makes an event of the record in hand. False: it is passed over.
  [[nodiscard]] Result<bool> decode();
  [[nodiscard]] Result<bool> undecodable(const Error& error);
  [[nodiscard]] std::unexpected<Error> failed_at_record(const Error& error) const;

  log::Log& log;
  const log::Topic topic;
  const SourceSpec source;
  const ReaderOptions options;
  log::RecordReader records;
  const runtime::SourceReader decoder;
  Event event;
  bool has_failed = false;  // at the record in hand
  SkippedRecords skipped;
};

Result<bool> EventReader::State::undecodable(const Error& error) {
  if (options.skip_undecodable) {
    ++skipped.undecodable;
    return false;
  }
  return failed_at_record(error);
}

std::unexpected<Error> EventReader::State::failed_at_record(const Error& error) const {
  return fail(error.at(source.topic + "/" + std::to_string(records.range()) + "@" +
                       std::to_string(records.record().offset.value)));
}

Result<bool> EventReader::State::decode() {
  const log::RecordView& record = records.record();
  event = {};
  const auto context = decoder.read_context(record.headers);
  if (!context && !decoder.takes_any()) return undecodable(context.error());
  if (context) event.context = *context;
  Message message;
  const auto read = decoder.read(record, event.context.type, message);
  if (!read) return undecodable(read.error());
  if (*read != runtime::SourceReader::Outcome::message) {
    if (options.on_unknown_type == OnUnknownType::skip) {
      ++skipped.unknown_type;
      return false;
    }
    return failed_at_record(
        {codec::errc::unknown_type, "the reader has no type for an event of type '" +
                                        runtime::shown_type(event.context.type) + "'"});
  }
  event.key = message.key;
  event.value = message.value;
  event.record = &record;
  event.partition = log::partition(static_cast<std::int32_t>(records.range()));
  return true;
}

Result<EventReader> EventReader::open(log::Log& log, std::string_view topic,
                                      const codec::TypeInfo& key, const codec::TypeInfo& value,
                                      ReaderOptions options) {
  MILLRACE_ASSIGN(const Extent extent, find_extent(log, topic));
  MILLRACE_ASSIGN(const auto ranges, find_ranges(log, extent, options));
  SourceSpec source = source_of(extent.topic, key, value, options.serdes);
  MILLRACE_TRY(check_form(source.type, topic));
  return EventReader(
      std::make_unique<State>(log, extent.topic, std::move(source), std::move(options), ranges));
}

EventReader::EventReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
EventReader::EventReader(EventReader&&) noexcept = default;
EventReader& EventReader::operator=(EventReader&&) noexcept = default;
EventReader::~EventReader() = default;

Result<log::ReadOutcome> EventReader::next() {
  while (true) {
    if (!state_->has_failed) {
      MILLRACE_ASSIGN(const log::ReadOutcome outcome, state_->records.next());
      if (outcome != log::ReadOutcome::record) return outcome;
    }
    state_->has_failed = true;
    MILLRACE_ASSIGN(const bool taken, state_->decode());
    state_->has_failed = false;
    if (taken) return log::ReadOutcome::record;
  }
}

const EventReader::Event& EventReader::event() const { return state_->event; }

log::WaitOutcome EventReader::wait(std::int64_t deadline_ns) {
  if (state_->has_failed) return log::WaitOutcome::ready;
  return state_->records.wait(deadline_ns);
}

void EventReader::interrupt() { state_->records.interrupt(); }

std::vector<log::Offset> EventReader::offsets() const {
  std::vector<log::Offset> offsets;
  for (std::int32_t number = 0; number < state_->topic.spec.partitions; ++number)
    offsets.push_back(state_->records.position(static_cast<std::size_t>(number)));
  if (state_->has_failed) offsets[state_->records.range()] = state_->records.record().offset;
  return offsets;
}

log::TopicPosition EventReader::position() const {
  return log::position_in(state_->log, state_->topic, offsets());
}

SkippedRecords EventReader::skipped() const {
  SkippedRecords skipped = state_->skipped;
  skipped.removed = state_->records.removed();
  return skipped;
}

Status EventReader::keep_position() {
  if (state_->options.group.empty()) {
    return fail(millrace::errc::invalid_argument,
                "the reader of topic {} has no group: name one in its options",
                state_->source.topic);
  }
  MILLRACE_ASSIGN(const log::GroupId group, state_->log.group(state_->options.group));
  log::Transaction transaction;
  const std::vector<log::Offset> next = offsets();
  for (std::int32_t number = 0; number < state_->topic.spec.partitions; ++number) {
    transaction.set_position(group, {state_->topic.id, log::partition(number)},
                             next[static_cast<std::size_t>(number)]);
  }
  MILLRACE_TRY(state_->log.commit(transaction));
  return {};
}

}  // namespace millrace::stream::detail
