// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "millrace/base/error.hpp"
#include "millrace/net/address.hpp"

namespace millrace::net {

/// A connection to a server that carries bytes both ways. No call blocks. After an error the caller
/// closes it. Used by one thread at a time.
///
///     while (!stream.is_connected()) { MILLRACE_TRY(stream.try_connect()); /* poll() until due */
///     } MILLRACE_ASSIGN(const std::size_t sent, stream.write(bytes));
class Stream {
 public:
  Stream() = default;
  virtual ~Stream() = default;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  [[nodiscard]] virtual const Address& address() const = 0;
  /// Whether bytes can be sent.
  [[nodiscard]] virtual bool is_connected() const = 0;
  /// Continues to connect as far as it can; call it until is_connected(). errc::unreachable,
  /// errc::connection_lost, errc::tls_failed; returns the same error again after a failure.
  [[nodiscard]] virtual Status try_connect() = 0;
  /// When try_connect() is to be called although poll() reports nothing (the clock's monotonic_ns):
  /// the address that is tried has had its time. No value when there is no such time.
  [[nodiscard]] virtual std::optional<std::int64_t> connect_due_ns() const = 0;
  /// Returns how many bytes it took, 0 when it can take none for now. The caller offers the rest
  /// again before anything else; the rest may have moved in memory and may have grown.
  /// errc::connection_lost, errc::tls_failed.
  [[nodiscard]] virtual Result<std::size_t> write(std::string_view bytes) = 0;
  /// Returns how many bytes came, 0 when there are none for now: only then does poll() report new
  /// ones. errc::connection_lost, also at the end of the stream; errc::tls_failed.
  [[nodiscard]] virtual Result<std::size_t> read(std::span<char> into) = 0;
  virtual void close() = 0;
  /// The socket to poll(); -1 when it is closed.
  [[nodiscard]] virtual int descriptor() const = 0;
  /// The events to poll() for, given whether the caller has bytes to write.
  [[nodiscard]] virtual short events(bool writes) const = 0;
};

}  // namespace millrace::net
