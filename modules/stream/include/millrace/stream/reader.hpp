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

  /// The first record that is kept.
  [[nodiscard]] static ReadFrom beginning() { return ReadFrom(Kind::beginning); }
  /// What is committed after the opening: for readers that follow.
  [[nodiscard]] static ReadFrom end() { return ReadFrom(Kind::end); }
  /// The first record of that time or later, ms since 1970 (log::Log::find_time()); without one, as
  /// end().
  [[nodiscard]] static ReadFrom time(std::int64_t time_ms) {
    ReadFrom from(Kind::time);
    from.time_ms_ = time_ms;
    return from;
  }
  /// Where a reader was that kept its position outside of the log: Reader::position(). Refused
  /// when it is not in the past of the log, or of another topic: log::check_position(). Of
  /// partitions that were added since all is read.
  [[nodiscard]] static ReadFrom position(log::TopicPosition position) {
    ReadFrom from(Kind::position);
    from.position_ = std::move(position);
    return from;
  }
  /// An offset for each partition of the topic, as a person gives them. What a program keeps is a
  /// position(): offsets alone may name other records later.
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
  /// Read what is committed after the opening too; else the reader ends where the topic ended then.
  bool follow = false;
  /// The group whose positions keep_position() commits; in partitions where it has one, the reader
  /// begins there. One reader of a group at a time: positions are not divided among several. A name
  /// with `/` is that of a service, and is refused.
  std::string group = {};
  /// Events of types that V has not; `error` makes them codec::errc::unknown_type.
  OnUnknownType on_unknown_type = OnUnknownType::skip;
  /// Pass over records that cannot be decoded, instead of the failure of next().
  bool skip_undecodable = false;
  /// Continue at the first record that is kept where records were removed before they were read,
  /// instead of log::errc::out_of_range.
  bool skip_removed = false;
  /// Those of the topic, where they are not the defaults.
  Serdes serdes = {};
};

/// What a Reader passed over since it was opened.
struct SkippedRecords {
  std::uint64_t unknown_type = 0;  ///< OnUnknownType::skip
  std::uint64_t undecodable = 0;   ///< ReaderOptions::skip_undecodable
  std::uint64_t removed = 0;       ///< ReaderOptions::skip_removed; in offsets
};

/// An event as a Reader read it. What it points to is valid until the next call of next().
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

/// What a Reader does, over bytes and type descriptions.
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
/// One that follows:
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
/// std::variant of events. Of a private topic, K and V are the types that its service wrote. Not
/// thread-safe, except for interrupt(). The log outlives the reader.
template <class K, class V>
class Reader {
 public:
  /// Fails with log::errc::unknown_topic; with log::errc::out_of_range where it would begin at an
  /// offset that was removed (unless skip_removed), or behind the end of a partition; with
  /// millrace::errc::invalid_argument for offsets that are not one for each partition, or a name of
  /// a group that is not allowed; as log::check_position() for a ReadFrom::position(); and as
  /// log::Log::positions(): on Kafka that is out_of_range too when the positions of the group have
  /// expired.
  [[nodiscard]] static Result<Reader> open(log::Log& log, std::string_view topic,
                                           ReaderOptions options = {}) {
    MILLRACE_ASSIGN(auto reader,
                    detail::EventReader::open(log, topic, codec::type_info<K>(),
                                              codec::type_info<V>(), std::move(options)));
    return Reader(std::move(reader));
  }

  /// Moves to the next event: `record` when event() is it; `none_yet`, of readers that follow, when
  /// all that is committed by now was read; `end`, of the others, when all up to where the topic
  /// ended at the opening was read.
  ///
  /// A failure moves nothing, and the next call tries the same again. A record that cannot be
  /// decoded is a failure of codec that names the record (unless skip_undecodable). Other failures
  /// are those of log::RecordReader::next(): log::errc::out_of_range when records were removed
  /// before they were read (unless skip_removed), log::errc::topic_replaced, and those that pass.
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
  /// The event in hand, after a next() that returned `record`; valid until the next call of it.
  [[nodiscard]] const ReadEvent<K, V>& event() const { return event_; }
  /// Calls `visit` with each event that can be read now. A `visit` that returns a Status ends it by
  /// a failure; the event counts as read. Other failures are those of next().
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

  /// Sleeps until there may be something to read, interrupt(), or the deadline
  /// (Clock::monotonic_ns). At the end, and perhaps after a failure, it returns at once.
  [[nodiscard]] log::WaitOutcome wait(std::int64_t deadline_ns) {
    return reader_.wait(deadline_ns);
  }
  /// Makes the wait() that sleeps now, or else the next one that would sleep, return. Any thread.
  void interrupt() { reader_.interrupt(); }

  /// Where a further reader continues (ReadFrom::position()): next() returned or skipped all before
  /// these offsets. A record at which next() failed is not before them. To keep it outside of the
  /// log, wait first until the log is durable up to it, else a loss of power may leave it ahead of
  /// the log: `log.wait_durable(position.seen.position)`.
  [[nodiscard]] log::TopicPosition position() const { return reader_.position(); }
  [[nodiscard]] SkippedRecords skipped() const { return reader_.skipped(); }
  /// Commits the position() for the group of the options, in a commit of its own: so first make
  /// durable what was made of the events. An embedded log keeps what a group with a position has
  /// not read, for ever when nobody reads for the group any more; before the first call the group
  /// has none. On Kafka positions expire (log::Log::position_retention_ms()): call this once in a
  /// while, also when nothing was read. Fails as log::Log::commit() does, with
  /// millrace::errc::invalid_argument without a group, and with log::errc::read_only for a log that
  /// was opened to read.
  [[nodiscard]] Status keep_position() { return reader_.keep_position(); }

 private:
  explicit Reader(detail::EventReader reader) : reader_(std::move(reader)) {}

  detail::EventReader reader_;
  ReadEvent<K, V> event_;
};

}  // namespace millrace::stream
