// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#pragma once

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "millrace/http/client.hpp"
#include "millrace/http/server.hpp"
#include "millrace/telemetry/logger.hpp"
#include "millrace/telemetry/metrics.hpp"

namespace millrace::http {

using namespace std::chrono_literals;

/// A guard against a hang, never a measure: what is waited for comes much earlier or never.
inline constexpr std::chrono::seconds test_timeout{120};

/// Things handed from one thread to another, in order.
template <class T>
class Mailbox {
 public:
  void put(T value) {
    const std::lock_guard lock(mutex_);
    values_.push_back(std::move(value));
    arrived_.notify_one();
  }
  T take() {
    std::unique_lock lock(mutex_);
    if (!arrived_.wait_for(lock, test_timeout, [this] { return !values_.empty(); })) {
      ADD_FAILURE() << "nothing arrived";
      std::abort();
    }
    T value = std::move(values_.front());
    values_.pop_front();
    return value;
  }
  [[nodiscard]] std::size_t size() {
    const std::lock_guard lock(mutex_);
    return values_.size();
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<T> values_;
};

/// A connection that sends exactly the bytes it is given.
class RawConnection {
 public:
  explicit RawConnection(std::uint16_t port)
      : RawConnection(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  explicit RawConnection(int accepted) : fd_(accepted) {
    const timeval guard{test_timeout.count(), 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &guard, sizeof guard);
  }
  ~RawConnection() { close(); }
  RawConnection(const RawConnection&) = delete;
  RawConnection& operator=(const RawConnection&) = delete;

  void send(std::string_view text) {
    while (!text.empty()) {
      const ssize_t n = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (n <= 0) {
        return;
      }
      text.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  /// One response with a Content-Length, head and body; what came of it when the connection ends
  /// first.
  std::string read_response() {
    while (true) {
      const std::size_t head = received_.find("\r\n\r\n");
      if (head != std::string::npos) {
        const std::size_t at = received_.find("Content-Length: ");
        const std::size_t length = at < head ? std::stoul(received_.substr(at + 16)) : 0;
        if (received_.size() >= head + 4 + length) {
          std::string response = received_.substr(0, head + 4 + length);
          received_.erase(0, response.size());
          return response;
        }
      }
      if (!receive()) {
        return std::exchange(received_, {});
      }
    }
  }
  /// Everything up to the end of the connection.
  std::string read_to_end() {
    while (receive()) {
    }
    return std::exchange(received_, {});
  }
  /// Bytes until `text` has been seen.
  void read_past(std::string_view text) {
    while (received_.find(text) == std::string::npos && receive()) {
    }
    received_.erase(0, received_.find(text) + text.size());
  }
  /// Nothing more will be sent; what comes can still be read.
  void finish() { ::shutdown(fd_, SHUT_WR); }
  void close() {
    if (fd_ >= 0) {
      ::close(std::exchange(fd_, -1));
    }
  }

 private:
  bool receive() {
    char bytes[65536];
    const ssize_t n = ::recv(fd_, bytes, sizeof bytes, 0);
    if (n <= 0) {
      return false;
    }
    received_.append(bytes, static_cast<std::size_t>(n));
    return true;
  }
  int fd_;
  std::string received_;
};

/// A listener whose connections the test plays by hand: a server that misbehaves.
class RawListener {
 public:
  RawListener() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(fd_, 16), 0);
    EXPECT_EQ(::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
  }
  ~RawListener() { close(); }
  RawListener(const RawListener&) = delete;
  RawListener& operator=(const RawListener&) = delete;

  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  std::unique_ptr<RawConnection> accept() {
    pollfd waiting{fd_, POLLIN, 0};
    EXPECT_EQ(::poll(&waiting, 1, static_cast<int>(test_timeout.count()) * 1000), 1)
        << "nobody connected";
    return std::make_unique<RawConnection>(::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC));
  }
  void close() {
    if (fd_ >= 0) {
      ::close(std::exchange(fd_, -1));
    }
  }

 private:
  int fd_;
  std::uint16_t port_ = 0;
};

/// A server on a free port, with what it needs. Add routes, then start().
struct ServerTest : testing::Test {
  telemetry::MetricRegistry metrics;
  std::shared_ptr<telemetry::CapturingSink> log = std::make_shared<telemetry::CapturingSink>();
  telemetry::Logger logger{{.service = "test"}, real_clock(), log};
  std::unique_ptr<Server> server = std::make_unique<Server>(ServerOptions{}, logger, metrics);

  void configure(ServerOptions options) {
    server = std::make_unique<Server>(std::move(options), logger, metrics);
  }
  void start() {
    const auto started = server->start();
    ASSERT_TRUE(started) << started.error().to_string();
  }
  Router& router() { return server->router(); }
  /// GET /hello responds at once.
  void add_hello() {
    router().add(Method::get, "/hello", [](Request, Responder responder) {
      Response response;
      response.body = "hello";
      response.content_type = "text/plain";
      responder.send(std::move(response));
    });
  }
  /// POST /park hands its responder to the test.
  void add_park(RouteOptions options = {}) {
    router().add(
        Method::post, "/park",
        [this](Request, Responder responder) { parked.put(std::move(responder)); },
        std::move(options));
  }
  [[nodiscard]] std::uint64_t refused(const std::string& reason) {
    return metrics
        .counter("millrace_http_refused_total",
                 "Requests and connections refused, by the limit that was met.",
                 {{"reason", reason}})
        .value();
  }
  Result<Response> get(std::string_view target, Headers headers = {}) {
    return fetch(Method::get, server->url() + std::string(target), {}, std::move(headers),
                 test_timeout);
  }

  Mailbox<Responder> parked;
};

inline constexpr std::string_view get_hello = "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n";
inline constexpr std::string_view post_park =
    "POST /park HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";

}  // namespace millrace::http
