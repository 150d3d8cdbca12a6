// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "millrace/base/clock.hpp"
#include "millrace/net/stream.hpp"
#include "millrace/net_tls/fwd.hpp"
#include "url.hpp"
#include "wire/sasl.hpp"

namespace millrace::log::kafka::wire {

/// How brokers are spoken to: in the open or by TLS, and whether and as whom we log in. From
/// librdkafka's settings. Thread-safe after construction.
class Security {
 public:
  /// What of these settings connections of our own do not take, in words; nothing when they take
  /// all that have a meaning together.
  [[nodiscard]] static std::optional<std::string> beyond(const Settings& settings);
  /// Whether these settings have us log in by a token.
  [[nodiscard]] static bool by_token(const Settings& settings);
  /// Reads certificates and keys, now and never again. errc::invalid_argument names the setting.
  /// The source of tokens is asked at once, to report what it cannot do, and at each login.
  [[nodiscard]] static Result<std::shared_ptr<const Security>> open(
      const Settings& settings, const KafkaTokenSource& token = {});

  Security(std::unique_ptr<const net::TlsContext> tls, std::optional<net::SaslAccount> account);
  ~Security();
  Security(const Security&) = delete;
  Security& operator=(const Security&) = delete;

  /// Begins to connect; the time and the clock are those of net::Socket.
  [[nodiscard]] std::unique_ptr<net::Stream> connect(const net::Address& address, Clock& clock,
                                                     std::int64_t connect_timeout_ns) const;
  /// Where the tokens come from by which we log in; empty when we log in otherwise.
  [[nodiscard]] KafkaTokenSource token() const {
    return account_ ? account_->token : KafkaTokenSource();
  }
  /// For one connection; null when nobody logs in.
  [[nodiscard]] std::unique_ptr<SaslLogin> login() const;

 private:
  const std::unique_ptr<const net::TlsContext> tls_;  // null: in the open
  const std::optional<net::SaslAccount> account_;
};

}  // namespace millrace::log::kafka::wire
