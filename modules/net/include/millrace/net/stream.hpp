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

/// A connection to a server for bytes in both directions. No call blocks. After an error the caller
/// must close it. Not thread-safe.
///
///     while (!stream.is_connected()) {
///       MILLRACE_TRY(stream.try_connect());  // then poll() until connect_due_ns()
///     }
///     MILLRACE_ASSIGN(const std::size_t sent, stream.write(bytes));
class Stream {
 public:
  Stream() = default;
  virtual ~Stream() = default;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  [[nodiscard]] virtual const Address& address() const = 0;
  /// True when the connection is established and bytes can be sent.
  [[nodiscard]] virtual bool is_connected() const = 0;
  /// Continues to connect without blocking; call it until is_connected(). errc::unreachable,
  /// errc::connection_lost, errc::tls_failed; later calls return the same error again.
  [[nodiscard]] virtual Status try_connect() = 0;
  /// The time (monotonic_ns of the clock) at which to call try_connect() even if poll() reports
  /// nothing, because the time of the present address is over. No value if there is no such time.
  [[nodiscard]] virtual std::optional<std::int64_t> connect_due_ns() const = 0;
  /// Returns the number of bytes that were accepted; 0 if none can be accepted now. The next call
  /// must begin with the rest of these bytes. The rest may be at another address in memory, and
  /// more bytes may follow it. errc::connection_lost, errc::tls_failed.
  [[nodiscard]] virtual Result<std::size_t> write(std::string_view bytes) = 0;
  /// Returns the number of bytes that were read; 0 if there are none now. Call it until it returns
  /// 0, because only then does poll() report new bytes. errc::connection_lost, also at the end of
  /// the stream; errc::tls_failed.
  [[nodiscard]] virtual Result<std::size_t> read(std::span<char> into) = 0;
  virtual void close() = 0;
  /// The descriptor for poll(); -1 when the connection is closed.
  [[nodiscard]] virtual int descriptor() const = 0;
  /// The events to poll() for, given whether the caller has bytes to write.
  [[nodiscard]] virtual short events(bool writes) const = 0;
};

}  // namespace millrace::net
