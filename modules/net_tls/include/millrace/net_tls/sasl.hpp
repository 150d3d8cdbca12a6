// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "millrace/base/error.hpp"

namespace millrace::net {

/// The client's side of a SASL mechanism, for one login. Carries bytes only: the protocol above
/// says how they travel.
class SaslExchange {
 public:
  SaslExchange() = default;
  virtual ~SaslExchange() = default;
  SaslExchange(const SaslExchange&) = delete;
  SaslExchange& operator=(const SaslExchange&) = delete;

  /// The client's first message. Fails as SaslAccount::token does, and with
  /// errc::not_authenticated when what that returned is no bearer token.
  [[nodiscard]] virtual Result<std::string> begin() = 0;
  /// The client's next message after one of the server; nullopt when the exchange is complete.
  /// errc::not_authenticated when the server does not prove that it knows the password,
  /// and when it refused a token and does not end the exchange.
  [[nodiscard]] virtual Result<std::optional<std::string>> respond(std::string_view message) = 0;
};

/// The user that logs in.
struct SaslAccount {
  std::string mechanism;  ///< one that is_known_mechanism()
  std::string username;
  std::string password;
  /// OAUTHBEARER only, instead of both: returns the token. Called at each login.
  std::function<Result<std::string>()> token = {};
};

/// Whether a text is what RFC 6750 calls a bearer token, of at most 65,536 bytes.
[[nodiscard]] bool is_bearer_token(std::string_view text);

/// PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 and OAUTHBEARER are known.
[[nodiscard]] bool is_known_mechanism(std::string_view mechanism);

/// Starts a login. The mechanism must be known.
[[nodiscard]] std::unique_ptr<SaslExchange> sasl_exchange(const SaslAccount& account);

}  // namespace millrace::net
