// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "fake_kafka.hpp"
#include "wire/protocol.hpp"

namespace millrace::log::kafka {

/// Errors of brokers, by their numbers in the protocol.
namespace broker_error {
inline constexpr std::int16_t moved = 16;
inline constexpr std::int16_t not_authorized = 29;
inline constexpr std::int16_t out_of_order = 45;
inline constexpr std::int16_t bad_epoch = 47;
inline constexpr std::int16_t bad_state = 48;
inline constexpr std::int16_t bad_id = 49;
inline constexpr std::int16_t concurrent = 51;
inline constexpr std::int16_t no_key = 87;
inline constexpr std::int16_t fenced = 90;
inline constexpr std::int16_t abortable = 120;
}  // namespace broker_error

/// A cluster of one broker that keeps the rules of transactions for one producer and the topic `t`
/// of two partitions: what has another epoch than its own, or the wrong sequence, is refused.
/// Thread-safe.
class FakeTransactions {
 public:
  using Response = testkit::kafka_proxy::WireWriter;

  /// Of a cluster with this level of `transaction.version`. The producer begins in this epoch.
  explicit FakeTransactions(std::int16_t level, std::int16_t epoch = 0);

  [[nodiscard]] std::string address() const { return broker_.address(); }
  /// The level that is named to connections made from now on.
  void set_level(std::int16_t level);
  /// The highest version of a request that is named to connections made from now on.
  void limit(wire::Api api, std::int16_t version);

  /// The next question for the leaders of `t` names a broker at this port of loopback.
  void misname_leader(std::int32_t port);
  /// The next end of version 2 gives another producer id.
  void change_id();
  /// Questions for the leaders of `t` so far.
  [[nodiscard]] int asked_for_leaders();

  /// The next request of this kind fails with the error and changes nothing. That of a batch says
  /// `message`.
  void fail(wire::Api api, std::int16_t error, std::string message = {});
  /// The next request of this kind is carried out, and the last byte of the response never comes.
  void stall(wire::Api api);
  /// The next request of this kind is carried out, and the response says nothing.
  void garble(wire::Api api);

  /// The requests of transactions so far, such as `Produce v12 t/0 epoch 0 sequence 0`; a producer
  /// id that is not the first one stands before its epoch.
  [[nodiscard]] std::vector<std::string> requests();
  /// Batches that were written by transactions that were committed.
  [[nodiscard]] int committed();

 private:
  struct Fault {
    enum class Kind : std::uint8_t { fail, stall, garble };
    Kind kind = Kind::fail;
    std::int16_t error = 0;
    std::string message;
  };
  struct Written {
    std::int16_t error = 0;
    std::string message;
  };

  std::string respond(const testkit::KafkaRequest& request);
  void carry_out(const testkit::KafkaRequest& request, const Fault* fault, Response& out);
  void tell_versions(Response& out);
  void tell_metadata(wire::Decoder& in, Response& out);
  void init(wire::Decoder& in, std::int16_t version, std::int16_t error, Response& out);
  void produce(wire::Decoder& in, std::int16_t version, const Written& refused, Response& out);
  std::int16_t write(std::string_view batch, std::int32_t partition, std::int16_t error,
                     std::string& note);
  void move_positions(wire::Decoder& in, std::int16_t version, std::int16_t error, Response& out);
  void add_partitions(wire::Decoder& in, std::int16_t version, std::int16_t error, Response& out);
  void end(wire::Decoder& in, std::int16_t version, std::int16_t error, Response& out);
  std::int16_t end(std::int16_t version, std::int64_t id, std::int16_t epoch, bool commits);
  void rotate();

  std::mutex mutex_;
  std::int16_t level_;
  std::map<wire::Api, std::int16_t> limits_;
  std::map<wire::Api, std::deque<Fault>> faults_;
  std::vector<std::string> requests_;
  std::int64_t id_ = 7;
  std::int64_t id_before_ = -1;
  bool changes_id_ = false;
  std::int16_t epoch_;
  std::int16_t before_ = -1;  ///< the epoch that a renewed one replaced
  bool ended_by_commit_ = false;
  bool begun_ = false;  ///< something is in the open transaction
  int open_ = 0;        ///< batches in it
  int committed_ = 0;
  std::map<std::int32_t, std::int32_t> sequences_;  ///< by partition, of the next record
  std::int32_t misnamed_port_ = 0;                  ///< 0: no leader is misnamed
  int asked_for_leaders_ = 0;
  testkit::FakeBroker broker_;
};

}  // namespace millrace::log::kafka
