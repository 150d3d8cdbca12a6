// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "millrace/base/error.hpp"
#include "millrace/net_tls/sasl.hpp"
#include "wire/protocol.hpp"

namespace millrace::log::kafka::wire {

/// Shows a broker who we are: SaslHandshake, then SaslAuthenticate until both sides are satisfied.
class SaslLogin {
 public:
  explicit SaslLogin(const net::SaslAccount& account);

  struct Request {
    Api api;
    std::string body;
  };
  [[nodiscard]] Request begin();
  /// The next request after an answer to the last one; nothing when the broker lets us in.
  /// errc::unavailable with the broker's words when it does not, as it may be configured to later.
  [[nodiscard]] Result<std::optional<Request>> answer(std::string_view body);
  /// How long the broker takes requests of us then; 0: for ever.
  [[nodiscard]] std::int64_t session_ms() const { return session_ms_; }

 private:
  Result<std::optional<Request>> take_handshake(std::string_view body);
  Result<std::optional<Request>> take_authenticate(std::string_view body);
  static Request authenticate(std::string_view bytes);

  const std::string mechanism_;
  const std::unique_ptr<net::SaslExchange> exchange_;
  bool shook_hands_ = false;
  std::int64_t session_ms_ = 0;
};

}  // namespace millrace::log::kafka::wire
