// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/net_tls/sasl.hpp"

#include "millrace/base/assert.hpp"
#include "scram.hpp"

namespace millrace::net {
namespace {

constexpr std::string_view plain = "PLAIN";
constexpr std::string_view scram_256 = "SCRAM-SHA-256";
constexpr std::string_view scram_512 = "SCRAM-SHA-512";

/// RFC 4616: the password as it is, in the only message.
class Plain final : public SaslExchange {
 public:
  explicit Plain(const SaslAccount& account)
      : message_(std::string(1, '\0') + account.username + std::string(1, '\0') +
                 account.password) {}
  [[nodiscard]] std::string begin() override { return message_; }
  [[nodiscard]] Result<std::optional<std::string>> respond(std::string_view /*message*/) override {
    return std::nullopt;
  }

 private:
  const std::string message_;
};

}  // namespace

bool is_known_mechanism(std::string_view mechanism) {
  return mechanism == plain || mechanism == scram_256 || mechanism == scram_512;
}

std::unique_ptr<SaslExchange> sasl_exchange(const SaslAccount& account) {
  MILLRACE_ASSERT(is_known_mechanism(account.mechanism), "an unknown SASL mechanism");
  if (account.mechanism == plain) {
    return std::make_unique<Plain>(account);
  }
  const char* const digest = account.mechanism == scram_256 ? "SHA256" : "SHA512";
  return std::make_unique<Scram>(digest, account.username, account.password);
}

}  // namespace millrace::net
