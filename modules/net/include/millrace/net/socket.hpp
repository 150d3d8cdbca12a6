// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <vector>

#include "millrace/net/stream.hpp"

namespace millrace::net {

/// A TCP connection. Tries all addresses of a host, one after the other. Closes its descriptor.
class Socket final : public Stream {
 public:
  /// Looks up the host, which may block, and starts to connect. try_connect() reports failures.
  explicit Socket(Address address);
  ~Socket() override;

  [[nodiscard]] const Address& address() const override { return address_; }
  [[nodiscard]] bool is_connected() const override { return connected_; }
  [[nodiscard]] Status try_connect() override;
  [[nodiscard]] Result<std::size_t> write(std::string_view bytes) override;
  [[nodiscard]] Result<std::size_t> read(std::span<char> into) override;
  void close() override;
  [[nodiscard]] int descriptor() const override { return descriptor_; }
  [[nodiscard]] short events(bool writes) const override;

 private:
  struct Target {
    sockaddr_storage address;
    socklen_t size;
  };
  Status look_up();
  Status connect_next();
  std::unexpected<Error> failed(ErrorCode code, const char* doing, int reason);

  Address address_;
  Status status_;  // what the constructor could not report
  std::vector<Target> targets_;
  std::size_t next_target_ = 0;
  int descriptor_ = -1;
  bool connected_ = false;
};

}  // namespace millrace::net
