// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "peers/kafka_client.hpp"

#include "support/arguments.hpp"

namespace millrace::bench {
namespace {

constexpr std::string_view scheme = "kafka://";
constexpr int answer_ms = 30'000;

struct Freed {
  void operator()(rd_kafka_NewTopic_t* topic) const { rd_kafka_NewTopic_destroy(topic); }
  void operator()(rd_kafka_DeleteTopic_t* topic) const { rd_kafka_DeleteTopic_destroy(topic); }
  void operator()(rd_kafka_event_t* event) const { rd_kafka_event_destroy(event); }
};
using Event = std::unique_ptr<rd_kafka_event_t, Freed>;
using Queue = std::unique_ptr<rd_kafka_queue_t, KafkaClosed>;

Event answer_of(const Queue& queue, const char* what) {
  Event event(rd_kafka_queue_poll(queue.get(), answer_ms));
  if (event == nullptr) give_up(std::string(what) + ": no answer");
  must_kafka(rd_kafka_event_error(event.get()), what);
  return event;
}

void check_topics(const rd_kafka_topic_result_t* const* results, std::size_t count,
                  rd_kafka_resp_err_t allowed, const char* what) {
  for (std::size_t i = 0; i < count; ++i) {
    const rd_kafka_resp_err_t error = rd_kafka_topic_result_error(results[i]);
    if (error != allowed) must_kafka(error, what);
  }
}

std::vector<std::string> topics_of(rd_kafka_t& client) {
  const rd_kafka_metadata_t* metadata = nullptr;
  must_kafka(rd_kafka_metadata(&client, 1, nullptr, &metadata, answer_ms), "metadata");
  std::vector<std::string> names;
  for (int i = 0; i < metadata->topic_cnt; ++i)
    names.emplace_back(metadata->topics[i].topic);
  rd_kafka_metadata_destroy(metadata);
  return names;
}

}  // namespace

bool is_kafka(const std::string& url) { return url.starts_with(scheme); }

std::string kafka_addresses(const std::string& url) { return url.substr(scheme.size()); }

KafkaClient open_kafka(rd_kafka_type_t type, const std::string& url,
                       const KafkaSettings& settings) {
  char reason[512];
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  KafkaSettings all{{"bootstrap.servers", kafka_addresses(url)}};
  all.insert(all.end(), settings.begin(), settings.end());
  for (const auto& [name, value] : all) {
    if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), reason, sizeof reason) !=
        RD_KAFKA_CONF_OK)
      give_up(reason);
  }
  KafkaClient client(rd_kafka_new(type, conf, reason, sizeof reason));
  if (client == nullptr) give_up(reason);
  return client;
}

void must_kafka(rd_kafka_resp_err_t code, const char* what) {
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
    give_up(std::string(what) + ": " + rd_kafka_err2str(code));
}

void must_kafka(rd_kafka_error_t* error, const char* what) {
  if (error != nullptr) give_up(std::string(what) + ": " + rd_kafka_error_string(error));
}

void make_kafka_topics(const std::string& url, const std::vector<std::string>& names,
                       std::int32_t partitions) {
  const KafkaClient client = open_kafka(RD_KAFKA_PRODUCER, url, {});
  const Queue queue(rd_kafka_queue_new(client.get()));
  std::vector<std::unique_ptr<rd_kafka_NewTopic_t, Freed>> topics;
  std::vector<rd_kafka_NewTopic_t*> raw;
  for (const std::string& name : names) {
    topics.emplace_back(rd_kafka_NewTopic_new(name.c_str(), partitions, -1, nullptr, 0));
    must_kafka(rd_kafka_NewTopic_set_config(topics.back().get(), "retention.ms", "-1"),
               "retention");
    raw.push_back(topics.back().get());
  }
  rd_kafka_CreateTopics(client.get(), raw.data(), raw.size(), nullptr, queue.get());
  const Event event = answer_of(queue, "create topics");
  std::size_t count = 0;
  const auto* const* results =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event.get()), &count);
  check_topics(results, count, RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS, "create topics");
}

void remove_kafka_topics(const std::string& url, std::string_view prefix) {
  const KafkaClient client = open_kafka(RD_KAFKA_PRODUCER, url, {});
  const Queue queue(rd_kafka_queue_new(client.get()));
  std::vector<std::unique_ptr<rd_kafka_DeleteTopic_t, Freed>> topics;
  std::vector<rd_kafka_DeleteTopic_t*> raw;
  for (const std::string& name : topics_of(*client)) {
    if (!name.starts_with(prefix)) continue;
    topics.emplace_back(rd_kafka_DeleteTopic_new(name.c_str()));
    raw.push_back(topics.back().get());
  }
  if (raw.empty()) return;
  rd_kafka_DeleteTopics(client.get(), raw.data(), raw.size(), nullptr, queue.get());
  const Event event = answer_of(queue, "delete topics");
  std::size_t count = 0;
  const auto* const* results =
      rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event.get()), &count);
  check_topics(results, count, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, "delete topics");
}

KafkaPartitions all_partitions(rd_kafka_t& client, const std::string& topic) {
  const KafkaTopic handle(rd_kafka_topic_new(&client, topic.c_str(), nullptr));
  const rd_kafka_metadata_t* metadata = nullptr;
  must_kafka(rd_kafka_metadata(&client, 0, handle.get(), &metadata, answer_ms), "metadata");
  const std::int32_t count = metadata->topics[0].partition_cnt;
  const rd_kafka_resp_err_t error = metadata->topics[0].err;
  rd_kafka_metadata_destroy(metadata);
  must_kafka(error, topic.c_str());
  KafkaPartitions partitions(rd_kafka_topic_partition_list_new(count));
  for (std::int32_t i = 0; i < count; ++i)
    rd_kafka_topic_partition_list_add(partitions.get(), topic.c_str(), i)->offset =
        RD_KAFKA_OFFSET_BEGINNING;
  return partitions;
}

}  // namespace millrace::bench
