// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <algorithm>

#include "reader.hpp"

namespace millrace::log::kafka {

/// One partition being read ahead, from one offset on. Used by the one thread that holds it
/// (Reader::HeldCursor), or under the reader's mutex while nobody does; except what is atomic.
struct Reader::Cursor {
  explicit Cursor(KafkaPartition partition) : at(std::move(partition)) {}
  virtual ~Cursor() = default;
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;

  /// Starts reading from there. What was known of the end is forgotten: the topic may be another
  /// one of the same name, which is shorter.
  [[nodiscard]] virtual Status begin(Offset from) = 0;
  /// Takes what has arrived, up to about so many bytes.
  virtual void pull(std::size_t max_bytes) = 0;
  /// Whether answer() has records, or their failure.
  [[nodiscard]] virtual bool has_records() const = 0;
  /// One past what was pulled and holds nothing to show: where `next` is after an answer without
  /// records.
  [[nodiscard]] virtual Offset reached() const { return next; }
  /// Moves records into the buffer: about `max_bytes`, at least one if there is one. errc::corrupt.
  [[nodiscard]] virtual Status answer(std::size_t max_bytes, FetchBuffer& buffer) = 0;
  /// The partition reaches so far. By any thread.
  void heard_of(Offset end) {
    std::int64_t known = known_end;
    while (known < end.value && !known_end.compare_exchange_weak(known, end.value)) {
    }
  }

  const KafkaPartition at;
  std::atomic<Offset> next{};  ///< a fetch from here on continues; changed by the holder
  std::atomic<std::int64_t> known_end{0};
  bool end_asked = false;
  std::optional<rd_kafka_resp_err_t> error;
  std::int64_t used_ns = 0;  ///< guarded by the reader's mutex, held or not
  bool is_held = false;      ///< the same
};

/// A client with its cursors, one for a partition at most. Guarded by the reader's mutex.
struct Reader::Client {
  Client() = default;
  virtual ~Client() = default;
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  [[nodiscard]] std::shared_ptr<Cursor> find(TopicPartition partition) const {
    const auto found = cursors_.find(partition);
    return found == cursors_.end() ? nullptr : found->second;
  }
  [[nodiscard]] std::shared_ptr<Cursor> add(TopicPartition partition, const KafkaPartition& at) {
    return cursors_[partition] = make(at);
  }
  void drop_unused_since(std::int64_t time_ns) {
    std::erase_if(cursors_, [&](const auto& entry) {
      return !entry.second->is_held && entry.second->used_ns < time_ns;
    });
  }

 protected:
  [[nodiscard]] virtual std::shared_ptr<Cursor> make(const KafkaPartition& at) = 0;
  void drop_all() { cursors_.clear(); }

 private:
  std::unordered_map<TopicPartition, std::shared_ptr<Cursor>> cursors_;
};

}  // namespace millrace::log::kafka
