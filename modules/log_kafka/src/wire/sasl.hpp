// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "millrace/base/error.hpp"
#include "wire/protocol.hpp"

namespace millrace::log::kafka::wire {

/// Our side of a SASL mechanism, for one try.
class SaslExchange {
 public:
  SaslExchange() = default;
  virtual ~SaslExchange() = default;
  SaslExchange(const SaslExchange&) = delete;
  SaslExchange& operator=(const SaslExchange&) = delete;

  /// What we say first.
  [[nodiscard]] virtual std::string begin() = 0;
  /// What we say to what the broker told; nothing when we are through. errc::unavailable when it is
  /// not what a broker tells that knows us.
  [[nodiscard]] virtual Result<std::optional<std::string>> answer(std::string_view told) = 0;
};

/// Who we are.
struct SaslAccount {
  std::string mechanism;  ///< PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512
  std::string username;
  std::string password;
};

[[nodiscard]] bool is_known_mechanism(std::string_view mechanism);

/// Shows a broker who we are: SaslHandshake, then SaslAuthenticate until both sides are satisfied.
class SaslLogin {
 public:
  explicit SaslLogin(const SaslAccount& account);

  struct Request {
    Api api;
    std::string body;
  };
  [[nodiscard]] Request begin();
  /// The next request after an answer to the last one; nothing when the broker lets us in.
  /// errc::unavailable with the broker's words when it does not, as it may be told to later.
  [[nodiscard]] Result<std::optional<Request>> answer(std::string_view body);
  /// How long the broker takes requests of us then; 0: for ever.
  [[nodiscard]] std::int64_t session_ms() const { return session_ms_; }

 private:
  Result<std::optional<Request>> take_handshake(std::string_view body);
  Result<std::optional<Request>> take_authenticate(std::string_view body);
  static Request authenticate(std::string_view bytes);

  const std::string mechanism_;
  const std::unique_ptr<SaslExchange> exchange_;
  bool shook_hands_ = false;
  std::int64_t session_ms_ = 0;
};

}  // namespace millrace::log::kafka::wire
