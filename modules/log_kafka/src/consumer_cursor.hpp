// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <deque>
#include <map>

#include "cursor.hpp"

namespace millrace::log::kafka {

/// A cursor over a partition that a consumer of librdkafka reads ahead.
class ConsumerCursor final : public Reader::Cursor {
 public:
  ConsumerCursor(rd_kafka_t* client, rd_kafka_topic_t* topic, KafkaPartition partition,
                 Signal& raised);
  ~ConsumerCursor() override;

  [[nodiscard]] Status begin(Offset from) override;
  void pull(std::size_t max_bytes) override;
  [[nodiscard]] bool has_records() const override { return !waiting_.empty(); }
  [[nodiscard]] Status answer(std::size_t max_bytes, FetchBuffer& buffer) override;

 private:
  void stop();
  void take(MessagePtr message);
  void step_over_markers();

  rd_kafka_t* client_;
  rd_kafka_topic_t* topic_;
  Signal& signal_;
  Owned<rd_kafka_queue_t> queue_;
  std::deque<MessagePtr> waiting_;
  std::size_t waiting_bytes_ = 0;
  std::atomic<bool> news_{false};
  Offset eof_{};  // where the partition ended when that was last reported
  bool started_ = false;
};

/// A consumer of librdkafka with its cursors.
class ConsumerClient final : public Reader::Client {
 public:
  ConsumerClient(Owned<rd_kafka_t> client, Signal& signal)
      : client_(std::move(client)), signal_(signal) {}
  ~ConsumerClient() override;
  // What it says waits in its queue until somebody polls.
  void poll() override { rd_kafka_poll(client_.get(), 0); }

 private:
  [[nodiscard]] Result<std::shared_ptr<Reader::Cursor>> make(const KafkaPartition& at) override;

  Owned<rd_kafka_t> client_;
  Signal& signal_;
  std::map<std::string, Owned<rd_kafka_topic_t>> topics_;
};

}  // namespace millrace::log::kafka
