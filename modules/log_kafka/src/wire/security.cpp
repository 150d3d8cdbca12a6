// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "wire/security.hpp"

#include <algorithm>
#include <utility>

#include "millrace/log/errors.hpp"
#include "millrace/net/socket.hpp"
#include "millrace/net_tls/tls_context.hpp"
#include "token_file.hpp"

namespace millrace::log::kafka::wire {
namespace {

constexpr std::string_view tls_settings[] = {"ssl.ca.location",
                                             "ssl.ca.pem",
                                             "ssl.certificate.location",
                                             "ssl.certificate.pem",
                                             "ssl.key.location",
                                             "ssl.key.pem",
                                             "ssl.key.password",
                                             "ssl.keystore.location",
                                             "ssl.keystore.password",
                                             "ssl.cipher.suites",
                                             "ssl.curves.list",
                                             "ssl.sigalgs.list",
                                             "ssl.endpoint.identification.algorithm"};
constexpr std::string_view sasl_settings[] = {
    "sasl.mechanism", "sasl.mechanisms",  "sasl.username",          "sasl.password",
    token_setting,    extensions_setting, "sasl.oauthbearer.method"};
constexpr std::string_view oauth_bearer = "OAUTHBEARER";
constexpr std::string_view verification = "enable.ssl.certificate.verification";

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return out;
}

/// Empty when there is none.
std::string get(const Settings& settings, std::string_view name, std::string_view alias = {}) {
  const std::string* const found = last_setting(settings, name, alias);
  return found == nullptr ? std::string() : *found;
}

struct Protocol {
  bool known = true;
  bool tls = false;
  bool sasl = false;
};

Protocol protocol_of(const Settings& settings) {
  const std::string name = lower(get(settings, "security.protocol"));
  const bool sasl = name.starts_with("sasl_");
  const std::string_view rest = std::string_view(name).substr(sasl ? 5 : 0);
  return {rest == "plaintext" || rest == "ssl" || name.empty(), rest == "ssl", sasl};
}

std::string mechanism_of(const Settings& settings) {
  const std::string named = get(settings, "sasl.mechanisms", "sasl.mechanism");
  return named.empty() ? "GSSAPI" : named;  // librdkafka's default
}

bool is_among(std::span<const std::string_view> names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::optional<bool> flag_of(std::string_view text) {
  const std::string value = lower(text);
  if (value.empty() || value == "true" || value == "t" || value == "1") return true;
  if (value == "false" || value == "f" || value == "0") return false;
  return std::nullopt;
}

std::string name_of_setting(std::string_view setting) {
  return "kafka setting " + std::string(setting);
}

std::unexpected<Error> bad_setting(std::string_view setting, const std::string& what) {
  return fail(errc::invalid_argument, name_of_setting(setting) + ": " + what);
}

Result<net::TlsSettings> tls_of(const Settings& settings) {
  const auto setting = [&](std::string_view name) {
    return net::TlsSetting{get(settings, name), name_of_setting(name)};
  };
  net::TlsSettings tls;
  tls.ca_location = setting("ssl.ca.location");
  // librdkafka's word for the system's authorities.
  if (tls.ca_location.value == "probe") {
    tls.ca_location.value.clear();
  }
  tls.ca_pem = setting("ssl.ca.pem");
  tls.certificate_location = setting("ssl.certificate.location");
  tls.certificate_pem = setting("ssl.certificate.pem");
  tls.key_location = setting("ssl.key.location");
  tls.key_pem = setting("ssl.key.pem");
  tls.key_password = setting("ssl.key.password");
  tls.key_store_location = setting("ssl.keystore.location");
  tls.key_store_password = setting("ssl.keystore.password");
  tls.cipher_suites = setting("ssl.cipher.suites");
  tls.curves = setting("ssl.curves.list");
  tls.signature_algorithms = setting("ssl.sigalgs.list");
  const std::optional<bool> verifies = flag_of(get(settings, verification));
  if (!verifies) return bad_setting(verification, "it is true or false");
  tls.verifies = *verifies;
  const std::string_view algorithm = "ssl.endpoint.identification.algorithm";
  const std::string identified = lower(get(settings, algorithm));
  if (!identified.empty() && identified != "https" && identified != "none")
    return bad_setting(algorithm, "it is https or none");
  tls.checks_host = identified != "none";
  return tls;
}

Result<net::SaslAccount> account_of(const Settings& settings, const KafkaTokenSource& token) {
  if (Security::by_token(settings)) {
    if (!token)
      return bad_setting(token_setting, "OAUTHBEARER needs file:///PATH of a file with the token");
    MILLRACE_TRY(token());
    MILLRACE_ASSIGN(Settings extensions, token_extensions(settings));
    return net::SaslAccount{std::string(oauth_bearer), {}, {}, token, std::move(extensions)};
  }
  net::SaslAccount account{mechanism_of(settings), get(settings, "sasl.username"),
                           get(settings, "sasl.password")};
  if (account.username.empty())
    return bad_setting("sasl.username", account.mechanism + " needs one");
  if (account.password.empty())
    return bad_setting("sasl.password", account.mechanism + " needs one");
  return account;
}

std::optional<std::string> beyond_tokens(const Settings& settings) {
  const std::string method = lower(get(settings, "sasl.oauthbearer.method"));
  if (!method.empty() && method != "default") return "sasl.oauthbearer.method " + method;
  const std::string url = get(settings, token_setting);
  // Of others than files; they may have a password in them.
  if (url.starts_with("http:") || url.starts_with("https:")) return std::string(token_setting);
  return std::nullopt;
}

/// Whether a setting changes nothing: of a mechanism that is not used, or a default of librdkafka.
bool is_unused(const std::string& name, const std::string& value, const std::string& mechanism) {
  if (value.empty() || (name == "ssl.engine.id" && value == "dynamic")) return true;
  const bool of_tokens =
      name.starts_with("sasl.oauthbearer.") || name.starts_with("enable.sasl.oauthbearer.");
  return name.starts_with("sasl.kerberos.") || (of_tokens && mechanism != oauth_bearer);
}

}  // namespace

bool Security::by_token(const Settings& settings) {
  return protocol_of(settings).sasl && mechanism_of(settings) == oauth_bearer;
}

std::optional<std::string> Security::beyond(const Settings& settings) {
  const Protocol protocol = protocol_of(settings);
  const std::string mechanism = mechanism_of(settings);
  if (protocol.sasl && !net::is_known_mechanism(mechanism)) return "sasl.mechanism " + mechanism;
  for (const auto& [name, value] : settings) {
    if (is_unused(name, value, mechanism)) continue;
    const bool of_tls = name.starts_with("ssl.") || name.starts_with("ssl_");
    if (protocol.tls && of_tls && !is_among(tls_settings, name)) return name;
    const bool of_sasl = name.starts_with("sasl.") || name.starts_with("enable.sasl.");
    if (protocol.sasl && of_sasl && !is_among(sasl_settings, name)) return name;
  }
  return by_token(settings) ? beyond_tokens(settings) : std::nullopt;
}

Result<std::shared_ptr<const Security>> Security::open(const Settings& settings,
                                                       const KafkaTokenSource& token) {
  const Protocol protocol = protocol_of(settings);
  if (!protocol.known)
    return bad_setting("security.protocol", "it is plaintext, ssl, sasl_plaintext or sasl_ssl");
  std::unique_ptr<const net::TlsContext> tls;
  if (protocol.tls) {
    MILLRACE_ASSIGN(const net::TlsSettings asked, tls_of(settings));
    MILLRACE_ASSIGN(net::TlsContext made, net::TlsContext::open(asked));
    tls = std::make_unique<const net::TlsContext>(std::move(made));
  }
  std::optional<net::SaslAccount> account;
  if (protocol.sasl) {
    MILLRACE_ASSIGN(account, account_of(settings, token));
  }
  return std::make_shared<const Security>(std::move(tls), std::move(account));
}

Security::Security(std::unique_ptr<const net::TlsContext> tls,
                   std::optional<net::SaslAccount> account)
    : tls_(std::move(tls)), account_(std::move(account)) {}

Security::~Security() = default;

std::unique_ptr<net::Stream> Security::connect(const net::Address& address, Clock& clock,
                                               std::int64_t connect_timeout_ns) const {
  if (tls_ == nullptr) return std::make_unique<net::Socket>(address, clock, connect_timeout_ns);
  return tls_->connect(address, clock, connect_timeout_ns);
}

std::unique_ptr<SaslLogin> Security::login() const {
  return account_ ? std::make_unique<SaslLogin>(*account_) : nullptr;
}

}  // namespace millrace::log::kafka::wire
