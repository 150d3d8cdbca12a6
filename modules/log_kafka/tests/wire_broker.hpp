// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <optional>
#include <string>
#include <thread>

#include "millrace/base/clock.hpp"
#include "wire/connection.hpp"

// Brokers that are sockets and say what a test wants.
namespace millrace::log::kafka::wire {

/// Listens and hands one connection to a function on a thread of its own.
class Broker {
 public:
  explicit Broker(std::function<void(int)> serve) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const raw = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener_, raw, size) != 0 || ::listen(listener_, 1) != 0 ||
        ::getsockname(listener_, raw, &size) != 0)
      ADD_FAILURE() << "no port to be had";
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, serve = std::move(serve)] {
      const int connection = ::accept(listener_, nullptr, nullptr);
      if (connection < 0) return;
      serve(connection);
      ::close(connection);
    });
  }
  ~Broker() {
    thread_.join();
    ::close(listener_);
  }
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;
  [[nodiscard]] Address address() const { return {"127.0.0.1", port_}; }

 private:
  int listener_ = -1;
  std::int32_t port_ = 0;
  std::thread thread_;
};

inline std::string read_exactly(int socket, std::size_t bytes) {
  std::string all(bytes, '\0');
  for (std::size_t done = 0; done < bytes;) {
    const ssize_t taken = ::recv(socket, all.data() + done, bytes - done, 0);
    if (taken <= 0) return {};
    done += static_cast<std::size_t>(taken);
  }
  return all;
}

struct Request {
  Api api{};
  std::int32_t number = 0;
  std::string body;
};

inline Request read_request(int socket) {
  const std::string size = read_exactly(socket, 4);
  if (size.empty()) return {};
  const std::string frame = read_exactly(socket, load_big<std::uint32_t>(size.data()));
  Decoder in(frame);
  Request request;
  request.api = static_cast<Api>(in.number<std::int16_t>());
  EXPECT_EQ(in.number<std::int16_t>(), version_of(request.api));
  request.number = in.number<std::int32_t>();
  const std::string client(in.string());
  request.body = frame.substr(10 + client.size());
  return request;
}

inline void write_all(int socket, std::string_view bytes) {
  ASSERT_EQ(::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(bytes.size()));
}

inline std::string frame_of(std::int32_t number, std::string_view body) {
  Encoder out;
  out.number(static_cast<std::int32_t>(4 + body.size()));
  out.number(number);
  return out.take() + std::string(body);
}

/// An answer to ApiVersions: all we need, Fetch only up to the version given.
inline std::string versions_body(std::int16_t highest_fetch = 20) {
  constexpr Api apis[] = {Api::produce,
                          Api::fetch,
                          Api::find_coordinator,
                          Api::init_producer_id,
                          Api::add_partitions_to_txn,
                          Api::add_offsets_to_txn,
                          Api::end_txn,
                          Api::txn_offset_commit,
                          Api::sasl_handshake,
                          Api::sasl_authenticate};
  Encoder out;
  out.number<std::int16_t>(0);
  out.count(std::size(apis));
  for (const Api api : apis) {
    out.number(static_cast<std::int16_t>(api));
    out.number<std::int16_t>(0);
    out.number<std::int16_t>(api == Api::fetch ? highest_fetch : std::int16_t{20});
  }
  return out.take();
}

inline void answer_versions(int socket, std::int16_t highest_fetch = 20) {
  const Request request = read_request(socket);
  EXPECT_EQ(request.api, Api::api_versions);
  write_all(socket, frame_of(request.number, versions_body(highest_fetch)));
}

/// Goes on until there is an answer, or the connection is broken.
inline std::optional<Answer> answer_of(Connection& connection) {
  Connection* const all[] = {&connection};
  for (;;) {
    if (auto answer = connection.take()) return answer;
    if (connection.is_broken()) return std::nullopt;
    advance_all(all, -1, real_clock().monotonic_ns() + 1'000'000'000);
  }
}

}  // namespace millrace::log::kafka::wire
