// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "wire/sasl.hpp"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <utility>

#include "millrace/base/assert.hpp"
#include "millrace/log/errors.hpp"
#include "wire/scram.hpp"

namespace millrace::log::kafka::wire {
namespace {

constexpr std::string_view plain = "PLAIN";
constexpr std::string_view scram_256 = "SCRAM-SHA-256";
constexpr std::string_view scram_512 = "SCRAM-SHA-512";
constexpr std::int64_t longest_session_ms = 1'000'000'000'000;  // thirty years

/// RFC 4616: the password as it is, once.
class Plain final : public SaslExchange {
 public:
  explicit Plain(const SaslAccount& account)
      : message_(std::string(1, '\0') + account.username + std::string(1, '\0') +
                 account.password) {}
  [[nodiscard]] std::string begin() override { return message_; }
  [[nodiscard]] Result<std::optional<std::string>> answer(std::string_view /*told*/) override {
    return std::nullopt;
  }

 private:
  const std::string message_;
};

std::unique_ptr<SaslExchange> exchange_of(const SaslAccount& account) {
  MILLRACE_ASSERT(is_known_mechanism(account.mechanism), "a mechanism nobody speaks");
  if (account.mechanism == plain) return std::make_unique<Plain>(account);
  const char* const digest = account.mechanism == scram_256 ? "SHA256" : "SHA512";
  return std::make_unique<Scram>(digest, account.username, account.password);
}

std::string words_of(std::int16_t code, std::string_view message) {
  const auto known = static_cast<rd_kafka_resp_err_t>(code);
  return std::string(message.empty() ? rd_kafka_err2str(known) : message) + " (" +
         rd_kafka_err2name(known) + ")";
}

}  // namespace

bool is_known_mechanism(std::string_view mechanism) {
  return mechanism == plain || mechanism == scram_256 || mechanism == scram_512;
}

SaslLogin::SaslLogin(const SaslAccount& account)
    : mechanism_(account.mechanism), exchange_(exchange_of(account)) {}

SaslLogin::Request SaslLogin::begin() {
  Encoder out;
  out.string(mechanism_);
  return {Api::sasl_handshake, out.take()};
}

SaslLogin::Request SaslLogin::authenticate(std::string_view bytes) {
  Encoder out;
  out.bytes(bytes);
  return {Api::sasl_authenticate, out.take()};
}

Result<std::optional<SaslLogin::Request>> SaslLogin::answer(std::string_view body) {
  return shook_hands_ ? take_authenticate(body) : take_handshake(body);
}

Result<std::optional<SaslLogin::Request>> SaslLogin::take_handshake(std::string_view body) {
  Decoder in(body);
  const auto code = in.number<std::int16_t>();
  std::string others;
  for (std::size_t left = in.count(2); left > 0; --left)
    others += (others.empty() ? "" : ", ") + std::string(in.string());
  if (!in.ok()) return fail(errc::unavailable, "an answer to SaslHandshake cannot be read");
  if (code != 0)
    return fail(errc::unavailable, "SASL mechanism " + mechanism_ + ": " + words_of(code, {}) +
                                       "; it takes " + (others.empty() ? "none" : others));
  shook_hands_ = true;
  return authenticate(exchange_->begin());
}

Result<std::optional<SaslLogin::Request>> SaslLogin::take_authenticate(std::string_view body) {
  Decoder in(body);
  const auto code = in.number<std::int16_t>();
  const std::string_view message = in.string();
  const std::string_view told = in.bytes();
  session_ms_ = std::clamp<std::int64_t>(in.number<std::int64_t>(), 0, longest_session_ms);
  if (!in.ok()) return fail(errc::unavailable, "an answer to SaslAuthenticate cannot be read");
  if (code != 0)
    return fail(errc::unavailable, "SASL " + mechanism_ + ": " + words_of(code, message));
  MILLRACE_ASSIGN(std::optional<std::string> next, exchange_->answer(told));
  if (!next) return std::nullopt;
  return authenticate(*next);
}

}  // namespace millrace::log::kafka::wire
