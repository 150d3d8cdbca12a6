// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "millrace/net/socket.hpp"
#include "millrace/net_tls/tls_context.hpp"

namespace millrace::net {

/// TLS over a socket. What OpenSSL wants to send goes to a buffer first: so OpenSSL is never in the
/// middle of a record when something arrives that needs a response.
class TlsStream final : public Stream {
 public:
  /// Looks up the host and starts to connect. The context may be destroyed before the stream.
  TlsStream(Address address, const TlsContext& context, Clock& clock,
            std::int64_t connect_timeout_ns);
  ~TlsStream() override;

  [[nodiscard]] const Address& address() const override { return socket_.address(); }
  [[nodiscard]] bool is_connected() const override { return connected_; }
  [[nodiscard]] Status try_connect() override;
  [[nodiscard]] std::optional<std::int64_t> connect_due_ns() const override {
    return socket_.connect_due_ns();
  }
  [[nodiscard]] Result<std::size_t> write(std::string_view bytes) override;
  [[nodiscard]] Result<std::size_t> read(std::span<char> into) override;
  void close() override;
  [[nodiscard]] int descriptor() const override { return socket_.descriptor(); }
  [[nodiscard]] short events(bool writes) const override;

 private:
  friend struct TlsBytes;
  Result<std::size_t> outcome(int result, std::size_t moved, const char* doing);
  std::unexpected<Error> failed(const char* doing);
  Status flush();

  Socket socket_;
  Status status_;  // what the constructor could not report
  std::unique_ptr<ssl_st, TlsContext::Free> tls_;
  std::string output_;  // encrypted, not yet sent
  std::size_t sent_ = 0;
  std::optional<Error> socket_error_;  // the error because of which OpenSSL got no bytes
  bool connected_ = false;
};

}  // namespace millrace::net
