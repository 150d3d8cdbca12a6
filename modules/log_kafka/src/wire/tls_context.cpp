// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "wire/tls_context.hpp"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <cstring>

#include "millrace/log/errors.hpp"

namespace millrace::log::kafka::wire {
namespace {

constexpr std::size_t read_buffer_bytes = 64U << 10U;

struct FreeParts {
  void operator()(BIO* it) const { BIO_free(it); }
  void operator()(X509* it) const { X509_free(it); }
  void operator()(EVP_PKEY* it) const { EVP_PKEY_free(it); }
};
template <class T>
using Part = std::unique_ptr<T, FreeParts>;

std::unexpected<Error> bad(const std::string& setting, const std::string& what) {
  return fail(errc::invalid_argument, "kafka setting " + setting + ": " + what);
}

/// PEM from a file or from the settings.
struct Source {
  const char* setting;
  Part<BIO> bytes;
};

Result<Source> source_of(const char* location_setting, const std::string& location,
                         const char* pem_setting, const std::string& pem) {
  ERR_clear_error();
  if (location.empty())
    return Source{pem_setting,
                  Part<BIO>(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())))};
  Part<BIO> file(BIO_new_file(location.c_str(), "r"));
  if (file == nullptr) return bad(location_setting, location + ": " + tls_reason());
  return Source{location_setting, std::move(file)};
}

std::unexpected<Error> bad(const Source& source, const std::string& location,
                           const std::string& what) {
  const std::string reason = tls_reason();
  return bad(source.setting, (location.empty() ? "" : location + ": ") + what +
                                 (reason.empty() ? "" : " (" + reason + ")"));
}

/// Without one nobody is asked at a terminal.
int tell_password(char* room, int size, int /*writes*/, void* password) {
  const auto& text = *static_cast<const std::string*>(password);
  if (text.size() > static_cast<std::size_t>(size)) return 0;
  std::memcpy(room, text.data(), text.size());
  return static_cast<int>(text.size());
}

bool is_directory(const std::string& path) {
  struct stat found{};
  return ::stat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode);
}

bool is_ip(const std::string& host) {
  unsigned char room[sizeof(in6_addr)];
  return ::inet_pton(AF_INET, host.c_str(), room) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), room) == 1;
}

}  // namespace

std::string tls_reason() {
  const unsigned long first = ERR_peek_error();
  const unsigned long code = ERR_peek_last_error();
  std::string text;
  if (ERR_SYSTEM_ERROR(first)) {
    text = std::strerror(ERR_GET_REASON(first));
  } else if (code != 0) {
    const char* const known = ERR_reason_error_string(code);
    char room[256];
    ERR_error_string_n(code, room, sizeof room);
    text = known == nullptr ? room : known;
  }
  ERR_clear_error();
  return text;
}

Result<TlsContext> TlsContext::open(const TlsSettings& settings) {
  TlsContext made;
  made.context_.reset(SSL_CTX_new(TLS_client_method()));
  if (made.context_ == nullptr)
    return fail(errc::invalid_argument, "TLS cannot be used: " + tls_reason());
  SSL_CTX* const context = made.context_.get();
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  // Brokers do not do it; so nothing has to be read before something can be written.
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
  // Several records by one call of the system.
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_default_read_buffer_len(context, read_buffer_bytes);
  SSL_CTX_set_verify(context, settings.verifies ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  made.checks_host_ = settings.verifies && settings.checks_host;
  MILLRACE_TRY(made.choose(settings));
  if (settings.verifies) MILLRACE_TRY(made.load_authorities(settings));
  MILLRACE_TRY(made.load_certificate(settings));
  MILLRACE_TRY(made.load_key(settings));
  return made;
}

Status TlsContext::choose(const TlsSettings& settings) {
  ERR_clear_error();
  SSL_CTX* const context = context_.get();
  if (const std::string& list = settings.cipher_suites;
      !list.empty() && SSL_CTX_set_cipher_list(context, list.c_str()) != 1)
    return bad("ssl.cipher.suites", tls_reason());
  if (const std::string& list = settings.curves;
      !list.empty() && SSL_CTX_set1_curves_list(context, list.c_str()) != 1)
    return bad("ssl.curves.list", "no list of curves that OpenSSL knows");
  if (const std::string& list = settings.signature_algorithms;
      !list.empty() && SSL_CTX_set1_sigalgs_list(context, list.c_str()) != 1)
    return bad("ssl.sigalgs.list", "no list of signature algorithms that OpenSSL knows");
  return {};
}

Status TlsContext::load_authorities(const TlsSettings& settings) {
  ERR_clear_error();
  SSL_CTX* const context = context_.get();
  const std::string& location = settings.ca_location;
  if ((location.empty() || location == "probe") && settings.ca_pem.empty()) {
    SSL_CTX_set_default_verify_paths(context);
    ERR_clear_error();
    return {};
  }
  if (!location.empty() && location != "probe") {
    const int loaded = is_directory(location) ? SSL_CTX_load_verify_dir(context, location.c_str())
                                              : SSL_CTX_load_verify_file(context, location.c_str());
    if (loaded != 1) return bad("ssl.ca.location", location + ": " + tls_reason());
  }
  if (settings.ca_pem.empty()) return {};
  MILLRACE_ASSIGN(const Source source, source_of("", "", "ssl.ca.pem", settings.ca_pem));
  int count = 0;
  while (Part<X509> one{PEM_read_bio_X509(source.bytes.get(), nullptr, nullptr, nullptr)}) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), one.get());
    ++count;
  }
  if (count == 0) return bad(source, "", "no certificate in PEM");
  ERR_clear_error();
  return {};
}

Status TlsContext::load_certificate(const TlsSettings& settings) {
  const std::string& location = settings.certificate_location;
  if (location.empty() && settings.certificate_pem.empty()) return {};
  MILLRACE_ASSIGN(const Source source, source_of("ssl.certificate.location", location,
                                                 "ssl.certificate.pem", settings.certificate_pem));
  const Part<X509> own(PEM_read_bio_X509_AUX(source.bytes.get(), nullptr, nullptr, nullptr));
  if (own == nullptr) return bad(source, location, "no certificate in PEM");
  if (SSL_CTX_use_certificate(context_.get(), own.get()) != 1)
    return bad(source, location, "the certificate cannot be used");
  // Behind it those of who vouches for it.
  while (Part<X509> next{PEM_read_bio_X509(source.bytes.get(), nullptr, nullptr, nullptr)}) {
    if (SSL_CTX_add0_chain_cert(context_.get(), next.get()) != 1)
      return bad(source, location, "the chain cannot be used");
    static_cast<void>(next.release());  // the context's now
  }
  ERR_clear_error();
  return {};
}

Status TlsContext::load_key(const TlsSettings& settings) {
  const std::string& location = settings.key_location;
  if (location.empty() && settings.key_pem.empty()) return {};
  MILLRACE_ASSIGN(const Source source,
                  source_of("ssl.key.location", location, "ssl.key.pem", settings.key_pem));
  std::string password = settings.key_password;
  const Part<EVP_PKEY> key(
      PEM_read_bio_PrivateKey(source.bytes.get(), nullptr, tell_password, &password));
  if (key == nullptr)
    return bad(source, location, "no private key in PEM, or ssl.key.password is not its password");
  if (SSL_CTX_use_PrivateKey(context_.get(), key.get()) != 1)
    return bad(source, location, "the key cannot be used");
  if (SSL_CTX_check_private_key(context_.get()) != 1)
    return bad(source, location, "it is not the key of the certificate");
  return {};
}

Result<std::unique_ptr<SSL, TlsContext::Free>> TlsContext::connection(
    const std::string& host) const {
  ERR_clear_error();
  std::unique_ptr<SSL, Free> made(SSL_new(context_.get()));
  if (made == nullptr) return fail(errc::unavailable, "TLS: " + tls_reason());
  // Addresses are not told as names (RFC 6066).
  if (!is_ip(host) && SSL_set_tlsext_host_name(made.get(), host.c_str()) != 1)
    return fail(errc::unavailable, "TLS: " + host + ": " + tls_reason());
  if (checks_host_) {
    SSL_set_hostflags(made.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (SSL_set1_host(made.get(), host.c_str()) != 1)
      return fail(errc::unavailable, "TLS: " + host + ": " + tls_reason());
  }
  SSL_set_connect_state(made.get());
  return made;
}

}  // namespace millrace::log::kafka::wire
