// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "wire/sasl.hpp"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <utility>

#include "millrace/log/errors.hpp"

namespace millrace::log::kafka::wire {
namespace {

constexpr std::int64_t longest_session_ms = 1'000'000'000'000;  // thirty years
// What follows is the broker's JSON text, with little in it.
constexpr const char* token_refused = "the broker refuses the token, its own log says more: ";

std::string words_of(std::int16_t code, std::string_view message) {
  const auto known = static_cast<rd_kafka_resp_err_t>(code);
  return std::string(message.empty() ? rd_kafka_err2str(known) : message) + " (" +
         rd_kafka_err2name(known) + ")";
}

}  // namespace

SaslLogin::SaslLogin(const net::SaslAccount& account)
    : mechanism_(account.mechanism), exchange_(net::sasl_exchange(account)) {}

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
  MILLRACE_ASSIGN(const std::string first, exchange_->begin());
  return authenticate(first);
}

Result<std::optional<SaslLogin::Request>> SaslLogin::take_authenticate(std::string_view body) {
  Decoder in(body);
  const auto code = in.number<std::int16_t>();
  const std::string_view message = in.string();
  const std::string_view received = in.bytes();
  session_ms_ = std::clamp<std::int64_t>(in.number<std::int64_t>(), 0, longest_session_ms);
  if (!in.ok()) return fail(errc::unavailable, "an answer to SaslAuthenticate cannot be read");
  if (code != 0)
    return fail(errc::unavailable, "SASL " + mechanism_ + ": " +
                                       (mechanism_ == "OAUTHBEARER" ? token_refused : "") +
                                       words_of(code, message));
  MILLRACE_ASSIGN(std::optional<std::string> next, exchange_->respond(received));
  if (!next) return std::nullopt;
  return authenticate(*next);
}

}  // namespace millrace::log::kafka::wire
