// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "wire/cluster.hpp"

#include <algorithm>
#include <memory>
#include <span>

#include "millrace/log/errors.hpp"

namespace millrace::log::kafka::wire {
namespace {

struct DestroyMetadata {
  void operator()(const rd_kafka_metadata_t* it) const { rd_kafka_metadata_destroy(it); }
};

}  // namespace

Status Cluster::ask(const std::string* topic, int timeout_ms) {
  Owned<rd_kafka_topic_t> handle;
  if (topic != nullptr) {
    handle.reset(rd_kafka_topic_new(client_, topic->c_str(), nullptr));
    if (handle == nullptr)
      return fail(error_of(rd_kafka_last_error(), "finding the leaders of " + *topic));
  }
  const std::string doing =
      topic == nullptr ? "finding the brokers" : "finding the leaders of " + *topic;
  const rd_kafka_metadata_t* answered = nullptr;
  const rd_kafka_resp_err_t code =
      rd_kafka_metadata(client_, 0, handle.get(), &answered, timeout_ms);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return fail(error_of(code, doing));
  const std::unique_ptr<const rd_kafka_metadata_t, DestroyMetadata> metadata(answered);
  const MutexLock lock(mutex_);
  brokers_.clear();
  for (int i = 0; i < metadata->broker_cnt; ++i) {
    const rd_kafka_metadata_broker_t& broker = metadata->brokers[i];
    brokers_[broker.id] = address_of(broker.host, broker.port);
  }
  if (topic == nullptr) return {};
  const std::span<const rd_kafka_metadata_topic_t> topics(
      metadata->topics, static_cast<std::size_t>(metadata->topic_cnt));
  const auto found = std::find_if(topics.begin(), topics.end(),
                                  [&](const auto& one) { return *topic == one.topic; });
  if (found == topics.end()) return fail(error_of(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, doing));
  if (found->err != RD_KAFKA_RESP_ERR_NO_ERROR) return fail(error_of(found->err, doing));
  std::vector<std::int32_t>& leaders = leaders_[*topic];
  leaders.assign(static_cast<std::size_t>(found->partition_cnt), -1);
  for (int i = 0; i < found->partition_cnt; ++i) {
    const rd_kafka_metadata_partition_t& one = found->partitions[i];
    if (one.id >= 0 && one.id < found->partition_cnt)
      leaders[static_cast<std::size_t>(one.id)] = one.leader;
  }
  return {};
}

Result<net::Address> Cluster::leader(const KafkaPartition& partition, int timeout_ms) {
  for (bool asked = false;; asked = true) {
    {
      const MutexLock lock(mutex_);
      const auto found = leaders_.find(partition.topic);
      if (found != leaders_.end() &&
          static_cast<std::size_t>(partition.partition) < found->second.size()) {
        const auto broker =
            brokers_.find(found->second[static_cast<std::size_t>(partition.partition)]);
        if (broker != brokers_.end()) return broker->second;
      }
    }
    if (asked)
      return fail(errc::unavailable, partition.topic + "/" + std::to_string(partition.partition) +
                                         " has no leader just now");
    MILLRACE_TRY(ask(&partition.topic, timeout_ms));
  }
}

void Cluster::forget(const std::string& topic) {
  const MutexLock lock(mutex_);
  leaders_.erase(topic);
}

Result<net::Address> Cluster::any(int timeout_ms) {
  const Status asked = ask(nullptr, timeout_ms);
  const MutexLock lock(mutex_);
  if (brokers_.empty()) {
    MILLRACE_TRY(asked);
    return fail(errc::unavailable, "the cluster names no broker");
  }
  const auto next = static_cast<std::ptrdiff_t>(turn_++ % brokers_.size());
  return std::next(brokers_.begin(), next)->second;
}

Result<std::vector<net::Address>> Cluster::all(int timeout_ms) {
  MILLRACE_TRY(ask(nullptr, timeout_ms));
  const MutexLock lock(mutex_);
  std::vector<net::Address> brokers;
  for (const auto& [id, address] : brokers_)
    brokers.push_back(address);
  return brokers;
}

}  // namespace millrace::log::kafka::wire
