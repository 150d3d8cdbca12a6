// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "kafka_proxy/protocol.hpp"
#include "kafka_proxy/sockets.hpp"
#include "kafka_proxy/wire.hpp"

namespace millrace::testkit {

/// A request of a given kind, with its size; `body` begins after the header.
std::string kafka_request(KafkaApi api, std::int16_t version, std::int32_t correlation_id,
                          std::string_view body = {}, std::string_view client_id = "client");

/// A program that responds to requests as the test says. One thread for each connection.
class FakeBroker {
 public:
  /// Gives the response, with its size, to a request.
  using Answer = std::function<std::string(const KafkaRequest&)>;

  /// The default returns {correlation id, 0 as i32, 0 as i16}.
  explicit FakeBroker(Answer answer = {});
  ~FakeBroker();

  [[nodiscard]] std::string address() const {
    return "127.0.0.1:" + std::to_string(port_.number());
  }
  [[nodiscard]] std::int32_t port() const { return port_.number(); }
  /// Writes responses byte by byte.
  void write_in_pieces() { pieces_ = true; }
  /// Reads on, but responds only after hush(false).
  void hush(bool quiet);
  /// Breaks all connections and refuses new ones.
  void die();

  /// Correlation ids of the requests so far, in their order.
  [[nodiscard]] std::vector<std::int32_t> requests() const;
  void wait_for_requests(std::size_t count) const;
  /// Waits until so many connections have ended.
  void wait_for_ends(std::size_t count) const;

 private:
  void accept_all();
  void serve(int fd);
  void answer(int fd, std::string_view frame);

  Answer answer_;
  bool pieces_ = false;
  kafka_proxy::Port port_;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::vector<std::int32_t> requests_;
  std::size_t ends_ = 0;
  bool quiet_ = false;
  bool dead_ = false;
  std::vector<kafka_proxy::Descriptor> sockets_;
  std::vector<std::thread> threads_;
  kafka_proxy::Waker stop_;
  std::thread acceptor_;
};

/// A blocking client of one connection.
class FakeClient {
 public:
  /// To `host:port` of the loopback; the first one when there are several.
  explicit FakeClient(std::string_view address);

  [[nodiscard]] bool is_connected() const { return socket_.is_open(); }
  void send(std::string_view bytes);
  void send_in_pieces(std::string_view bytes);
  /// The next frame without its size; nothing at the end of the stream.
  std::optional<std::string> receive();
  /// The correlation id of the next frame; -1 at the end of the stream.
  std::int32_t receive_id();
  void hang_up() { socket_.close(); }

 private:
  kafka_proxy::Descriptor socket_;
};

}  // namespace millrace::testkit
