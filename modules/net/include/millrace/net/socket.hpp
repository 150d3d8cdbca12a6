// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "millrace/base/clock.hpp"
#include "millrace/net/stream.hpp"

namespace millrace::net {

/// A TCP connection. Tries all addresses of a host, one after the other. Each address gets a part
/// of the total time, and at most 2 s while other addresses are left, so that an address that does
/// not respond leaves time for the others. The destructor closes the descriptor. Not thread-safe.
class Socket final : public Stream {
 public:
  /// An address of a host, with the port.
  struct Target {
    sockaddr_storage address;
    socklen_t size;
  };

  /// Looks up the host, which may block, and begins to connect. Errors are returned by
  /// try_connect(): errc::unreachable when no address accepted the connection in time. The clock
  /// must outlive the socket.
  Socket(Address address, Clock& clock, std::int64_t connect_timeout_ns = default_timeout_ns);
  /// The same for a host whose addresses are known.
  Socket(Address address, std::vector<Target> targets, Clock& clock,
         std::int64_t connect_timeout_ns = default_timeout_ns);
  ~Socket() override;

  [[nodiscard]] const Address& address() const override { return address_; }
  [[nodiscard]] bool is_connected() const override { return connected_; }
  [[nodiscard]] Status try_connect() override;
  [[nodiscard]] std::optional<std::int64_t> connect_due_ns() const override;
  [[nodiscard]] Result<std::size_t> write(std::string_view bytes) override;
  [[nodiscard]] Result<std::size_t> read(std::span<char> into) override;
  void close() override;
  [[nodiscard]] int descriptor() const override { return descriptor_; }
  [[nodiscard]] short events(bool writes) const override;

  /// The default timeout for all addresses of a host together.
  static constexpr std::int64_t default_timeout_ns = 10'000'000'000;

 private:
  Status look_up();
  Status start(std::int64_t connect_timeout_ns);
  Status connect_next(int reason);
  std::unexpected<Error> failed(ErrorCode code, const char* doing, int reason);

  Address address_;
  Clock& clock_;
  Status status_;  // what the constructor could not report
  std::vector<Target> targets_;
  std::size_t next_target_ = 0;
  std::int64_t end_ns_ = 0;  // of the time for all targets
  std::int64_t due_ns_ = 0;  // when the one that is tried has had its share
  int descriptor_ = -1;
  bool connected_ = false;
};

}  // namespace millrace::net
