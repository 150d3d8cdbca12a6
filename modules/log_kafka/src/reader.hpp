// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "client_events.hpp"
#include "millrace/base/clock.hpp"
#include "millrace/base/mutex.hpp"
#include "topic_ids.hpp"

namespace millrace::log::kafka {

/// Counts events and lets threads sleep until there is a further one.
class Signal {
 public:
  void raise() {
    const MutexLock lock(mutex_);
    ++count_;
    changed_.notify_all();
  }
  [[nodiscard]] std::uint64_t count() const {
    const MutexLock lock(mutex_);
    return count_;
  }
  /// Sleeps while the count is `seen`, at most so long; may return earlier without a reason.
  void wait(std::uint64_t seen, std::int64_t timeout_ns) const;

 private:
  mutable Mutex mutex_;
  mutable CondVar changed_;
  std::uint64_t count_ MILLRACE_GUARDED_BY(mutex_) = 0;
};

/// Reads any partition from any offset, over clients that read ahead. A partition that is read
/// on where the last fetch ended costs nothing but the records; every jump starts the fetches of
/// its partition again. Where two readers of one handle are at different offsets of a partition, a
/// further client is made. Thread-safe.
class Reader {
 public:
  Reader(const ClientConfig& config, Clock& clock);
  ~Reader();
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  [[nodiscard]] Status open();

  /// As Log::fetch; the topic and partition exist.
  [[nodiscard]] Status fetch(TopicPartition partition, const KafkaPartition& at, Offset from,
                             std::size_t max_bytes, FetchBuffer& buffer);
  enum class End : std::int64_t { first = -2, last_stable = -1 };
  /// One offset for each partition, asked of the leaders. errc::unknown_topic when brokers did not
  /// know a topic for some seconds.
  [[nodiscard]] Result<std::vector<Offset>> ask(const std::vector<KafkaPartition>& partitions,
                                                End end);
  /// The same, with another deadline (Clock::monotonic_ns) than that of a request.
  [[nodiscard]] Result<std::vector<Offset>> ask(const std::vector<KafkaPartition>& partitions,
                                                End end, std::int64_t deadline_ns);
  /// For each partition the offset of the first record or transaction marker whose time is at or
  /// after the given one, which is not negative, below what may be read; no value without one.
  [[nodiscard]] Result<std::vector<std::optional<Offset>>> ask_time(
      const std::vector<KafkaPartition>& partitions, std::int64_t time_ms);
  /// Remembers that the partition reaches so far: fetches below it wait for their records.
  void heard_of(TopicPartition partition, Offset end);

  /// Whether a fetch from there on would return records at once (or an error). Begins to read ahead
  /// there.
  [[nodiscard]] bool has_news(const Interest& interest, const KafkaPartition& at);
  [[nodiscard]] Signal& signal() { return signal_; }
  /// Stops reading ahead where nobody has read for a while.
  void drop_idle();
  /// `; the client says: ...`, or nothing: what the clients said last about their connections.
  [[nodiscard]] std::string last_error();
  /// Which topics are meant by all that is read through it.
  [[nodiscard]] TopicIds& ids() { return ids_; }
  /// For requests of other kinds. It reads nothing: a broker handles one request of a connection
  /// after the other, and a fetch may keep it waiting.
  [[nodiscard]] rd_kafka_t* client() const { return asker_.get(); }

  struct Cursor;
  struct Client;

 private:
  /// A cursor that nobody else uses until this ends. Not made or ended under the reader's mutex.
  class HeldCursor {
   public:
    HeldCursor(Reader& reader, std::shared_ptr<Cursor> cursor)
        : reader_(&reader), cursor_(std::move(cursor)) {}
    HeldCursor(HeldCursor&&) = default;
    HeldCursor& operator=(HeldCursor&&) = delete;
    ~HeldCursor() {
      if (cursor_ != nullptr) {
        reader_->let_go(*cursor_);
      }
    }
    Cursor* operator->() const { return cursor_.get(); }
    Cursor& operator*() const { return *cursor_; }

   private:
    Reader* reader_;
    std::shared_ptr<Cursor> cursor_;
  };
  struct Choice {
    std::shared_ptr<Cursor> cursor;
    bool continues = false;  // false: it must begin at the offset
  };
  Result<HeldCursor> hold_cursor(TopicPartition partition, const KafkaPartition& at, Offset from)
      MILLRACE_EXCLUDES(mutex_);
  Result<Choice> choose_cursor(TopicPartition partition, const KafkaPartition& at, Offset from)
      MILLRACE_REQUIRES(mutex_);
  void let_go(Cursor& cursor) MILLRACE_EXCLUDES(mutex_);
  std::optional<std::string> find_leaders(const std::vector<KafkaPartition>& partitions, bool again,
                                          std::int64_t deadline_ns);
  Result<std::vector<Offset>> ask_at(const std::vector<KafkaPartition>& partitions,
                                     std::int64_t time_ms, std::int64_t deadline_ns);
  Result<std::vector<Offset>> ask_once(const std::vector<KafkaPartition>& partitions,
                                       std::int64_t time_ms, std::int64_t deadline_ns);
  [[nodiscard]] std::int64_t request_deadline_ns() const;
  Client* fetch_client(std::size_t index) MILLRACE_REQUIRES(mutex_);
  Status learn_end(Cursor& cursor, Offset from);
  Status wait_for_records(Cursor& cursor, std::size_t max_bytes);

  const ClientConfig& config_;
  Clock& clock_;
  ClientEvents events_;
  Signal signal_;
  Owned<rd_kafka_t> asker_;
  TopicIds ids_;
  Mutex mutex_;
  // Topics whose leaders the asker knows.
  std::set<std::string> known_topics_ MILLRACE_GUARDED_BY(mutex_);
  // At most one cursor of a partition in each.
  std::vector<std::unique_ptr<Client>> clients_ MILLRACE_GUARDED_BY(mutex_);
};

}  // namespace millrace::log::kafka
