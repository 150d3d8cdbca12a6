// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

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

  /// The client's first message.
  [[nodiscard]] virtual std::string begin() = 0;
  /// The client's next message after one of the server; nullopt when the exchange is complete.
  /// errc::not_authenticated when the server does not prove that it knows the password.
  [[nodiscard]] virtual Result<std::optional<std::string>> respond(std::string_view message) = 0;
};

/// The user that logs in.
struct SaslAccount {
  std::string mechanism;  ///< one that is_known_mechanism()
  std::string username;
  std::string password;
};

/// PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512 are known.
[[nodiscard]] bool is_known_mechanism(std::string_view mechanism);

/// Starts a login. The mechanism must be known.
[[nodiscard]] std::unique_ptr<SaslExchange> sasl_exchange(const SaslAccount& account);

}  // namespace millrace::net
