// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/net_tls/sasl.hpp"

#include <algorithm>
#include <utility>

#include "millrace/base/assert.hpp"
#include "millrace/net/errors.hpp"
#include "scram.hpp"

namespace millrace::net {
namespace {

constexpr std::string_view plain = "PLAIN";
constexpr std::string_view scram_256 = "SCRAM-SHA-256";
constexpr std::string_view scram_512 = "SCRAM-SHA-512";
constexpr std::string_view oauth_bearer = "OAUTHBEARER";
constexpr std::size_t max_token_bytes = 65'536;

/// RFC 4616: the password as it is, in the only message.
class Plain final : public SaslExchange {
 public:
  explicit Plain(const SaslAccount& account)
      : message_(std::string(1, '\0') + account.username + std::string(1, '\0') +
                 account.password) {}
  [[nodiscard]] Result<std::string> begin() override { return message_; }
  [[nodiscard]] Result<std::optional<std::string>> respond(std::string_view /*message*/) override {
    return std::nullopt;
  }

 private:
  const std::string message_;
};

/// RFC 7628: a token in the first message. A server that refuses it sends the reason, and ends the
/// exchange with an error after one more message.
class OAuthBearer final : public SaslExchange {
 public:
  explicit OAuthBearer(const SaslAccount& account)
      : token_(account.token), extensions_(account.extensions) {}
  [[nodiscard]] Result<std::string> begin() override {
    MILLRACE_ASSIGN(const std::string token, token_());
    if (!is_bearer_token(token)) {
      return fail(errc::not_authenticated,
                  "OAUTHBEARER: the token is empty, longer than 65,536 bytes, or has a character "
                  "that no bearer token has (RFC 6750)");
    }
    std::string message =
        "n,,\x01"
        "auth=Bearer " +
        token + "\x01";
    for (const auto& [name, value] : extensions_) {
      message.append(name).append("=").append(value).append("\x01");
    }
    return message + "\x01";
  }
  [[nodiscard]] Result<std::optional<std::string>> respond(std::string_view message) override {
    if (!refusal_.empty()) {
      return fail(errc::not_authenticated, "OAUTHBEARER: the token was refused: {}", refusal_);
    }
    if (message.empty()) {
      return std::nullopt;
    }
    refusal_ = message;
    return "\x01";
  }

 private:
  const std::function<Result<std::string>()> token_;
  const std::vector<std::pair<std::string, std::string>> extensions_;
  std::string refusal_;  // in the words of the server
};

}  // namespace

bool is_bearer_token(std::string_view text) {
  const std::string_view characters = text.substr(0, text.find_last_not_of('=') + 1);
  return !characters.empty() && text.size() <= max_token_bytes &&
         std::ranges::all_of(characters, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  std::string_view("-._~+/").find(c) != std::string_view::npos;
         });
}

bool is_sasl_extension(std::string_view name, std::string_view value) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto is_shown = [](char c) {
    return (c >= ' ' && c <= '~') || c == '\t' || c == '\r' || c == '\n';
  };
  return !name.empty() && name != "auth" && std::ranges::all_of(name, is_letter) &&
         !value.empty() && std::ranges::all_of(value, is_shown);
}

bool is_known_mechanism(std::string_view mechanism) {
  return mechanism == plain || mechanism == scram_256 || mechanism == scram_512 ||
         mechanism == oauth_bearer;
}

std::unique_ptr<SaslExchange> sasl_exchange(const SaslAccount& account) {
  MILLRACE_ASSERT(is_known_mechanism(account.mechanism), "an unknown SASL mechanism");
  if (account.mechanism == plain) {
    return std::make_unique<Plain>(account);
  }
  if (account.mechanism == oauth_bearer) {
    return std::make_unique<OAuthBearer>(account);
  }
  const char* const digest = account.mechanism == scram_256 ? "SHA256" : "SHA512";
  return std::make_unique<Scram>(digest, account.username, account.password);
}

}  // namespace millrace::net
