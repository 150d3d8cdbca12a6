// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "millrace/net_tls/sasl.hpp"

namespace millrace::net {

/// SCRAM, RFC 5802 and RFC 7677, without channel binding. Names and passwords are sent as they are,
/// in UTF-8, without SASLprep, as Kafka's brokers keep them.
class Scram final : public SaslExchange {
 public:
  /// With a nonce from OpenSSL's generator. The digest by OpenSSL's name.
  Scram(const char* digest, std::string_view username, std::string password);
  Scram(const char* digest, std::string_view username, std::string password, std::string nonce);

  [[nodiscard]] Result<std::string> begin() override;
  [[nodiscard]] Result<std::optional<std::string>> respond(std::string_view message) override;

 private:
  Result<std::optional<std::string>> prove(std::string_view server_first);
  [[nodiscard]] Status verify(std::string_view server_final) const;

  const char* const digest_;
  const std::string password_;
  const std::string nonce_;
  const std::string client_first_;  // without its header
  std::string server_signature_;    // that the server must show; empty: our proof was not sent yet
};

}  // namespace millrace::net
