// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/base/error.hpp"

namespace millrace::net {

/// The client side of a SASL mechanism, for one login. It only creates and reads messages; the
/// protocol above sends them.
class SaslExchange {
 public:
  SaslExchange() = default;
  virtual ~SaslExchange() = default;
  SaslExchange(const SaslExchange&) = delete;
  SaslExchange& operator=(const SaslExchange&) = delete;

  /// The first message of the client. Errors are those of SaslAccount::token;
  /// errc::not_authenticated when the token is not a valid bearer token.
  [[nodiscard]] virtual Result<std::string> begin() = 0;
  /// The next message of the client after a message of the server; nullopt when the exchange is
  /// complete. errc::not_authenticated when the server does not prove that it knows the password,
  /// or when it refused a token but does not end the exchange.
  [[nodiscard]] virtual Result<std::optional<std::string>> respond(std::string_view message) = 0;
};

/// The user that logs in.
struct SaslAccount {
  std::string mechanism;  ///< one that is_known_mechanism()
  std::string username;
  std::string password;
  /// Only for OAUTHBEARER, instead of user and password: a function that returns the token. Called
  /// at each login.
  std::function<Result<std::string>()> token = {};
  /// OAUTHBEARER only: names and values that the server gets beside the token (RFC 7628). Each
  /// is_sasl_extension().
  std::vector<std::pair<std::string, std::string>> extensions = {};
};

/// True if the text is a bearer token in the form of RFC 6750, with at most 65,536 bytes.
[[nodiscard]] bool is_bearer_token(std::string_view text);

/// Whether RFC 7628 takes these: a name of letters that is not `auth`, and a value of printable
/// characters and white space.
[[nodiscard]] bool is_sasl_extension(std::string_view name, std::string_view value);

/// PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 and OAUTHBEARER are known.
[[nodiscard]] bool is_known_mechanism(std::string_view mechanism);

/// Starts a login. The mechanism must be known.
[[nodiscard]] std::unique_ptr<SaslExchange> sasl_exchange(const SaslAccount& account);

}  // namespace millrace::net
