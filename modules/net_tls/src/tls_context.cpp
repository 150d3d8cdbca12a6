// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/net_tls/tls_context.hpp"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <cstring>
#include <utility>

#include "millrace/net/errors.hpp"
#include "openssl_reason.hpp"
#include "tls_stream.hpp"

namespace millrace::net {
namespace {

constexpr std::size_t read_buffer_bytes = 64U << 10U;

struct FreeParts {
  void operator()(BIO* it) const { BIO_free(it); }
  void operator()(X509* it) const { X509_free(it); }
  void operator()(EVP_PKEY* it) const { EVP_PKEY_free(it); }
  void operator()(PKCS12* it) const { PKCS12_free(it); }
  void operator()(STACK_OF(X509) * it) const { sk_X509_pop_free(it, X509_free); }
};
template <class T>
using Part = std::unique_ptr<T, FreeParts>;

std::unexpected<Error> bad(const TlsSetting& setting, const std::string& what) {
  return fail(errc::invalid_argument, "{}: {}", setting.name, what);
}

/// What the file that one setting names holds, or the other setting itself.
class CredentialSource {
 public:
  static Result<CredentialSource> open(const TlsSetting& location, const TlsSetting& pem) {
    ERR_clear_error();
    if (location.value.empty()) {
      const std::string& text = pem.value;
      return CredentialSource(pem, {}, BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
    }
    BIO* const file = BIO_new_file(location.value.c_str(), "r");
    if (file == nullptr) {
      return bad(location, location.value + ": " + openssl_reason());
    }
    return CredentialSource(location, location.value + ": ", file);
  }

  [[nodiscard]] BIO* bytes() const { return bytes_.get(); }
  /// With OpenSSL's reason, if it has one.
  [[nodiscard]] std::unexpected<Error> unusable(const std::string& what) const {
    const std::string reason = openssl_reason();
    return bad(*setting_, where_ + what + (reason.empty() ? "" : " (" + reason + ")"));
  }

 private:
  CredentialSource(const TlsSetting& setting, std::string where, BIO* bytes)
      : setting_(&setting), where_(std::move(where)), bytes_(bytes) {}

  const TlsSetting* setting_;
  std::string where_;
  Part<BIO> bytes_;
};

/// Without this function OpenSSL would ask at the terminal.
int copy_password(char* room, int size, int /*writes*/, void* password) {
  const auto& text = *static_cast<const std::string*>(password);
  if (text.size() > static_cast<std::size_t>(size)) {
    return 0;
  }
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

void TlsContext::Free::operator()(SSL* it) const { SSL_free(it); }
void TlsContext::Free::operator()(SSL_CTX* it) const { SSL_CTX_free(it); }

Result<TlsContext> TlsContext::open(const TlsSettings& settings) {
  TlsContext made;
  made.context_.reset(SSL_CTX_new(TLS_client_method()));
  if (made.context_ == nullptr) {
    return fail(errc::tls_failed, "TLS cannot be used: {}", openssl_reason());
  }
  SSL_CTX* const context = made.context_.get();
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  // Servers rarely ask for it. Without it a write never has to wait for a read.
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
  // Several records by one system call.
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_default_read_buffer_len(context, read_buffer_bytes);
  SSL_CTX_set_verify(context, settings.verifies ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  made.checks_host_ = settings.verifies && settings.checks_host;
  MILLRACE_TRY(made.choose(settings));
  if (settings.verifies) {
    MILLRACE_TRY(made.load_authorities(settings));
  }
  MILLRACE_TRY(made.load_key_store(settings));
  MILLRACE_TRY(made.load_certificate(settings));
  MILLRACE_TRY(made.load_key(settings));
  return made;
}

std::unique_ptr<Stream> TlsContext::connect(Address address, Clock& clock,
                                            std::int64_t connect_timeout_ns) const {
  return std::make_unique<TlsStream>(std::move(address), *this, clock, connect_timeout_ns);
}

Status TlsContext::choose(const TlsSettings& settings) {
  ERR_clear_error();
  SSL_CTX* const context = context_.get();
  if (const TlsSetting& list = settings.cipher_suites;
      !list.value.empty() && SSL_CTX_set_cipher_list(context, list.value.c_str()) != 1) {
    return bad(list, openssl_reason());
  }
  if (const TlsSetting& list = settings.curves;
      !list.value.empty() && SSL_CTX_set1_curves_list(context, list.value.c_str()) != 1) {
    return bad(list, "no list of curves that OpenSSL knows");
  }
  if (const TlsSetting& list = settings.signature_algorithms;
      !list.value.empty() && SSL_CTX_set1_sigalgs_list(context, list.value.c_str()) != 1) {
    return bad(list, "no list of signature algorithms that OpenSSL knows");
  }
  return {};
}

Status TlsContext::load_authorities(const TlsSettings& settings) {
  ERR_clear_error();
  SSL_CTX* const context = context_.get();
  const std::string& location = settings.ca_location.value;
  if (location.empty() && settings.ca_pem.value.empty()) {
    SSL_CTX_set_default_verify_paths(context);
    ERR_clear_error();
    return {};
  }
  if (!location.empty()) {
    const int loaded = is_directory(location) ? SSL_CTX_load_verify_dir(context, location.c_str())
                                              : SSL_CTX_load_verify_file(context, location.c_str());
    if (loaded != 1) {
      return bad(settings.ca_location, location + ": " + openssl_reason());
    }
  }
  if (settings.ca_pem.value.empty()) {
    return {};
  }
  MILLRACE_ASSIGN(const CredentialSource source, CredentialSource::open({}, settings.ca_pem));
  int count = 0;
  while (Part<X509> one{PEM_read_bio_X509(source.bytes(), nullptr, nullptr, nullptr)}) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), one.get());
    ++count;
  }
  if (count == 0) {
    return source.unusable("no certificate in PEM");
  }
  ERR_clear_error();
  return {};
}

Status TlsContext::load_certificate(const TlsSettings& settings) {
  if (settings.certificate_location.value.empty() && settings.certificate_pem.value.empty()) {
    return {};
  }
  MILLRACE_ASSIGN(const CredentialSource source,
                  CredentialSource::open(settings.certificate_location, settings.certificate_pem));
  const Part<X509> own(PEM_read_bio_X509_AUX(source.bytes(), nullptr, nullptr, nullptr));
  if (own == nullptr) {
    return source.unusable("no certificate in PEM");
  }
  if (SSL_CTX_use_certificate(context_.get(), own.get()) != 1) {
    return source.unusable("the certificate cannot be used");
  }
  // The certificates of those that signed it follow.
  while (Part<X509> next{PEM_read_bio_X509(source.bytes(), nullptr, nullptr, nullptr)}) {
    if (SSL_CTX_add0_chain_cert(context_.get(), next.get()) != 1) {
      return source.unusable("the chain cannot be used");
    }
    static_cast<void>(next.release());  // the context owns it now
  }
  ERR_clear_error();
  return {};
}

Status TlsContext::load_key(const TlsSettings& settings) {
  if (settings.key_location.value.empty() && settings.key_pem.value.empty()) {
    return {};
  }
  MILLRACE_ASSIGN(const CredentialSource source,
                  CredentialSource::open(settings.key_location, settings.key_pem));
  std::string password = settings.key_password.value;
  const Part<EVP_PKEY> key(
      PEM_read_bio_PrivateKey(source.bytes(), nullptr, copy_password, &password));
  if (key == nullptr) {
    return source.unusable("no private key in PEM, or " + settings.key_password.name +
                           " is not its password");
  }
  if (SSL_CTX_use_PrivateKey(context_.get(), key.get()) != 1) {
    return source.unusable("the key cannot be used");
  }
  if (SSL_CTX_check_private_key(context_.get()) != 1) {
    return source.unusable("it is not the key of the certificate");
  }
  return {};
}

Status TlsContext::load_key_store(const TlsSettings& settings) {
  const TlsSetting& location = settings.key_store_location;
  if (location.value.empty()) {
    return {};
  }
  for (const TlsSetting* const other : {&settings.certificate_location, &settings.certificate_pem,
                                        &settings.key_location, &settings.key_pem}) {
    if (!other->value.empty()) {
      return bad(location, "it has a certificate and a key, and so has " + other->name +
                               ": leave one of them out");
    }
  }
  MILLRACE_ASSIGN(const CredentialSource source, CredentialSource::open(location, {}));
  const Part<PKCS12> store(d2i_PKCS12_bio(source.bytes(), nullptr));
  if (store == nullptr) {
    return source.unusable("no key store in PKCS#12");
  }
  EVP_PKEY* key = nullptr;
  X509* certificate = nullptr;
  STACK_OF(X509)* others = nullptr;
  const int opened = PKCS12_parse(store.get(), settings.key_store_password.value.c_str(), &key,
                                  &certificate, &others);
  const Part<EVP_PKEY> own_key(key);
  const Part<X509> own(certificate);
  const Part<STACK_OF(X509)> chain(others);
  if (opened != 1) {
    return source.unusable("the key store cannot be opened, or " +
                           settings.key_store_password.name + " is not its password");
  }
  if (own_key == nullptr || own == nullptr) {
    return source.unusable("the key store has no key with a certificate");
  }
  if (SSL_CTX_use_certificate(context_.get(), own.get()) != 1 ||
      SSL_CTX_use_PrivateKey(context_.get(), own_key.get()) != 1) {
    return source.unusable("the certificate and the key cannot be used");
  }
  if (chain != nullptr) {
    // A store has them in any order, and TLS 1.2 sends each before the one that signed it.
    constexpr int in_order = SSL_BUILD_CHAIN_FLAG_CHECK | SSL_BUILD_CHAIN_FLAG_NO_ROOT |
                             SSL_BUILD_CHAIN_FLAG_IGNORE_ERROR;
    if (SSL_CTX_set1_chain(context_.get(), chain.get()) != 1 ||
        SSL_CTX_build_cert_chain(context_.get(), in_order) < 1) {
      return source.unusable("the chain cannot be used");
    }
  }
  ERR_clear_error();
  return {};
}

Result<std::unique_ptr<SSL, TlsContext::Free>> TlsContext::connection(
    const std::string& host) const {
  ERR_clear_error();
  std::unique_ptr<SSL, Free> made(SSL_new(context_.get()));
  if (made == nullptr) {
    return fail(errc::tls_failed, "TLS: {}", openssl_reason());
  }
  // An IP address is no server name (RFC 6066).
  if (!is_ip(host) && SSL_set_tlsext_host_name(made.get(), host.c_str()) != 1) {
    return fail(errc::tls_failed, "TLS: {}: {}", host, openssl_reason());
  }
  if (checks_host_) {
    SSL_set_hostflags(made.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (SSL_set1_host(made.get(), host.c_str()) != 1) {
      return fail(errc::tls_failed, "TLS: {}: {}", host, openssl_reason());
    }
  }
  SSL_set_connect_state(made.get());
  return made;
}

}  // namespace millrace::net
