// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "millrace/base/error.hpp"
#include "millrace/codec/describe.hpp"
#include "millrace/codec/envelope.hpp"
#include "millrace/log/log.hpp"
#include "millrace/stream/record_writer.hpp"
#include "millrace/stream/serdes.hpp"

namespace millrace::stream {

/// Fields of an event that its writer may set. Views must be valid only during the call.
struct EventFields {
  std::string_view id = {};  ///< `ce_id`, unique among those of a source; default: a new one
  std::optional<std::int64_t> time_ms = {};  ///< event time, ms since 1970; default: now
  std::string_view correlation = {};         ///< the business process; default: none
  std::string_view causation = {};  ///< the id of the event that led to this one; default: none
  codec::TraceContext trace = {};   ///< default: none
  std::string_view request = {};    ///< the requests that wait for it; default: none
};

/// A record that is being written to the log. Cheap to copy. The RecordWriter must outlive it. Any
/// thread may use it.
class Written {
 public:
  struct Outcome;
  Written(RecordWriter& records, std::shared_ptr<const Outcome> outcome)
      : records_(&records), outcome_(std::move(outcome)) {}
  /// Waits until the record is committed, and returns the end of its commit. Pass this position to
  /// log::Log::wait_durable() to wait until the record survives a power cut. If no other thread
  /// commits, this call commits all waiting records, including those of other callers. Errors are
  /// those of RecordWriter::Done; millrace::errc::invalid_argument when key or value cannot be
  /// encoded. Throws exceptions of the log, or of the RecordWriter::Done of another record, from a
  /// commit that this call makes. Returns at once when the outcome is known. Otherwise, if a
  /// RecordWriter::Done calls it, the process ends.
  [[nodiscard]] Result<log::LogPosition> wait() const;

 private:
  RecordWriter* records_;
  std::shared_ptr<const Outcome> outcome_;
};

namespace detail {

/// What a Writer does, over bytes and type descriptions.
class EventWriter {
 public:
  [[nodiscard]] static Result<EventWriter> open(RecordWriter& records, std::string_view topic,
                                                std::string source, RecordType type);
  [[nodiscard]] Written write(const void* key, const void* value, const EventFields& fields) const;
  [[nodiscard]] Status write(const void* key, const void* value, const EventFields& fields,
                             RecordWriter::Done done) const;

 private:
  EventWriter(RecordWriter& records, log::Topic topic, std::string source, RecordType type)
      : records_(&records),
        topic_(std::move(topic)),
        source_(std::move(source)),
        type_(std::move(type)) {}

  RecordWriter* records_;
  log::Topic topic_;
  std::string source_;
  RecordType type_;
};

}  // namespace detail

/// Writes events to a topic from outside of a topology, with their envelope:
///
///     RecordWriter records(log, clock, random);
///     MILLRACE_ASSIGN(auto lines, (Writer<std::string, LineRead>::open(records, "lines")));
///     MILLRACE_TRY(lines.write("line-7", LineRead{text}).wait());
///
/// V is an event, or a std::variant of events. Events are appended in the order of the calls. What
/// is written while a commit is under way goes into the next one, so write many, keep what write()
/// returned, and then wait for all of them: each is committed or refused by itself. Thread-safe;
/// copies are independent. The RecordWriter outlives it, and many writers may share one. A topic
/// that was deleted and created again refuses its events, log::errc::topic_replaced: open another
/// writer.
template <class K, class V>
class Writer {
 public:
  /// `serdes` are those of the topic, where they are not the defaults. `source` is the `ce_source`
  /// of the events; when it is empty, `/` and the service of the log handle.
  /// log::errc::unknown_topic, log::errc::not_owner of another service's events,
  /// millrace::errc::invalid_argument of a private topic: only topologies write these; and where
  /// the serde of the values needs an envelope that says the type of the event.
  [[nodiscard]] static Result<Writer> open(RecordWriter& records, std::string_view topic,
                                           std::string source = {}, const Serdes& serdes = {}) {
    MILLRACE_ASSIGN(auto writer,
                    detail::EventWriter::open(
                        records, topic, std::move(source),
                        public_record(codec::type_info<K>(), codec::type_info<V>(), serdes)));
    return Writer(std::move(writer));
  }

  /// Copies what it is given; Written::wait() commits it, unless another thread does, and says what
  /// became of it. Returns at once, but commits first when too much waits; where a thread is in
  /// RecordWriter::run(), it waits for that one, as long as a commit takes. Throws as
  /// Written::wait(). A RecordWriter::Done must not call it: the process ends.
  [[nodiscard]] Written write(const K& key, const V& value, const EventFields& fields = {}) const {
    return writer_.write(&key, &value, fields);
  }
  /// The same for callbacks, where a thread is in RecordWriter::run(), such as in a service. `done`
  /// is called as by RecordWriter::append(), unless this fails: millrace::errc::busy,
  /// millrace::errc::invalid_argument, log::errc::too_large, log::errc::closed after a commit that
  /// threw. Throws nothing of a commit.
  [[nodiscard]] Status write(const K& key, const V& value, const EventFields& fields,
                             RecordWriter::Done done) const {
    return writer_.write(&key, &value, fields, std::move(done));
  }
  /// Writes a record with the key and without a value: tables that read the topic delete the key.
  /// Commits, waits and throws as write().
  [[nodiscard]] Written erase(const K& key, const EventFields& fields = {}) const {
    return writer_.write(&key, nullptr, fields);
  }

 private:
  explicit Writer(detail::EventWriter writer) : writer_(std::move(writer)) {}

  detail::EventWriter writer_;
};

}  // namespace millrace::stream
