// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "scram.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <array>
#include <charconv>
#include <utility>

#include "millrace/base/assert.hpp"
#include "millrace/net/errors.hpp"

namespace millrace::net {
namespace {

constexpr std::size_t nonce_bytes = 24;
// Fewer iterations protect no password (RFC 7677), and far more would let a server keep the client
// busy.
constexpr int least_iterations = 4'096;
constexpr int most_iterations = 1'000'000;
// No channel binding, no other authorization name.
constexpr std::string_view header = "n,,";

const unsigned char* raw(std::string_view bytes) {
  // NOLINTNEXTLINE: the form of OpenSSL's API
  return reinterpret_cast<const unsigned char*>(bytes.data());
}
unsigned char* raw(std::string& bytes) {
  // NOLINTNEXTLINE: the form of OpenSSL's API
  return reinterpret_cast<unsigned char*>(bytes.data());
}

std::string base64(std::string_view bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
  text.resize(static_cast<std::size_t>(
      EVP_EncodeBlock(raw(text), raw(bytes), static_cast<int>(bytes.size()))));
  return text;
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.empty() || text.size() % 4 != 0) {
    return std::nullopt;
  }
  std::string bytes(text.size() / 4 * 3, '\0');
  // It counts the padding as bytes.
  const int padding = text.ends_with("==") ? 2 : (text.ends_with("=") ? 1 : 0);
  const int size = EVP_DecodeBlock(raw(bytes), raw(text), static_cast<int>(text.size())) - padding;
  if (size <= 0) {
    return std::nullopt;
  }
  bytes.resize(static_cast<std::size_t>(size));
  return bytes;
}

std::string random_nonce() {
  std::string bytes(nonce_bytes, '\0');
  const bool drawn = RAND_bytes(raw(bytes), static_cast<int>(bytes.size())) == 1;
  MILLRACE_ASSERT(drawn, "OpenSSL has no randomness");
  return base64(bytes);
}

/// A name with its commas and equals signs escaped: both have a meaning in SCRAM.
std::string escaped(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c == '=') {
      out += "=3D";
    } else if (c == ',') {
      out += "=2C";
    } else {
      out += c;
    }
  }
  return out;
}

class Digest {
 public:
  explicit Digest(const char* name) : it_(EVP_get_digestbyname(name)) {
    MILLRACE_ASSERT(it_ != nullptr, "a digest that OpenSSL does not know");
  }
  [[nodiscard]] std::string of(std::string_view bytes) const {
    std::string out(size(), '\0');
    EVP_Digest(bytes.data(), bytes.size(), raw(out), nullptr, it_, nullptr);
    return out;
  }
  [[nodiscard]] std::string keyed(std::string_view key, std::string_view bytes) const {
    std::string out(size(), '\0');
    HMAC(it_, key.data(), static_cast<int>(key.size()), raw(bytes), bytes.size(), raw(out),
         nullptr);
    return out;
  }
  [[nodiscard]] std::string salted(std::string_view password, std::string_view salt,
                                   int iterations) const {
    std::string out(size(), '\0');
    PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), raw(salt),
                      static_cast<int>(salt.size()), iterations, it_, static_cast<int>(out.size()),
                      raw(out));
    return out;
  }

 private:
  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(EVP_MD_get_size(it_)); }
  const EVP_MD* it_;
};

/// Takes `name=value` off the front; nullopt when another attribute is there.
std::optional<std::string_view> take(std::string_view& message, char name) {
  if (message.size() < 2 || message[0] != name || message[1] != '=') {
    return std::nullopt;
  }
  const std::size_t comma = message.find(',');
  const std::string_view value =
      message.substr(2, comma == std::string_view::npos ? comma : comma - 2);
  message = comma == std::string_view::npos ? std::string_view() : message.substr(comma + 1);
  return value;
}

std::unexpected<Error> bad(const std::string& what) {
  return fail(errc::not_authenticated, "SCRAM: the server {}", what);
}

}  // namespace

Scram::Scram(const char* digest, std::string_view username, std::string password)
    : Scram(digest, username, std::move(password), random_nonce()) {}

Scram::Scram(const char* digest, std::string_view username, std::string password, std::string nonce)
    : digest_(digest),
      password_(std::move(password)),
      nonce_(std::move(nonce)),
      client_first_("n=" + escaped(username) + ",r=" + nonce_) {}

Result<std::string> Scram::begin() { return std::string(header) + client_first_; }

Result<std::optional<std::string>> Scram::respond(std::string_view message) {
  if (server_signature_.empty()) {
    return prove(message);
  }
  MILLRACE_TRY(verify(message));
  return std::nullopt;
}

Result<std::optional<std::string>> Scram::prove(std::string_view server_first) {
  std::string_view rest = server_first;
  if (const auto error = take(rest, 'e')) {
    return bad("says " + std::string(*error));
  }
  const auto nonce = take(rest, 'r');
  const auto salt_text = take(rest, 's');
  const auto iterations_text = take(rest, 'i');
  const auto salt = from_base64(salt_text.value_or(""));
  if (!nonce || !salt || !iterations_text) {
    return bad("sent something else than salt and nonce");
  }
  if (!nonce->starts_with(nonce_) || nonce->size() == nonce_.size()) {
    return bad("does not use our nonce");
  }
  int iterations = 0;
  const char* const end = iterations_text->data() + iterations_text->size();
  const auto read = std::from_chars(iterations_text->data(), end, iterations);
  if (read.ec != std::errc() || read.ptr != end || iterations < least_iterations ||
      iterations > most_iterations) {
    return bad("asks for " + std::string(*iterations_text) + " iterations, not " +
               std::to_string(least_iterations) + " to " + std::to_string(most_iterations));
  }

  const Digest digest(digest_);
  const std::string salted = digest.salted(password_, *salt, iterations);
  const std::string last_bare = "c=" + base64(header) + ",r=" + std::string(*nonce);
  const std::string all = client_first_ + "," + std::string(server_first) + "," + last_bare;
  std::string proof = digest.keyed(salted, "Client Key");
  const std::string signature = digest.keyed(digest.of(proof), all);
  for (std::size_t i = 0; i < proof.size(); ++i) {
    proof[i] = static_cast<char>(proof[i] ^ signature[i]);
  }
  server_signature_ = digest.keyed(digest.keyed(salted, "Server Key"), all);
  return last_bare + ",p=" + base64(proof);
}

Status Scram::verify(std::string_view server_final) const {
  std::string_view rest = server_final;
  if (const auto error = take(rest, 'e')) {
    return bad("says " + std::string(*error));
  }
  const auto shown = from_base64(take(rest, 'v').value_or(""));
  if (!shown || shown->size() != server_signature_.size() ||
      CRYPTO_memcmp(shown->data(), server_signature_.data(), shown->size()) != 0) {
    return bad("does not know the password");
  }
  return {};
}

}  // namespace millrace::net
