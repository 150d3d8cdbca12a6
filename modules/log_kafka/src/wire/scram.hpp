// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "wire/sasl.hpp"

namespace millrace::log::kafka::wire {

/// SCRAM, RFC 5802 and RFC 7677, without channel binding. Names and passwords go as they are, in
/// UTF-8, as brokers keep them: without SASLprep.
class Scram final : public SaslExchange {
 public:
  /// With a nonce from OpenSSL's generator. The digest by OpenSSL's name.
  Scram(const char* digest, std::string_view username, std::string password);
  Scram(const char* digest, std::string_view username, std::string password, std::string nonce);

  [[nodiscard]] std::string begin() override;
  [[nodiscard]] Result<std::optional<std::string>> answer(std::string_view told) override;

 private:
  Result<std::optional<std::string>> prove(std::string_view server_first);
  [[nodiscard]] Status verify(std::string_view server_final) const;

  const char* const digest_;
  const std::string password_;
  const std::string nonce_;
  const std::string client_first_;  // without its header
  std::string server_signature_;    // that the broker is to show; empty: nothing was proven yet
};

}  // namespace millrace::log::kafka::wire
