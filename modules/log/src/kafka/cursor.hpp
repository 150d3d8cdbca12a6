// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <deque>
#include <map>

#include "kafka/reader.hpp"

namespace millrace::log::kafka {

/// One partition being read ahead, from one offset on. Guarded by `mutex`, except what is atomic.
struct Reader::Cursor {
  Cursor(rd_kafka_t* client, rd_kafka_topic_t* topic, KafkaPlace place, Signal& raised);
  ~Cursor();
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;

  /// Starts reading from there.
  [[nodiscard]] Status begin(Offset from);
  /// Takes what has arrived, up to about so many bytes.
  void pull(std::size_t max_bytes);
  [[nodiscard]] bool has_records() const { return !waiting.empty(); }
  /// Moves records into the buffer: about `max_bytes`, at least one if there is one.
  void answer(std::size_t max_bytes, FetchBuffer& buffer);
  void heard_of(Offset end);
  void stop();

  std::mutex mutex;
  const KafkaPlace at;
  std::atomic<Offset> next{};  ///< a fetch from here on goes on; changed under the mutex
  std::atomic<std::int64_t> known_end{0};
  bool end_asked = false;
  std::optional<rd_kafka_resp_err_t> error;
  std::int64_t used_ns = 0;  ///< guarded by the reader's mutex

  std::deque<MessagePtr> waiting;
  std::size_t waiting_bytes = 0;

 private:
  void take(MessagePtr message);
  void step_over_marks();

  rd_kafka_t* client_;
  rd_kafka_topic_t* topic_;
  Signal& signal_;
  Owned<rd_kafka_queue_t> queue_;
  std::atomic<bool> news_{false};
  Offset eof_{};  // where the partition ended when that was last told
  bool started_ = false;
};

/// A consumer with its cursors, one for a partition at most. Guarded by the reader's mutex.
struct Reader::Lane {
  explicit Lane(Owned<rd_kafka_t> client) : client_(std::move(client)) {}
  ~Lane();

  [[nodiscard]] rd_kafka_t* client() const { return client_.get(); }
  [[nodiscard]] std::shared_ptr<Cursor> find(TopicPartition place) const;
  [[nodiscard]] Result<std::shared_ptr<Cursor>> add(TopicPartition place, const KafkaPlace& at,
                                                    Signal& signal);
  void drop_unused_since(std::int64_t time_ns);

 private:
  Owned<rd_kafka_t> client_;
  std::map<std::string, Owned<rd_kafka_topic_t>> topics_;
  std::unordered_map<TopicPartition, std::shared_ptr<Cursor>> cursors_;
};

}  // namespace millrace::log::kafka
