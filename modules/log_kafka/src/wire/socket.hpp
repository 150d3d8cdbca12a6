// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <sys/socket.h>

#include <vector>

#include "wire/stream.hpp"

namespace millrace::log::kafka::wire {

/// A TCP socket. Tries all addresses of a host.
class Socket final : public Stream {
 public:
  /// Looks the host up, which may block, and begins to connect.
  explicit Socket(Address address);
  ~Socket() override;

  [[nodiscard]] const Address& address() const override { return address_; }
  [[nodiscard]] bool is_connected() const override { return connected_; }
  [[nodiscard]] Status try_connect() override;
  [[nodiscard]] Result<std::size_t> write(std::string_view bytes) override;
  [[nodiscard]] Result<std::size_t> read(std::span<char> into) override;
  void close() override;
  [[nodiscard]] int descriptor() const override { return descriptor_; }
  [[nodiscard]] short events(bool writes) const override {
    return static_cast<short>(POLLIN | (writes || !connected_ ? POLLOUT : 0));
  }

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
