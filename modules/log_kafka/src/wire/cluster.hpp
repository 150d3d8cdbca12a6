// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client.hpp"
#include "millrace/base/mutex.hpp"
#include "millrace/net/socket.hpp"
#include "wire/security.hpp"

namespace millrace::log::kafka::wire {

/// Which broker leads which partition, and where brokers listen: what librdkafka has received, kept
/// until somebody finds it wrong. Thread-safe.
class Cluster {
 public:
  explicit Cluster(Clock& clock) : clock_(clock) {}
  /// The client that asks from now on. Set before the first question; outlives the last.
  void served_by(rd_kafka_t* client) { client_ = client; }
  /// How its brokers are spoken to; null: in the open, as nobody. Set before the first connection.
  void secured_by(std::shared_ptr<const Security> security) { security_ = std::move(security); }
  [[nodiscard]] const std::shared_ptr<const Security>& security() const { return security_; }
  /// How long its connections may take until they are there (net::Socket).
  void connected_within(std::int64_t timeout_ns) { connect_timeout_ns_ = timeout_ns; }
  [[nodiscard]] std::int64_t connect_timeout_ns() const { return connect_timeout_ns_; }
  /// Which addresses of its brokers' hosts are used. Set before the first connection.
  void reached_by(net::AddressFamily family) { family_ = family; }
  /// Where a broker listens that the cluster named so.
  [[nodiscard]] net::Address address_of(std::string host, std::int32_t port) const {
    return {std::move(host), port, family_};
  }
  /// By which connections with its brokers time out.
  [[nodiscard]] Clock& clock() const { return clock_; }

  /// Where the leader of a partition listens; asked for when it is not known, for at most so long.
  /// errc::unavailable while there is none, unknown_topic, not_authorized.
  [[nodiscard]] Result<net::Address> leader(const KafkaPartition& partition, int timeout_ms);
  /// The leader proved wrong: the next question is sent to the cluster again.
  void forget(const std::string& topic);
  /// Any broker, another one at each call, from those that are there now. errc::unavailable.
  [[nodiscard]] Result<net::Address> any(int timeout_ms);
  /// All brokers that the cluster names now. errc::unavailable.
  [[nodiscard]] Result<std::vector<net::Address>> all(int timeout_ms);

 private:
  Status ask(const std::string* topic, int timeout_ms);

  Clock& clock_;
  rd_kafka_t* client_ = nullptr;
  std::shared_ptr<const Security> security_;
  std::int64_t connect_timeout_ns_ = net::Socket::default_timeout_ns;
  net::AddressFamily family_ = net::AddressFamily::any;
  Mutex mutex_;
  std::map<std::int32_t, net::Address> brokers_ MILLRACE_GUARDED_BY(mutex_);
  // Of each topic, by partition; -1: none.
  std::map<std::string, std::vector<std::int32_t>> leaders_ MILLRACE_GUARDED_BY(mutex_);
  std::size_t turn_ MILLRACE_GUARDED_BY(mutex_) = 0;
};

}  // namespace millrace::log::kafka::wire
