// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <compare>
#include <cstdint>
#include <string>

namespace millrace::net {

/// The kind of IP addresses of a host that are used.
enum class AddressFamily : std::uint8_t { any, v4, v6 };

/// The address of a server: a host name or an IP address, and a TCP port.
struct Address {
  std::string host;
  std::int32_t port = 0;
  AddressFamily family = AddressFamily::any;
  friend auto operator<=>(const Address&, const Address&) = default;
  /// `host:port`, the form for messages.
  [[nodiscard]] std::string text() const { return host + ":" + std::to_string(port); }
};

}  // namespace millrace::net
