// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "millrace/base/error.hpp"
#include "millrace/codec/describe.hpp"
#include "millrace/codec/envelope.hpp"
#include "millrace/log/log.hpp"
#include "millrace/log/record_reader.hpp"
#include "millrace/log/topic_position.hpp"
#include "millrace/stream/plan.hpp"

namespace millrace::stream {

/// Where a Reader begins in each partition, unless its group has a position there.
class ReadFrom {
 public:
  enum class Kind : std::uint8_t { beginning, end, time, offsets, position };

  /// The first record that the topic still has.
  [[nodiscard]] static ReadFrom beginning() { return ReadFrom(Kind::beginning); }
  /// The records that are committed after the reader was opened. For readers with `follow`.
  [[nodiscard]] static ReadFrom end() { return ReadFrom(Kind::end); }
  /// The first record with this timestamp or a later one, in ms since 1970 (log::Log::find_time());
  /// if there is none, the same as end().
  [[nodiscard]] static ReadFrom time(std::int64_t time_ms) {
    ReadFrom from(Kind::time);
    from.time_ms_ = time_ms;
    return from;
  }
  /// A position that a program got from Reader::position() and stored outside of the log. Refused
  /// when it is of another topic, or not in the past of the log: log::check_position(). Partitions
  /// that were added since then are read from their beginning.
  [[nodiscard]] static ReadFrom position(log::TopicPosition position) {
    ReadFrom from(Kind::position);
    from.position_ = std::move(position);
    return from;
  }
  /// An offset for each partition of the topic, for offsets that a person enters. A program stores
  /// a position() instead, because the same offsets may belong to other records later.
  [[nodiscard]] static ReadFrom offsets(std::vector<log::Offset> offsets) {
    ReadFrom from(Kind::offsets);
    from.offsets_ = std::move(offsets);
    return from;
  }

  [[nodiscard]] Kind kind() const { return kind_; }
  [[nodiscard]] std::int64_t time_ms() const { return time_ms_; }
  [[nodiscard]] const std::vector<log::Offset>& offsets() const { return offsets_; }
  [[nodiscard]] const log::TopicPosition& position() const { return position_; }

 private:
  explicit ReadFrom(Kind kind) : kind_(kind) {}

  Kind kind_;
  std::int64_t time_ms_ = 0;
  std::vector<log::Offset> offsets_;
  log::TopicPosition position_;
};

/// How a Reader is opened.
struct ReaderOptions {
  ReadFrom from = ReadFrom::beginning();
  /// True: the reader also reads records that are committed after it was opened. False: it ends
  /// where the topic ended when it was opened.
  bool follow = false;
  /// The group whose positions keep_position() commits. The reader begins at the positions of the
  /// group, where it has some. Only one reader of a group may run at a time, because readers do not
  /// share partitions. A name with `/` is the group of a service, and is refused.
  std::string group = {};
  /// What happens to events of types that are not in V; with `error`, next() fails with
  /// codec::errc::unknown_type.
  OnUnknownType on_unknown_type = OnUnknownType::skip;
  /// True: records that cannot be decoded are skipped. False: next() fails.
  bool skip_undecodable = false;
  /// If records were removed before they were read: true: the reader continues at the first record
  /// that still exists; false: next() fails with log::errc::out_of_range.
  bool skip_removed = false;
  /// The serdes of the topic, if they are not the defaults.
  Serdes serdes = {};
};

/// The numbers of records that a Reader has skipped since it was opened.
struct SkippedRecords {
  std::uint64_t unknown_type = 0;  ///< OnUnknownType::skip
  std::uint64_t undecodable = 0;   ///< ReaderOptions::skip_undecodable
  std::uint64_t removed = 0;       ///< ReaderOptions::skip_removed; in offsets
};

/// An event that a Reader returned. All pointers and views in it are valid until the next call of
/// next().
template <class K, class V>
struct ReadEvent {
  const K* key = nullptr;    ///< null: the record has none
  const V* value = nullptr;  ///< null: the record has none, so it deletes its key
  std::int64_t time_ms = 0;  ///< event time, ms since 1970
  log::PartitionId partition;
  log::Offset offset;
  codec::EventContext context;  ///< its envelope: ids, type, source, correlation, cause, trace
  log::HeadersView headers;     ///< all of its headers
};

namespace detail {

/// The part of a Reader that works on bytes and type descriptions.
class EventReader {
 public:
  struct Event {
    const void* key = nullptr;
    const void* value = nullptr;
    const log::RecordView* record = nullptr;
    log::PartitionId partition;
    codec::EventContext context;
  };

  [[nodiscard]] static Result<EventReader> open(log::Log& log, std::string_view topic,
                                                const codec::TypeInfo& key,
                                                const codec::TypeInfo& value,
                                                ReaderOptions options);
  EventReader(EventReader&&) noexcept;
  EventReader& operator=(EventReader&&) noexcept;
  ~EventReader();

  [[nodiscard]] Result<log::ReadOutcome> next();
  [[nodiscard]] const Event& event() const;
  [[nodiscard]] log::WaitOutcome wait(std::int64_t deadline_ns);
  void interrupt();
  [[nodiscard]] log::TopicPosition position() const;
  [[nodiscard]] SkippedRecords skipped() const;
  [[nodiscard]] Status keep_position();

 private:
  struct State;
  [[nodiscard]] std::vector<log::Offset> offsets() const;
  explicit EventReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace detail

/// Reads the events of a topic outside of a topology, with their envelope; the counterpart of
/// Writer:
///
///     MILLRACE_ASSIGN(auto orders, (Reader<OrderId, OrderEvent>::open(log, "orders")));
///     MILLRACE_TRY(orders.for_each([&](const auto& event) {
///       if (event.key != nullptr && event.value != nullptr) use(*event.key, *event.value);
///     }));
///
/// A reader with `follow`:
///
///     while (!stop) {
///       MILLRACE_ASSIGN(const log::ReadOutcome outcome, orders.next());
///       if (outcome == log::ReadOutcome::record) {
///         show(orders.event());
///       } else {
///         static_cast<void>(orders.wait(clock.monotonic_ns() + 200'000'000));
///       }
///     }
///
/// All partitions are read as one sequence, in the order of log::RecordReader. V is an event, or a
/// std::variant of events. For a private topic, K and V are the types that its service wrote. Not
/// thread-safe, except for interrupt(). The log must outlive the reader.
template <class K, class V>
class Reader {
 public:
  /// Opens a reader. Errors: log::errc::unknown_topic; log::errc::out_of_range when it would begin
  /// at an offset that was removed (unless skip_removed) or is after the end of a partition;
  /// millrace::errc::invalid_argument when the number of offsets is not the number of partitions,
  /// or the name of the group is not allowed; those of log::check_position() for a
  /// ReadFrom::position(); those of log::Log::positions(), on Kafka also out_of_range when the
  /// positions of the group have expired.
  [[nodiscard]] static Result<Reader> open(log::Log& log, std::string_view topic,
                                           ReaderOptions options = {}) {
    MILLRACE_ASSIGN(auto reader,
                    detail::EventReader::open(log, topic, codec::type_info<K>(),
                                              codec::type_info<V>(), std::move(options)));
    return Reader(std::move(reader));
  }

  /// Moves to the next event. Returns `record` when there is one: event() returns it. With
  /// `follow`, returns `none_yet` when all records that are committed by now were read. Without
  /// `follow`, returns `end` when all records were read that the topic had when the reader was
  /// opened.
  ///
  /// After an error the reader stays where it was, and the next call tries the same record again.
  /// For a record that cannot be decoded it returns an error of codec that names the record (unless
  /// skip_undecodable). Other errors are those of log::RecordReader::next():
  /// log::errc::out_of_range when records were removed before they were read (unless skip_removed),
  /// log::errc::topic_replaced, and temporary ones.
  [[nodiscard]] Result<log::ReadOutcome> next() {
    MILLRACE_ASSIGN(const log::ReadOutcome outcome, reader_.next());
    if (outcome == log::ReadOutcome::record) {
      const detail::EventReader::Event& event = reader_.event();
      event_ = {static_cast<const K*>(event.key),
                static_cast<const V*>(event.value),
                event.record->timestamp_ms,
                event.partition,
                event.record->offset,
                event.context,
                event.record->headers};
    }
    return outcome;
  }
  /// The current event, after next() returned `record`. Valid until the next call of next().
  [[nodiscard]] const ReadEvent<K, V>& event() const { return event_; }
  /// Calls `visit` with each event that can be read now. `visit` returns nothing or a Status. When
  /// it returns an error, for_each() stops and returns that error; the event counts as read. Other
  /// errors are those of next().
  template <class Visit>
  [[nodiscard]] Status for_each(Visit visit) {
    using Returned = std::invoke_result_t<Visit&, const ReadEvent<K, V>&>;
    while (true) {
      MILLRACE_ASSIGN(const log::ReadOutcome outcome, next());
      if (outcome != log::ReadOutcome::record) return {};
      if constexpr (std::is_same_v<Returned, Status>) {
        MILLRACE_TRY(visit(event_));
      } else {
        static_assert(std::is_void_v<Returned>, "the function returns nothing, or a Status");
        visit(event_);
      }
    }
  }

  /// Sleeps until there may be a record to read, until interrupt(), or until the deadline
  /// (Clock::monotonic_ns). At the end, and sometimes after an error, it returns at once.
  [[nodiscard]] log::WaitOutcome wait(std::int64_t deadline_ns) {
    return reader_.wait(deadline_ns);
  }
  /// Ends the present wait(). If no thread waits, ends the next wait() that would sleep. Any
  /// thread.
  void interrupt() { reader_.interrupt(); }

  /// The position at which another reader can continue (ReadFrom::position()). next() returned or
  /// skipped all records before these offsets. A record at which next() failed is not before them.
  /// Before you store the position outside of the log, wait until the log is durable up to it:
  /// `log.wait_durable(position.seen.position)`. Otherwise the position may be ahead of the log
  /// after a power cut.
  [[nodiscard]] log::TopicPosition position() const { return reader_.position(); }
  [[nodiscard]] SkippedRecords skipped() const { return reader_.skipped(); }
  /// Commits position() for the group of the options, in a separate commit. So first make the
  /// results of the events durable. Before the first call the group has no position. An embedded
  /// log keeps all records that a group with a position has not read, for ever when the group is
  /// not used any more. On Kafka positions expire (log::Log::position_retention_ms()): call this
  /// from time to time even when no record was read. Errors: those of log::Log::commit();
  /// millrace::errc::invalid_argument without a group; log::errc::read_only when the log was opened
  /// for reading only.
  [[nodiscard]] Status keep_position() { return reader_.keep_position(); }

 private:
  explicit Reader(detail::EventReader reader) : reader_(std::move(reader)) {}

  detail::EventReader reader_;
  ReadEvent<K, V> event_;
};

}  // namespace millrace::stream
