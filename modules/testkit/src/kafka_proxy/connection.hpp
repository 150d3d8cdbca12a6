// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>

#include "kafka_proxy/board.hpp"
#include "kafka_proxy/framed_socket.hpp"
#include "kafka_proxy/protocol.hpp"

namespace millrace::testkit::kafka_proxy {

/// A client's connection and the one to the broker that goes with it. Requests pass in order, each
/// is matched with its response by correlation id, and clients get the responses in the order of
/// their requests. When the client is gone, what it has sent still gets to the broker. Used by the
/// proxy's thread alone.
class Connection {
 public:
  using Moment = std::chrono::steady_clock::time_point;

  /// The board and what `advertise` needs outlive it.
  Connection(Descriptor client, Descriptor broker, Board& board, Advertise advertise,
             KafkaTransactions transactions)
      : client_(std::move(client), false),
        broker_(std::move(broker), true),
        board_(&board),
        advertise_(std::move(advertise)),
        transactions_(transactions) {}

  [[nodiscard]] int client_fd() const { return client_.fd(); }
  [[nodiscard]] int broker_fd() const { return broker_.fd(); }
  [[nodiscard]] short client_events() const;
  [[nodiscard]] short broker_events() const;

  /// `node` is the broker's id, -1 while it is not known.
  void on_client(short events, std::int32_t node, Moment now);
  void on_broker(short events, Moment now);
  /// Moves on what may: after events, when a hold was released and when next_due() has come.
  void pump(Moment now);
  /// Breaks the client's side.
  void cut();

  [[nodiscard]] std::optional<Moment> next_due() const;
  [[nodiscard]] bool is_over() const { return !client_.is_open() && !broker_.is_open(); }

 private:
  enum class Stage : std::uint8_t { queued, passed_on, answered };
  enum class Step : std::uint8_t { waits, goes, is_lost };
  struct Exchange {
    KafkaApi api{};
    std::int16_t version = 0;
    std::int32_t correlation_id = 0;
    bool has_response = true;
    Stage stage = Stage::queued;
    Rule rule;
    bool struck = false;
    std::string frame;    ///< the request; once answered, the response
    std::string failure;  ///< given instead of the broker's response
    Moment due{};

    [[nodiscard]] KafkaFault::Kind fault() const {
      return rule ? rule->rule.fault.kind : KafkaFault::Kind::none;
    }
  };

  void take_request(std::string frame, std::int32_t node, Moment now);
  void take_response(std::string frame, Moment now);
  void pass_on(Moment now);
  void pass_on_next();
  void fail_next();
  void fail_next_later();
  void answer(Moment now);
  void settle_ends();
  Step hold(Exchange& exchange);
  void strike(Exchange& exchange);
  /// Breaks the client's side and forgets the requests from the next one on.
  void lose_the_rest();

  FramedSocket client_;
  FramedSocket broker_;
  Board* board_;
  Advertise advertise_;
  KafkaTransactions transactions_;
  std::deque<Exchange> exchanges_;
  std::size_t next_ = 0;  ///< the first that is still queued
  std::size_t queued_bytes_ = 0;
  bool finished_writing_ = false;
};

}  // namespace millrace::testkit::kafka_proxy
