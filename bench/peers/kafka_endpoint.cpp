// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "peers/kafka_endpoint.hpp"

#include <array>

#include "millrace/base/hash.hpp"
#include "peers/kafka_client.hpp"
#include "support/arguments.hpp"
#include "support/measure.hpp"

namespace millrace::bench {
namespace {

constexpr int flush_ms = 120'000;
constexpr std::int64_t topic_wait_ns = 60'000'000'000;

class KafkaInput final : public InputWriter {
 public:
  KafkaInput(const std::string& url, const std::string& topic, std::int32_t partitions, bool prompt)
      : partitions_(partitions) {
    make_kafka_topics(url, {topic}, partitions);
    client_ = open_kafka(RD_KAFKA_PRODUCER, url,
                         {{"enable.idempotence", "true"},
                          {"linger.ms", prompt ? "0" : "20"},
                          {"batch.size", "1000000"},
                          {"queue.buffering.max.messages", "500000"}});
    topic_.reset(rd_kafka_topic_new(client_.get(), topic.c_str(), nullptr));
  }

  void write(std::int64_t timestamp_ms, std::string_view key, std::string_view value) override {
    while (true) {
      rd_kafka_error_t* error = send(timestamp_ms, key, value);
      if (error == nullptr) break;
      if (rd_kafka_error_code(error) != RD_KAFKA_RESP_ERR__QUEUE_FULL) must_kafka(error, "produce");
      rd_kafka_error_destroy(error);
      rd_kafka_poll(client_.get(), 10);
    }
    if (++since_poll_ % 1000 == 0) rd_kafka_poll(client_.get(), 0);
  }

  void flush() override {
    must_kafka(rd_kafka_flush(client_.get(), flush_ms), "flush");
    if (rd_kafka_outq_len(client_.get()) != 0) give_up("records of the input were not delivered");
  }

 private:
  rd_kafka_error_t* send(std::int64_t timestamp_ms, std::string_view key, std::string_view value) {
    std::array<rd_kafka_vu_t, 6> fields{};
    fields[0].vtype = RD_KAFKA_VTYPE_RKT;
    fields[0].u.rkt = topic_.get();
    fields[1].vtype = RD_KAFKA_VTYPE_PARTITION;
    fields[1].u.i32 = partition_of(key, partitions_);
    fields[2].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
    fields[2].u.i = RD_KAFKA_MSG_F_COPY;
    fields[3].vtype = RD_KAFKA_VTYPE_KEY;
    fields[3].u.mem = {const_cast<char*>(key.data()), key.size()};
    fields[4].vtype = RD_KAFKA_VTYPE_VALUE;
    fields[4].u.mem = {const_cast<char*>(value.data()), value.size()};
    fields[5].vtype = RD_KAFKA_VTYPE_TIMESTAMP;
    fields[5].u.i64 = timestamp_ms;
    return rd_kafka_produceva(client_.get(), fields.data(), fields.size());
  }

  std::int32_t partitions_;
  KafkaClient client_;
  KafkaTopic topic_;
  std::uint64_t since_poll_ = 0;
};

class KafkaOutput final : public OutputReader {
 public:
  KafkaOutput(const std::string& url, const std::string& topic)
      : client_(open_kafka(RD_KAFKA_CONSUMER, url,
                           {{"group.id", "bench-peers-reader"},
                            {"enable.auto.commit", "false"},
                            {"isolation.level", "read_committed"},
                            {"allow.auto.create.topics", "false"},
                            {"fetch.wait.max.ms", "10"},
                            // A full queue would stop fetching for a second.
                            {"queued.min.messages", "10000000"},
                            {"queued.max.messages.kbytes", "262144"},
                            {"topic.metadata.refresh.interval.ms", "1000"}})) {
    rd_kafka_poll_set_consumer(client_.get());
    await(topic);
    must_kafka(rd_kafka_assign(client_.get(), all_partitions(*client_, topic).get()), "assign");
    queue_.reset(rd_kafka_queue_get_consumer(client_.get()));
  }

  ~KafkaOutput() override {
    queue_.reset();
    rd_kafka_consumer_close(client_.get());
  }

  std::size_t read(std::int64_t wait_ms, const Take& take) override {
    const auto count =
        rd_kafka_consume_batch_queue(queue_.get(), static_cast<int>(wait_ms), batch_.data(), 1);
    std::size_t taken = count > 0 ? take_batch(1, take) : 0;
    // What else is here already comes without waiting.
    const auto more = rd_kafka_consume_batch_queue(queue_.get(), 0, batch_.data(), batch_.size());
    if (more > 0) taken += take_batch(static_cast<std::size_t>(more), take);
    return taken;
  }

 private:
  std::size_t take_batch(std::size_t count, const Take& take) {
    std::size_t taken = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const std::unique_ptr<rd_kafka_message_t, KafkaClosed> message(batch_[i]);
      if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) continue;
      must_kafka(message->err, "consume");
      take({static_cast<const char*>(message->key), message->key_len},
           {static_cast<const char*>(message->payload), message->len});
      ++taken;
    }
    return taken;
  }

  void await(const std::string& topic) {
    const std::int64_t end = now_ns() + topic_wait_ns;
    while (true) {
      const KafkaTopic handle(rd_kafka_topic_new(client_.get(), topic.c_str(), nullptr));
      const rd_kafka_metadata_t* metadata = nullptr;
      const rd_kafka_resp_err_t error =
          rd_kafka_metadata(client_.get(), 0, handle.get(), &metadata, 5000);
      const bool there = error == RD_KAFKA_RESP_ERR_NO_ERROR &&
                         metadata->topics[0].err == RD_KAFKA_RESP_ERR_NO_ERROR;
      if (error == RD_KAFKA_RESP_ERR_NO_ERROR) rd_kafka_metadata_destroy(metadata);
      if (there) return;
      if (now_ns() > end) give_up("the topic " + topic + " did not come");
      sleep_until_ns(now_ns() + 50'000'000);
    }
  }

  KafkaClient client_;
  std::unique_ptr<rd_kafka_queue_t, KafkaClosed> queue_;
  std::array<rd_kafka_message_t*, 2000> batch_{};
};

}  // namespace

std::unique_ptr<InputWriter> open_kafka_input(const std::string& url, const std::string& topic,
                                              std::int32_t partitions, bool prompt) {
  return std::make_unique<KafkaInput>(url, topic, partitions, prompt);
}

std::unique_ptr<OutputReader> open_kafka_output(const std::string& url, const std::string& topic) {
  return std::make_unique<KafkaOutput>(url, topic);
}

}  // namespace millrace::bench
