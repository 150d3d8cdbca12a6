// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <array>

#include "peers/cases.hpp"
#include "peers/end_of_input.hpp"
#include "peers/kafka_client.hpp"
#include "support/measure.hpp"

namespace millrace::bench {
namespace {

constexpr int answer_ms = 60'000;
constexpr int poll_ms = 10;

/// Takes records from one topic and puts them, unchanged, into the same partition of another;
/// positions and outputs in one transaction.
class Mover {
 public:
  explicit Mover(const Arguments& arguments)
      : commit_ns_(arguments.number("commit_ms", 100) * 1'000'000) {
    const std::string url = arguments.text("url");
    const std::string group = arguments.text("application");
    make_kafka_topics(url, {arguments.text("output")}, 4);
    consumer_ = open_kafka(RD_KAFKA_CONSUMER, url,
                           {{"group.id", group},
                            {"enable.auto.commit", "false"},
                            {"queued.min.messages", "10000000"},
                            {"queued.max.messages.kbytes", "65536"},
                            {"isolation.level", "read_committed"}});
    producer_ = open_kafka(RD_KAFKA_PRODUCER, url,
                           {{"transactional.id", group},
                            {"batch.size", "1000000"},
                            {"queue.buffering.max.messages", "1000000"}});
    must_kafka(rd_kafka_init_transactions(producer_.get(), answer_ms), "init transactions");
    rd_kafka_poll_set_consumer(consumer_.get());
    partitions_ = all_partitions(*consumer_, arguments.text("input"));
    must_kafka(rd_kafka_assign(consumer_.get(), partitions_.get()), "assign");
    queue_.reset(rd_kafka_queue_get_consumer(consumer_.get()));
    output_.reset(rd_kafka_topic_new(producer_.get(), arguments.text("output").c_str(), nullptr));
  }

  ~Mover() {
    queue_.reset();
    rd_kafka_consumer_close(consumer_.get());
  }

  void run(const EndOfInput& end_of_input) {
    while (!end_of_input.reached()) {
      const auto count =
          rd_kafka_consume_batch_queue(queue_.get(), poll_ms, batch_.data(), batch_.size());
      for (ssize_t i = 0; i < count; ++i)
        move(std::unique_ptr<rd_kafka_message_t, KafkaClosed>(batch_[static_cast<std::size_t>(i)]));
      if (open_ && now_ns() - began_ >= commit_ns_) commit();
    }
    if (open_) commit();
  }

 private:
  void move(std::unique_ptr<rd_kafka_message_t, KafkaClosed> message) {
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) return;
    must_kafka(message->err, "consume");
    if (!open_) {
      must_kafka(rd_kafka_begin_transaction(producer_.get()), "begin transaction");
      open_ = true;
      began_ = now_ns();
    }
    rd_kafka_error_t* error = nullptr;
    while ((error = send(*message)) != nullptr) {
      if (rd_kafka_error_code(error) != RD_KAFKA_RESP_ERR__QUEUE_FULL) must_kafka(error, "produce");
      rd_kafka_error_destroy(error);
      rd_kafka_poll(producer_.get(), poll_ms);
    }
    partitions_->elems[message->partition].offset = message->offset + 1;
  }

  rd_kafka_error_t* send(const rd_kafka_message_t& message) {
    std::array<rd_kafka_vu_t, 6> fields{};
    fields[0].vtype = RD_KAFKA_VTYPE_RKT;
    fields[0].u.rkt = output_.get();
    fields[1].vtype = RD_KAFKA_VTYPE_PARTITION;
    fields[1].u.i32 = message.partition;
    fields[2].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
    fields[2].u.i = RD_KAFKA_MSG_F_COPY;
    fields[3].vtype = RD_KAFKA_VTYPE_KEY;
    fields[3].u.mem = {message.key, message.key_len};
    fields[4].vtype = RD_KAFKA_VTYPE_VALUE;
    fields[4].u.mem = {message.payload, message.len};
    fields[5].vtype = RD_KAFKA_VTYPE_TIMESTAMP;
    fields[5].u.i64 = rd_kafka_message_timestamp(&message, nullptr);
    return rd_kafka_produceva(producer_.get(), fields.data(), fields.size());
  }

  void commit() {
    rd_kafka_consumer_group_metadata_t* group = rd_kafka_consumer_group_metadata(consumer_.get());
    must_kafka(
        rd_kafka_send_offsets_to_transaction(producer_.get(), partitions_.get(), group, answer_ms),
        "send positions");
    rd_kafka_consumer_group_metadata_destroy(group);
    must_kafka(rd_kafka_commit_transaction(producer_.get(), answer_ms), "commit");
    open_ = false;
  }

  std::int64_t commit_ns_;
  KafkaClient consumer_;
  KafkaClient producer_;
  KafkaPartitions partitions_;
  std::unique_ptr<rd_kafka_queue_t, KafkaClosed> queue_;
  KafkaTopic output_;
  std::array<rd_kafka_message_t*, 2000> batch_{};
  bool open_ = false;
  std::int64_t began_ = 0;
};

}  // namespace

void run_move(const Arguments& arguments) {
  Mover mover(arguments);
  const EndOfInput end_of_input([] {});
  print_ready();
  mover.run(end_of_input);
}

}  // namespace millrace::bench
