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

/// The requests of Kafka's protocol that a rule can select, by their API keys.
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

/// Which transactions the clients of a proxy may use, where the cluster has both (KIP-890).
enum class KafkaTransactions : std::uint8_t { version_1, version_2 };

/// One request, as input of KafkaRule's function. The views are valid during the call.
struct KafkaRequest {
  KafkaApi api{};
  std::int16_t version = 0;
  std::int32_t correlation_id = 0;
  /// node id of the broker that gets the request; -1 until it is known
  std::int32_t broker = -1;
  std::string_view client_id;  ///< empty when it has none
  /// for requests of producers; empty when the request has none
  std::string_view transactional_id;
  /// for requests of groups and offsets; empty when the request has none
  std::string_view group;
  std::optional<bool> commits;  ///< end_txn only: commit or abort
  std::string_view body;        ///< what follows the header
};

/// What happens to a request that a rule matches. Requests and responses of one connection keep
/// their order, so a request or response that is delayed or held also delays all later ones of the
/// connection.
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

  /// Nothing happens; the rule only counts.
  static KafkaFault none() { return {}; }
  /// The broker gets the request after this delay.
  static KafkaFault delay_request(std::int64_t delay_ms) {
    return {.kind = Kind::delay_request, .delay_ms = delay_ms};
  }
  /// The client gets the response after this delay.
  static KafkaFault delay_response(std::int64_t delay_ms) {
    return {.kind = Kind::delay_response, .delay_ms = delay_ms};
  }
  /// The broker gets the request when release() of the handle is called, even if the client has
  /// closed the connection meanwhile, like a packet that arrives late.
  static KafkaFault hold_request() { return {.kind = Kind::hold_request}; }
  /// The broker responds; the client gets the response when release() is called.
  static KafkaFault hold_response() { return {.kind = Kind::hold_response}; }
  /// The connection breaks; the broker never gets the request.
  static KafkaFault cut_before() { return {.kind = Kind::cut_before}; }
  /// The broker gets the request and responds, so it took effect; then the connection breaks
  /// instead of the response.
  static KafkaFault cut_after() { return {.kind = Kind::cut_after}; }
  /// The client gets this error (a number of Kafka's protocol) for the whole request, for each
  /// topic and partition; the broker never gets the request. For produce, fetch, offset_fetch,
  /// find_coordinator, heartbeat, sync_group, init_producer_id, add_partitions_to_txn,
  /// add_offsets_to_txn, end_txn and txn_offset_commit. An offset_fetch for all partitions of a
  /// group cannot get UNSTABLE_OFFSET_COMMIT (88), which is an error of partitions.
  static KafkaFault fail(std::int16_t error) { return {.kind = Kind::fail, .error = error}; }
  /// The same, but the broker gets the request and responds, so it took effect.
  static KafkaFault fail_after(std::int16_t error) {
    return {.kind = Kind::fail_after, .error = error};
  }
  /// The request is dropped: the broker never gets it, the client gets no response, and the
  /// connection stays open.
  static KafkaFault black_hole() { return {.kind = Kind::black_hole}; }
};

/// The requests that a fault affects. A request must match all members that are set.
struct KafkaRule {
  static constexpr std::uint64_t always = ~std::uint64_t{0};

  std::optional<KafkaApi> api{};  ///< empty: any request
  KafkaFault fault{};
  std::uint64_t skip = 0;   ///< this many matching requests pass first
  std::uint64_t times = 1;  ///< after that, this many matching requests are affected
  std::string client_id_prefix{};
  std::string transactional_id{};
  std::string group{};
  std::optional<bool> commits{};         ///< for end_txn: only commits, or only aborts
  std::optional<std::int32_t> broker{};  ///< node id
  /// Called in the thread of the proxy, one call at a time. It must not call the proxy.
  std::function<bool(const KafkaRequest&)> where{};
};

namespace kafka_proxy {
class Board;
class Loop;
struct RuleState;
class Waker;
}  // namespace kafka_proxy

/// A handle of a rule that was added. Copies refer to the same rule. The handle may outlive the
/// proxy. Its destruction does not remove the rule. Thread-safe. The functions that wait return
/// false after `limit_ms`, and when the proxy is destroyed.
class KafkaRuleHandle {
 public:
  /// Waits until the fault has been applied this many times: the request or response is held or its
  /// delay has begun, the connection is cut, or the error is being sent.
  [[nodiscard]] bool wait_until_applied(std::uint64_t times = 1,
                                        std::int64_t limit_ms = 120'000) const;
  /// The same, for rules that hold.
  [[nodiscard]] bool wait_until_held(std::uint64_t times = 1,
                                     std::int64_t limit_ms = 120'000) const {
    return wait_until_applied(times, limit_ms);
  }
  /// Waits until the broker has responded to this many affected requests, even if the client does
  /// not get the response. A request that is held counts after its release.
  [[nodiscard]] bool wait_until_answered(std::uint64_t times = 1,
                                         std::int64_t limit_ms = 120'000) const;
  /// Releases all requests and responses that the rule holds or will hold.
  void release() const;
  /// Drops all requests and responses that the rule holds or will hold, and closes their
  /// connections: the broker never gets the requests, and the client never gets the responses.
  void lose() const;
  /// Ends the rule; what it holds stays held.
  void remove() const;
  /// How often the fault was applied so far.
  [[nodiscard]] std::uint64_t applied() const;

 private:
  friend class KafkaProxy;
  std::shared_ptr<kafka_proxy::Board> board_;
  std::shared_ptr<kafka_proxy::RuleState> state_;
};

/// A proxy on the loopback for Kafka's protocol. It delays, cuts or fails chosen requests, so that
/// tests get outcomes that are rare on a network. It stands for all brokers of a cluster: it
/// replaces the addresses in the responses of brokers by its own addresses, so a client that starts
/// at `bootstrap()` never connects to a broker directly. Rules depend only on the requests, never
/// on time or chance.
///
///     testkit::KafkaProxy proxy("127.0.0.1:9092");
///     auto lost = proxy.add({.api = KafkaApi::end_txn, .fault = KafkaFault::cut_after()});
///     ... a producer at proxy.bootstrap() commits ...
///     EXPECT_TRUE(lost.wait_until_applied());  // committed, and the producer does not know
///
/// The proxy limits the versions of requests to those whose addresses and errors it can write. It
/// does not offer requests that would return addresses in other ways. No TLS, no SASL. It has one
/// thread. All members may be called in any thread. Failures throw TestError.
class KafkaProxy {
 public:
  /// Starts a proxy for the cluster with these addresses: `host:port[,host:port...]`. It does not
  /// connect to the cluster before the first client connects.
  explicit KafkaProxy(const std::string& brokers,
                      KafkaTransactions transactions = KafkaTransactions::version_1);
  /// Closes all connections; requests and responses that are held are lost.
  ~KafkaProxy();
  KafkaProxy(const KafkaProxy&) = delete;
  KafkaProxy& operator=(const KafkaProxy&) = delete;

  /// Addresses for clients, in the form of `brokers`.
  [[nodiscard]] const std::string& bootstrap() const { return bootstrap_; }

  /// Adds a rule for requests from now on. If several rules match a request, the rule that was
  /// added first is used; rules that are used up or still skip requests do not count. Throws when
  /// the proxy cannot write the error of the rule into the response of the request.
  KafkaRuleHandle add(KafkaRule rule);

  /// Closes every connection of a client. Requests that are held or delayed still get to the
  /// broker.
  void cut_all();
  /// While true, no new connection is possible, as when the network is down. Existing connections
  /// stay.
  void refuse_connections(bool refuse);

  /// The number of requests of this kind that came from clients.
  [[nodiscard]] std::uint64_t seen(KafkaApi api) const;
  /// Waits until this many have come; false after `limit_ms`.
  [[nodiscard]] bool wait_until_seen(KafkaApi api, std::uint64_t times,
                                     std::int64_t limit_ms = 120'000) const;

 private:
  std::shared_ptr<kafka_proxy::Board> board_;
  std::unique_ptr<kafka_proxy::Loop> loop_;
  std::string bootstrap_;
};

}  // namespace millrace::testkit
