// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace millrace::testkit {

/// The requests of Kafka's protocol that a rule can name, by their api keys.
enum class KafkaApi : std::int16_t {
  produce = 0,
  fetch = 1,
  list_offsets = 2,
  metadata = 3,
  offset_commit = 8,
  offset_fetch = 9,
  find_coordinator = 10,
  join_group = 11,
  heartbeat = 12,
  leave_group = 13,
  sync_group = 14,
  describe_groups = 15,
  list_groups = 16,
  sasl_handshake = 17,
  api_versions = 18,
  create_topics = 19,
  delete_topics = 20,
  delete_records = 21,
  init_producer_id = 22,
  offset_for_leader_epoch = 23,
  add_partitions_to_txn = 24,
  add_offsets_to_txn = 25,
  end_txn = 26,
  txn_offset_commit = 28,
  describe_configs = 32,
  create_partitions = 37,
  delete_groups = 42,
  incremental_alter_configs = 44,
};

/// What a rule sees of one request. The views live as long as the call that got them.
struct KafkaRequest {
  KafkaApi api{};
  std::int16_t version = 0;
  std::int32_t correlation_id = 0;
  std::int32_t broker = -1;           ///< node id of the broker it is for; -1 until it is known
  std::string_view client_id;         ///< empty when it has none
  std::string_view transactional_id;  ///< of producers' requests; empty when it has none
  std::string_view group;             ///< of groups' and offsets' requests; empty when it has none
  std::optional<bool> commits;        ///< end_txn only: commit or abort
  std::string_view body;              ///< what follows the header
};

/// What happens to a request that a rule strikes. Requests and responses of one connection keep
/// their order, so what is delayed or held keeps those behind it waiting.
struct KafkaFault {
  enum class Kind : std::uint8_t {
    none,
    delay_request,
    delay_response,
    hold_request,
    hold_response,
    cut_before,
    cut_after,
    fail,
    fail_after,
    black_hole,
  };
  Kind kind = Kind::none;
  std::int64_t delay_ms = 0;
  std::int16_t error = 0;

  /// Nothing; the rule only counts.
  static KafkaFault none() { return {}; }
  /// The broker gets the request that much later.
  static KafkaFault delay_request(std::int64_t delay_ms) {
    return {.kind = Kind::delay_request, .delay_ms = delay_ms};
  }
  /// The client gets the response that much later.
  static KafkaFault delay_response(std::int64_t delay_ms) {
    return {.kind = Kind::delay_response, .delay_ms = delay_ms};
  }
  /// The broker gets the request when the handle's release() is called, also when the client has
  /// hung up meanwhile: it is a packet that arrives late.
  static KafkaFault hold_request() { return {.kind = Kind::hold_request}; }
  /// The broker has answered; the client hears of it when release() is called.
  static KafkaFault hold_response() { return {.kind = Kind::hold_response}; }
  /// The connection breaks; the broker never sees the request.
  static KafkaFault cut_before() { return {.kind = Kind::cut_before}; }
  /// The broker gets the request and responds, so it took effect; then the connection breaks
  /// instead of the response.
  static KafkaFault cut_after() { return {.kind = Kind::cut_after}; }
  /// The client gets this error (a number of Kafka's protocol) for the whole request, every topic
  /// and partition of it; the broker never sees it. For produce, fetch, offset_fetch,
  /// find_coordinator, heartbeat, sync_group, init_producer_id, add_partitions_to_txn,
  /// add_offsets_to_txn, end_txn and txn_offset_commit. An offset_fetch for all that a group has
  /// cannot be given UNSTABLE_OFFSET_COMMIT (88), which is an error of partitions.
  static KafkaFault fail(std::int16_t error) { return {.kind = Kind::fail, .error = error}; }
  /// The same, but the broker gets the request and responds, so it took effect.
  static KafkaFault fail_after(std::int16_t error) {
    return {.kind = Kind::fail_after, .error = error};
  }
  /// The request vanishes: the broker never sees it, the client hears nothing, the connection
  /// stays.
  static KafkaFault black_hole() { return {.kind = Kind::black_hole}; }
};

/// Which requests a fault strikes. All that is set must hold.
struct KafkaRule {
  static constexpr std::uint64_t always = ~std::uint64_t{0};

  std::optional<KafkaApi> api{};  ///< any when empty
  KafkaFault fault{};
  std::uint64_t skip = 0;   ///< so many that fit pass first
  std::uint64_t times = 1;  ///< then so many are struck
  std::string client_id_prefix{};
  std::string transactional_id{};
  std::string group{};
  std::optional<bool> commits{};         ///< of end_txn: only commits, or only aborts
  std::optional<std::int32_t> broker{};  ///< node id
  /// Called on the proxy's thread, one at a time; may not call the proxy.
  std::function<bool(const KafkaRequest&)> where{};
};

namespace kafka_proxy {
class Board;
class Loop;
struct RuleState;
class Waker;
}  // namespace kafka_proxy

/// A rule that was added. Copies name the same rule; it may outlive the proxy and be dropped at any
/// time, which leaves the rule in force. Thread-safe. The waits end early, answering false, after
/// `limit_ms` and when the proxy is destroyed.
class KafkaRuleHandle {
 public:
  /// Waits until the fault has struck that many times: the request or response is held or its delay
  /// has begun, the connection is cut, the error is under way.
  [[nodiscard]] bool wait_until_applied(std::uint64_t times = 1,
                                        std::int64_t limit_ms = 120'000) const;
  /// The same, for rules that hold.
  [[nodiscard]] bool wait_until_held(std::uint64_t times = 1,
                                     std::int64_t limit_ms = 120'000) const {
    return wait_until_applied(times, limit_ms);
  }
  /// Waits until the broker has answered that many of the struck requests, whether the client hears
  /// of it or not. What is held as a request counts once it was released.
  [[nodiscard]] bool wait_until_answered(std::uint64_t times = 1,
                                         std::int64_t limit_ms = 120'000) const;
  /// Lets go what the rule holds and will hold.
  void release() const;
  /// Loses what the rule holds and will hold, together with its connection: requests never get to
  /// the broker, responses never to the client.
  void lose() const;
  /// The rule strikes no more; what it holds stays held.
  void remove() const;
  /// How often the fault struck so far.
  [[nodiscard]] std::uint64_t applied() const;

 private:
  friend class KafkaProxy;
  std::shared_ptr<kafka_proxy::Board> board_;
  std::shared_ptr<kafka_proxy::RuleState> state_;
};

/// A proxy on the loopback for Kafka's protocol that delays, cuts or fails chosen requests, to
/// bring about outcomes that a network brings about rarely. It speaks for every broker of a
/// cluster: addresses in the brokers' responses are replaced by its own, so a client that starts at
/// `bootstrap()` never meets a broker by itself. Rules strike by what arrives, never by time or
/// chance.
///
///     testkit::KafkaProxy proxy("127.0.0.1:9092");
///     auto lost = proxy.add({.api = KafkaApi::end_txn, .fault = KafkaFault::cut_after()});
///     ... a producer at proxy.bootstrap() commits ...
///     EXPECT_TRUE(lost.wait_until_applied());  // committed, and the producer does not know
///
/// Versions that clients may use are lowered to those whose addresses and errors the proxy can
/// write; requests that would tell addresses in other ways are withheld. No TLS, no SASL. It has
/// one thread of its own; all members may be called from any thread. Failures throw TestError.
class KafkaProxy {
 public:
  /// Stands before the cluster with these addresses: `host:port[,host:port...]`. Nothing is asked
  /// of the cluster before the first client comes.
  explicit KafkaProxy(const std::string& brokers);
  /// Breaks all connections; what is held is lost.
  ~KafkaProxy();
  KafkaProxy(const KafkaProxy&) = delete;
  KafkaProxy& operator=(const KafkaProxy&) = delete;

  /// Addresses for clients, in the form of `brokers`.
  [[nodiscard]] const std::string& bootstrap() const { return bootstrap_; }

  /// From now on requests that fit are struck. Of several rules that fit the one added first is
  /// taken, those that are used up or still skipping left aside. Throws when the rule fails
  /// requests for which there is no error to write.
  KafkaRuleHandle add(KafkaRule rule);

  /// Breaks every connection of a client. Requests that are held or delayed still get to the
  /// broker.
  void cut_all();
  /// While true, nobody can connect: the network is down for those who are not connected.
  void refuse_connections(bool refuse);

  /// How many requests of this kind have come from clients.
  [[nodiscard]] std::uint64_t seen(KafkaApi api) const;
  /// Waits until that many have come; false after `limit_ms`.
  [[nodiscard]] bool wait_until_seen(KafkaApi api, std::uint64_t times,
                                     std::int64_t limit_ms = 120'000) const;

 private:
  std::shared_ptr<kafka_proxy::Board> board_;
  std::unique_ptr<kafka_proxy::Loop> loop_;
  std::string bootstrap_;
};

}  // namespace millrace::testkit
