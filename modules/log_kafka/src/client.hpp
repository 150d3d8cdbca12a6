// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <librdkafka/rdkafka.h>

#include <compare>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "millrace/base/clock.hpp"
#include "millrace/base/mutex.hpp"
#include "millrace/log/log.hpp"
#include "topic_uuid.hpp"
#include "url.hpp"
#include "wire/compressor.hpp"

namespace millrace::log::kafka {

namespace wire {
class Cluster;
}
struct ClientEvents;

struct Destroy {
  void operator()(rd_kafka_t* it) const { rd_kafka_destroy(it); }
  void operator()(rd_kafka_topic_t* it) const { rd_kafka_topic_destroy(it); }
  void operator()(rd_kafka_queue_t* it) const { rd_kafka_queue_destroy(it); }
  void operator()(rd_kafka_conf_t* it) const { rd_kafka_conf_destroy(it); }
  void operator()(rd_kafka_topic_partition_list_t* it) const {
    rd_kafka_topic_partition_list_destroy(it);
  }
  void operator()(rd_kafka_error_t* it) const { rd_kafka_error_destroy(it); }
  void operator()(rd_kafka_event_t* it) const { rd_kafka_event_destroy(it); }
  void operator()(rd_kafka_AdminOptions_t* it) const { rd_kafka_AdminOptions_destroy(it); }
};
/// Owns an object of librdkafka.
template <class T>
using Owned = std::unique_ptr<T, Destroy>;
using PartitionList = Owned<rd_kafka_topic_partition_list_t>;

/// A topic's name in Kafka and a partition of it.
struct KafkaPartition {
  std::string topic;
  std::int32_t partition = 0;
  /// Of the topic that is meant, where the cluster has ids. Requests that can name it do; it is no
  /// part of the comparison.
  TopicUuid id = {};
  friend bool operator==(const KafkaPartition& a, const KafkaPartition& b) {
    return (a <=> b) == std::strong_ordering::equal;
  }
  friend std::strong_ordering operator<=>(const KafkaPartition& a, const KafkaPartition& b) {
    return std::tie(a.topic, a.partition) <=> std::tie(b.topic, b.partition);
  }
};

/// Where a group continues in a partition.
struct GroupPosition {
  KafkaPartition partition;
  Offset next;
  friend bool operator==(const GroupPosition&, const GroupPosition&) = default;
};

/// What all clients of one Log handle have in common. Thread-safe after construction; the clock
/// outlives it.
class ClientConfig {
 public:
  /// The source of tokens counts where the settings have us log in by one.
  ClientConfig(Url url, const LogOptions& options, Clock& clock, KafkaTokenSource token = {});
  ~ClientConfig();
  ClientConfig(const ClientConfig&) = delete;
  ClientConfig& operator=(const ClientConfig&) = delete;

  /// errc::invalid_argument for settings of ours and of compression that cannot be, and for
  /// certificates, keys and tokens that cannot be used. errc::unsupported for a setting of TLS or
  /// SASL that librdkafka has and connections of our own have not.
  [[nodiscard]] Status check() const;

  /// Makes a client; `own` goes over the defaults, the user's settings over both, except where the
  /// contract depends on `fixed`. errc::invalid_argument for a setting librdkafka does not take.
  [[nodiscard]] Result<Owned<rd_kafka_t>> make(rd_kafka_type_t type, const Settings& own,
                                               const Settings& fixed, ClientEvents& events) const;

  [[nodiscard]] const Url& url() const { return url_; }
  /// Empty when nobody logs in by a token.
  [[nodiscard]] const KafkaTokenSource& token() const { return token_; }
  /// By which requests time out.
  [[nodiscard]] Clock& clock() const { return clock_; }
  [[nodiscard]] std::string in_kafka(std::string_view name) const {
    return url_.prefix + std::string(name);
  }
  /// How long a request to the cluster may take: the setting `millrace.request.timeout.ms`.
  [[nodiscard]] int timeout_ms() const { return timeout_ms_; }
  [[nodiscard]] const std::string& client_id() const { return client_id_; }
  /// What the user set, or the default where that is nothing or no number.
  [[nodiscard]] std::int64_t number(std::string_view setting, std::int64_t otherwise) const;

  /// How batches are compressed that are written.
  [[nodiscard]] const wire::Compression& compression() const { return compression_; }
  /// Where connections of our own (wire/) lead. Served by the reader's client.
  [[nodiscard]] wire::Cluster* cluster() const { return cluster_.get(); }

 private:
  Status read_timeout();
  Status read_compression();
  [[nodiscard]] Status check_client() const;
  Status secure();
  /// Nothing when the user did not set it.
  [[nodiscard]] const std::string* user_setting(std::string_view name) const;

  Url url_;
  Clock& clock_;
  KafkaTokenSource token_;
  std::string client_id_;
  int timeout_ms_ = 10'000;
  std::unique_ptr<wire::Cluster> cluster_;
  wire::Compression compression_;
  Status status_;  // what the constructor could not return
};

/// The last error that a client reported about its connections, so that errors name the cause.
class LastError {
 public:
  void set(int code, const char* reason);
  /// `; the client says: ...`, or nothing.
  [[nodiscard]] std::string text() const;
  void clear();

 private:
  mutable Mutex mutex_;
  std::string last_ MILLRACE_GUARDED_BY(mutex_);
};

/// TRANSACTION_ABORTABLE (KIP-890), which librdkafka does not know: the transaction is to be
/// aborted, and the next one may succeed.
inline constexpr auto transaction_abortable = static_cast<rd_kafka_resp_err_t>(120);

/// UNKNOWN_TOPIC_ID and INCONSISTENT_TOPIC_ID (KIP-516), which librdkafka does not know either: the
/// broker has no topic of that id, or another one of the name.
inline constexpr auto unknown_topic_id = static_cast<rd_kafka_resp_err_t>(100);
inline constexpr auto inconsistent_topic_id = static_cast<rd_kafka_resp_err_t>(103);
[[nodiscard]] constexpr bool is_unknown_id(rd_kafka_resp_err_t code) {
  return code == unknown_topic_id || code == inconsistent_topic_id;
}

/// Whether an error is of a kind that passes by itself: a broker away, a coordinator moving.
[[nodiscard]] bool is_passing(rd_kafka_resp_err_t code);
/// The error of Millrace for one of librdkafka's; `doing` says what was tried.
[[nodiscard]] Error error_of(rd_kafka_resp_err_t code, std::string_view doing,
                             std::string_view detail = {});

}  // namespace millrace::log::kafka
