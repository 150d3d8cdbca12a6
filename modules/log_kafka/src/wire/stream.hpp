// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <poll.h>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "millrace/base/error.hpp"

namespace millrace::log::kafka::wire {

/// Where a broker listens.
struct Address {
  std::string host;
  std::int32_t port = 0;
  friend auto operator<=>(const Address&, const Address&) = default;
  [[nodiscard]] std::string text() const { return host + ":" + std::to_string(port); }
};

/// Bytes to a broker and from it, without blocking. Whoever got an error closes it. One thread at a
/// time.
class Stream {
 public:
  Stream() = default;
  virtual ~Stream() = default;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  [[nodiscard]] virtual const Address& address() const = 0;
  /// Whether bytes can go.
  [[nodiscard]] virtual bool is_connected() const = 0;
  /// Until it is connected: goes as far as it can. errc::unavailable.
  [[nodiscard]] virtual Status try_connect() = 0;
  /// How many bytes went, 0 when none can for now. What was not taken is offered again before
  /// anything else, and may have moved and grown. errc::unavailable.
  [[nodiscard]] virtual Result<std::size_t> write(std::string_view bytes) = 0;
  /// How many bytes came, 0 when there is none for now. Only after that poll() tells of more.
  /// errc::unavailable, also at the end.
  [[nodiscard]] virtual Result<std::size_t> read(std::span<char> into) = 0;
  virtual void close() = 0;
  /// What to poll for, and with which there is something to do; with bytes to write or without.
  [[nodiscard]] virtual int descriptor() const = 0;
  [[nodiscard]] virtual short events(bool writes) const = 0;
};

}  // namespace millrace::log::kafka::wire
