// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "wire/socket.hpp"
#include "wire/tls_context.hpp"

namespace millrace::log::kafka::wire {

/// TLS over a socket. What OpenSSL wants to send lies in a buffer in between: it is never half way
/// through a record when something comes in that it has to answer.
class TlsStream final : public Stream {
 public:
  /// Begins to connect. The context may go before it.
  TlsStream(Address address, const TlsContext& context);
  ~TlsStream() override;

  [[nodiscard]] const Address& address() const override { return socket_.address(); }
  [[nodiscard]] bool is_connected() const override { return connected_; }
  [[nodiscard]] Status try_connect() override;
  [[nodiscard]] Result<std::size_t> write(std::string_view bytes) override;
  [[nodiscard]] Result<std::size_t> read(std::span<char> into) override;
  void close() override;
  [[nodiscard]] int descriptor() const override { return socket_.descriptor(); }
  [[nodiscard]] short events(bool writes) const override;

 private:
  friend struct TlsBytes;
  Result<std::size_t> outcome(int result, std::size_t moved, const char* doing);
  std::unexpected<Error> broken(const char* doing);
  Status flush();

  Socket socket_;
  Status status_;  // what the constructor could not tell
  std::unique_ptr<SSL, TlsContext::Free> tls_;
  std::string output_;  // enciphered, not yet sent
  std::size_t sent_ = 0;
  std::optional<Error> socket_error_;  // why OpenSSL got nothing to read, if that is an error
  bool connected_ = false;
};

}  // namespace millrace::log::kafka::wire
