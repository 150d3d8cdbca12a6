// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "millrace/base/error.hpp"
#include "millrace/net/socket.hpp"
#include "millrace/net/stream.hpp"
#include "millrace/net_tls/tls_settings.hpp"

// SSL and SSL_CTX of OpenSSL. This header does not include OpenSSL's headers.
struct ssl_st;
struct ssl_ctx_st;

namespace millrace::net {

/// Creates the TLS connections of a client, with TLS 1.2 or later. Thread-safe after construction.
class TlsContext {
 public:
  /// Reads the files once. errc::invalid_argument names the setting that cannot be used.
  [[nodiscard]] static Result<TlsContext> open(const TlsSettings& settings);

  /// Looks up the host, which may block, and begins to connect. Errors are returned by
  /// try_connect() of the stream. The stream may outlive the context; the clock must outlive the
  /// stream. The addresses of the host share the timeout, as for Socket.
  [[nodiscard]] std::unique_ptr<Stream> connect(
      Address address, Clock& clock,
      std::int64_t connect_timeout_ns = Socket::default_timeout_ns) const;

 private:
  friend class TlsStream;
  struct Free {
    void operator()(ssl_st* it) const;
    void operator()(ssl_ctx_st* it) const;
  };
  TlsContext() = default;
  Status load_authorities(const TlsSettings& settings);
  Status load_certificate(const TlsSettings& settings);
  Status load_key(const TlsSettings& settings);
  Status load_key_store(const TlsSettings& settings);
  Status choose(const TlsSettings& settings);
  /// The state of one connection to that host.
  [[nodiscard]] Result<std::unique_ptr<ssl_st, Free>> connection(const std::string& host) const;

  std::unique_ptr<ssl_ctx_st, Free> context_;
  bool checks_host_ = true;
};

}  // namespace millrace::net
