// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>

#include "kafka_proxy/protocol.hpp"

namespace millrace::testkit::kafka_proxy {

/// Owns a descriptor.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor() { close(); }

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool is_open() const { return fd_ >= 0; }
  void close();

 private:
  int fd_ = -1;
};

/// Ends the poll of the proxy's thread from any other.
class Waker {
 public:
  Waker();
  void wake();
  void drain();
  [[nodiscard]] int fd() const { return event_.get(); }

 private:
  Descriptor event_;
};

/// Where a broker listens, resolved.
struct Endpoint {
  sockaddr_storage address{};
  socklen_t size = 0;
};
std::optional<Endpoint> resolve(const Address& address);
bool operator==(const Endpoint& left, const Endpoint& right);

/// Begins to connect, without blocking; the descriptor is closed when that cannot even begin.
Descriptor begin_connect(const Endpoint& endpoint);

/// A port of the loopback that stays reserved while nobody listens on it.
class Port {
 public:
  /// Throws TestError when there is none to be had.
  Port();
  [[nodiscard]] std::int32_t number() const { return number_; }
  /// While closed, connecting is refused.
  void listen();
  void close() { listener_.close(); }
  [[nodiscard]] int fd() const { return listener_.get(); }
  /// A client that waits, if any.
  Descriptor accept();

 private:
  Descriptor reservation_;
  Descriptor listener_;
  std::int32_t number_ = 0;
};

}  // namespace millrace::testkit::kafka_proxy
