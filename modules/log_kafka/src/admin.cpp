// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "admin.hpp"

#include <functional>

#include "millrace/log/errors.hpp"

namespace millrace::log::kafka {
namespace {

/// Sends a request and waits for its event.
Result<Owned<rd_kafka_event_t>> ask(
    rd_kafka_t* client, rd_kafka_admin_op_t kind, int timeout_ms, const std::string& doing,
    const std::function<void(const rd_kafka_AdminOptions_t*, rd_kafka_queue_t*)>& send,
    const std::function<void(rd_kafka_AdminOptions_t*)>& more = nullptr) {
  const Owned<rd_kafka_AdminOptions_t> options(rd_kafka_AdminOptions_new(client, kind));
  char reason[256];
  if (rd_kafka_AdminOptions_set_request_timeout(options.get(), timeout_ms, reason, sizeof reason) !=
      RD_KAFKA_RESP_ERR_NO_ERROR)
    return fail(errc::invalid_argument, doing + ": " + reason);
  if (more) more(options.get());
  const Owned<rd_kafka_queue_t> queue(rd_kafka_queue_new(client));
  send(options.get(), queue.get());
  Owned<rd_kafka_event_t> event(rd_kafka_queue_poll(queue.get(), timeout_ms + 1'000));
  if (event == nullptr)
    return fail(errc::unavailable, doing + ": no answer in " + std::to_string(timeout_ms) + " ms");
  const rd_kafka_resp_err_t code = rd_kafka_event_error(event.get());
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
    return fail(error_of(code, doing + ": " + rd_kafka_event_error_string(event.get())));
  return event;
}

}  // namespace

Result<bool> create_topic(rd_kafka_t* client, const std::string& name, std::int32_t partitions,
                          const Settings& config, int timeout_ms) {
  const std::string doing = "creating topic " + name;
  char reason[256];
  rd_kafka_NewTopic_t* topic =
      rd_kafka_NewTopic_new(name.c_str(), partitions, -1, reason, sizeof reason);
  if (topic == nullptr) return fail(errc::invalid_argument, doing + ": " + reason);
  for (const auto& [setting, value] : config)
    rd_kafka_NewTopic_set_config(topic, setting.c_str(), value.c_str());
  const auto event = ask(
      client, RD_KAFKA_ADMIN_OP_CREATETOPICS, timeout_ms, doing,
      [&](const rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue) {
        rd_kafka_CreateTopics(client, &topic, 1, options, queue);
      },
      [&](rd_kafka_AdminOptions_t* options) {
        char ignored[256];
        rd_kafka_AdminOptions_set_operation_timeout(options, timeout_ms, ignored, sizeof ignored);
      });
  rd_kafka_NewTopic_destroy(topic);
  if (!event) return fail(event.error());
  std::size_t count = 0;
  const rd_kafka_topic_result_t** const results =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event->get()), &count);
  const rd_kafka_resp_err_t code =
      count == 0 ? RD_KAFKA_RESP_ERR__FAIL : rd_kafka_topic_result_error(results[0]);
  if (code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) return false;
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    const char* const why = count == 0 ? nullptr : rd_kafka_topic_result_error_string(results[0]);
    return fail(error_of(code, why == nullptr ? doing : doing + ": " + why));
  }
  return true;
}

Status delete_topic(rd_kafka_t* client, const std::string& name, int timeout_ms) {
  const std::string doing = "deleting topic " + name;
  rd_kafka_DeleteTopic_t* topic = rd_kafka_DeleteTopic_new(name.c_str());
  const auto event = ask(
      client, RD_KAFKA_ADMIN_OP_DELETETOPICS, timeout_ms, doing,
      [&](const rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue) {
        rd_kafka_DeleteTopics(client, &topic, 1, options, queue);
      },
      [&](rd_kafka_AdminOptions_t* options) {
        char ignored[256];
        rd_kafka_AdminOptions_set_operation_timeout(options, timeout_ms, ignored, sizeof ignored);
      });
  rd_kafka_DeleteTopic_destroy(topic);
  if (!event) return fail(event.error());
  std::size_t count = 0;
  const rd_kafka_topic_result_t** const results =
      rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event->get()), &count);
  const rd_kafka_resp_err_t code =
      count == 0 ? RD_KAFKA_RESP_ERR__FAIL : rd_kafka_topic_result_error(results[0]);
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
    return {};
  const char* const why = count == 0 ? nullptr : rd_kafka_topic_result_error_string(results[0]);
  return fail(error_of(code, why == nullptr ? doing : doing + ": " + why));
}

Status create_partitions(rd_kafka_t* client, const std::string& name, std::int32_t total,
                         int timeout_ms) {
  const std::string doing = "adding partitions to topic " + name;
  char reason[256];
  rd_kafka_NewPartitions_t* added = rd_kafka_NewPartitions_new(
      name.c_str(), static_cast<std::size_t>(total), reason, sizeof reason);
  if (added == nullptr) return fail(errc::invalid_argument, doing + ": " + reason);
  const auto event = ask(
      client, RD_KAFKA_ADMIN_OP_CREATEPARTITIONS, timeout_ms, doing,
      [&](const rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue) {
        rd_kafka_CreatePartitions(client, &added, 1, options, queue);
      },
      [&](rd_kafka_AdminOptions_t* options) {
        char ignored[256];
        rd_kafka_AdminOptions_set_operation_timeout(options, timeout_ms, ignored, sizeof ignored);
      });
  rd_kafka_NewPartitions_destroy(added);
  if (!event) return fail(event.error());
  std::size_t count = 0;
  const rd_kafka_topic_result_t** const results = rd_kafka_CreatePartitions_result_topics(
      rd_kafka_event_CreatePartitions_result(event->get()), &count);
  const rd_kafka_resp_err_t code =
      count == 0 ? RD_KAFKA_RESP_ERR__FAIL : rd_kafka_topic_result_error(results[0]);
  // The second: the topic has as many or more, of which the broker that was asked has not heard.
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR_INVALID_PARTITIONS) return {};
  const char* const why = count == 0 ? nullptr : rd_kafka_topic_result_error_string(results[0]);
  return fail(error_of(code, why == nullptr ? doing : doing + ": " + why));
}

Result<std::optional<std::int32_t>> find_partitions(rd_kafka_t* client, const std::string& name,
                                                    int timeout_ms) {
  rd_kafka_topic_t* const topic = rd_kafka_topic_new(client, name.c_str(), nullptr);
  if (topic == nullptr) return fail(error_of(rd_kafka_last_error(), "looking for topic " + name));
  const Owned<rd_kafka_topic_t> owned(topic);
  const rd_kafka_metadata_t* metadata = nullptr;
  const rd_kafka_resp_err_t code = rd_kafka_metadata(client, 0, topic, &metadata, timeout_ms);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return fail(error_of(code, "looking for topic " + name));
  std::optional<std::int32_t> partitions;
  rd_kafka_resp_err_t answer = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
  if (metadata->topic_cnt == 1) {
    answer = metadata->topics[0].err;
    partitions = metadata->topics[0].partition_cnt;
  }
  rd_kafka_metadata_destroy(metadata);
  if (answer == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
      answer == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION)
    return std::nullopt;
  if (answer != RD_KAFKA_RESP_ERR_NO_ERROR && answer != RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE)
    return fail(error_of(answer, "looking for topic " + name));
  return partitions;
}

Result<std::map<std::string, std::string>> topic_config(rd_kafka_t* client, const std::string& name,
                                                        int timeout_ms) {
  const std::string doing = "reading the settings of topic " + name;
  rd_kafka_ConfigResource_t* resource =
      rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, name.c_str());
  const auto event = ask(client, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, timeout_ms, doing,
                         [&](const rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue) {
                           rd_kafka_DescribeConfigs(client, &resource, 1, options, queue);
                         });
  rd_kafka_ConfigResource_destroy(resource);
  if (!event) return fail(event.error());
  std::size_t count = 0;
  const rd_kafka_ConfigResource_t** const results = rd_kafka_DescribeConfigs_result_resources(
      rd_kafka_event_DescribeConfigs_result(event->get()), &count);
  std::map<std::string, std::string> config;
  if (count == 0) return fail(errc::unavailable, doing + ": the broker named no topic");
  if (const auto code = rd_kafka_ConfigResource_error(results[0]);
      code != RD_KAFKA_RESP_ERR_NO_ERROR)
    return fail(error_of(code, doing));
  std::size_t entries = 0;
  const rd_kafka_ConfigEntry_t** const all = rd_kafka_ConfigResource_configs(results[0], &entries);
  for (std::size_t i = 0; i < entries; ++i) {
    const char* const value = rd_kafka_ConfigEntry_value(all[i]);
    config[rd_kafka_ConfigEntry_name(all[i])] = value == nullptr ? "" : value;
  }
  return config;
}

Status delete_before(rd_kafka_t* client, const KafkaPartition& at, Offset before, int timeout_ms) {
  const PartitionList list(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(list.get(), at.topic.c_str(), at.partition)->offset =
      before.value;
  rd_kafka_DeleteRecords_t* request = rd_kafka_DeleteRecords_new(list.get());
  const auto event =
      ask(client, RD_KAFKA_ADMIN_OP_DELETERECORDS, timeout_ms, "trimming " + at.topic,
          [&](const rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue) {
            rd_kafka_DeleteRecords(client, &request, 1, options, queue);
          });
  rd_kafka_DeleteRecords_destroy(request);
  if (!event) return fail(event.error());
  const rd_kafka_topic_partition_list_t* const results =
      rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event->get()));
  for (int i = 0; i < results->cnt; ++i) {
    if (results->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR)
      return fail(error_of(results->elems[i].err, "trimming " + at.topic));
  }
  return {};
}

Result<std::string> cluster_id(rd_kafka_t* client, int timeout_ms) {
  char* const id = rd_kafka_clusterid(client, timeout_ms);
  if (id == nullptr)
    return fail(errc::unavailable, "no broker answered in " + std::to_string(timeout_ms) + " ms");
  std::string text(id);
  rd_kafka_mem_free(client, id);
  return text;
}

}  // namespace millrace::log::kafka
