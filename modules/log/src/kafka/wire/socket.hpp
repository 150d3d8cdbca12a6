// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <sys/socket.h>

#include "millrace/base/error.hpp"

namespace millrace::log::kafka::wire {

/// Where a broker listens.
struct Address {
  std::string host;
  std::int32_t port = 0;
  friend auto operator<=>(const Address&, const Address&) = default;
  [[nodiscard]] std::string text() const { return host + ":" + std::to_string(port); }
};

/// A stream socket that never blocks. Tries all addresses of a host. Not thread-safe.
class Socket {
 public:
  /// Looks the host up, which may block, and begins to connect.
  explicit Socket(Address address);
  ~Socket();
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  [[nodiscard]] const Address& address() const { return address_; }
  [[nodiscard]] int descriptor() const { return descriptor_; }
  [[nodiscard]] bool is_connected() const { return connected_; }
  /// While connecting: looks how it went. errc::unavailable when no address is left.
  [[nodiscard]] Status try_connect();
  /// How many bytes went, 0 when it would block. errc::unavailable.
  [[nodiscard]] Result<std::size_t> write(std::string_view bytes);
  [[nodiscard]] Result<std::size_t> read(std::span<char> into);
  void close();

 private:
  struct Target {
    sockaddr_storage address;
    socklen_t size;
  };
  Status look_up();
  Status connect_next();
  std::unexpected<Error> broken(const char* doing, int code);

  Address address_;
  Status status_;  // what the constructor could not tell
  std::vector<Target> targets_;
  std::size_t next_target_ = 0;
  int descriptor_ = -1;
  bool connected_ = false;
};

}  // namespace millrace::log::kafka::wire
