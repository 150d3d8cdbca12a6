// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "tls_peer.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <vector>

namespace millrace::net {
namespace {

EVP_PKEY* new_key() { return EVP_EC_gen("P-256"); }

template <class Write>
std::string pem_of(Write write) {
  BIO* const bytes = BIO_new(BIO_s_mem());
  EXPECT_EQ(write(bytes), 1);
  char* begin = nullptr;
  const long size = BIO_get_mem_data(bytes, &begin);
  std::string text(begin, static_cast<std::size_t>(size));
  BIO_free(bytes);
  return text;
}

template <class T, class Read>
T* from_pem(const std::string& text, Read read) {
  BIO* const bytes = BIO_new_mem_buf(text.data(), static_cast<int>(text.size()));
  T* const it = read(bytes, nullptr, nullptr, nullptr);
  EXPECT_NE(it, nullptr);
  BIO_free(bytes);
  return it;
}

void extend(X509* certificate, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* const made = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
  EXPECT_NE(made, nullptr) << value;
  X509_add_ext(certificate, made, -1);
  X509_EXTENSION_free(made);
}

X509* new_certificate(const std::string& subject, EVP_PKEY* key, long number) {
  constexpr long day_s = 86'400;
  X509* const made = X509_new();
  X509_set_version(made, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(made), number);
  X509_gmtime_adj(X509_getm_notBefore(made), -day_s);
  X509_gmtime_adj(X509_getm_notAfter(made), day_s);
  X509_set_pubkey(made, key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(made), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(subject.c_str()), -1, -1, 0);
  return made;
}

std::string pem_of(X509* certificate) {
  return pem_of([&](BIO* bytes) { return PEM_write_bio_X509(bytes, certificate); });
}

std::string pem_of(EVP_PKEY* key, const EVP_CIPHER* cipher, const std::string& password) {
  return pem_of([&](BIO* bytes) {
    return PEM_write_bio_PKCS8PrivateKey(bytes, key, cipher, password.data(),
                                         static_cast<int>(password.size()), nullptr, nullptr);
  });
}

}  // namespace

Authority::Authority(const std::string& name) : Authority(name, nullptr) {}
Authority::Authority(const std::string& name, const Authority& other) : Authority(name, &other) {}

Authority::Authority(const std::string& name, const Authority* other) : key_(new_key()) {
  certificate_ = new_certificate(name, key_, 1);
  X509* const issuer = other == nullptr ? certificate_ : other->certificate_;
  X509_set_issuer_name(certificate_, X509_get_subject_name(issuer));
  extend(certificate_, issuer, NID_basic_constraints, "critical,CA:TRUE");
  EXPECT_GT(X509_sign(certificate_, other == nullptr ? key_ : other->key_, EVP_sha256()), 0);
  pem_ = pem_of(certificate_);
}

Authority::~Authority() {
  X509_free(certificate_);
  EVP_PKEY_free(key_);
}

std::string Authority::file_name() const {
  std::array<char, 20> name;
  std::snprintf(name.data(), name.size(), "%08lx.0", X509_subject_name_hash(certificate_));
  return name.data();
}

Credentials Authority::issue(const std::string& subject, const std::string& names) const {
  EVP_PKEY* const key = new_key();
  X509* const made = new_certificate(subject, key, 2);
  X509_set_issuer_name(made, X509_get_subject_name(certificate_));
  if (!names.empty()) {
    extend(made, certificate_, NID_subject_alt_name, names);
  }
  EXPECT_GT(X509_sign(made, key_, EVP_sha256()), 0);
  Credentials issued{pem_of(made), pem_of(key, nullptr, {})};
  X509_free(made);
  EVP_PKEY_free(key);
  return issued;
}

std::string locked(const std::string& key, const std::string& password) {
  EVP_PKEY* const read = from_pem<EVP_PKEY>(key, PEM_read_bio_PrivateKey);
  std::string text = pem_of(read, EVP_aes_128_cbc(), password);
  EVP_PKEY_free(read);
  return text;
}

std::string key_store(const Credentials& credentials, const std::vector<std::string>& chain,
                      const std::string& password) {
  EVP_PKEY* const key = from_pem<EVP_PKEY>(credentials.key, PEM_read_bio_PrivateKey);
  X509* const certificate = from_pem<X509>(credentials.certificate, PEM_read_bio_X509);
  STACK_OF(X509)* const others = sk_X509_new_null();
  for (const std::string& one : chain) {
    sk_X509_push(others, from_pem<X509>(one, PEM_read_bio_X509));
  }
  PKCS12* const made =
      PKCS12_create(password.c_str(), "test", key, certificate, others, 0, 0, 0, 0, 0);
  EXPECT_NE(made, nullptr);
  std::string bytes = pem_of([&](BIO* to) { return i2d_PKCS12_bio(to, made); });
  PKCS12_free(made);
  sk_X509_pop_free(others, X509_free);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return bytes;
}

TlsPeer::TlsPeer(int socket, const Credentials& credentials, const PeerOptions& options)
    : socket_(socket), dribbles_(options.dribbles), context_(SSL_CTX_new(TLS_server_method())) {
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  // Versions this old are for nobody's security.
  SSL_CTX_set_security_level(context_, options.version < TLS1_2_VERSION ? 0 : 1);
  SSL_CTX_set_min_proto_version(context_, options.version);
  SSL_CTX_set_max_proto_version(context_, options.version);
  X509* const certificate = from_pem<X509>(credentials.certificate, PEM_read_bio_X509);
  EVP_PKEY* const key = from_pem<EVP_PKEY>(credentials.key, PEM_read_bio_PrivateKey);
  EXPECT_EQ(SSL_CTX_use_certificate(context_, certificate), 1);
  EXPECT_EQ(SSL_CTX_use_PrivateKey(context_, key), 1);
  X509_free(certificate);
  EVP_PKEY_free(key);
  if (!options.asks_clients_from.empty()) {
    X509* const trusted = from_pem<X509>(options.asks_clients_from, PEM_read_bio_X509);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context_), trusted);
    X509_free(trusted);
    SSL_CTX_set_verify(context_, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  tls_ = SSL_new(context_);
  SSL_set_bio(tls_, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  SSL_set_accept_state(tls_);
}

TlsPeer::~TlsPeer() {
  SSL_free(tls_);
  SSL_CTX_free(context_);
}

bool TlsPeer::flush() {
  char* begin = nullptr;
  const long size = BIO_get_mem_data(SSL_get_wbio(tls_), &begin);
  const auto bytes = static_cast<std::size_t>(size);
  for (std::size_t done = 0; done < bytes;) {
    const std::size_t part = dribbles_ ? 1 : bytes - done;
    const ssize_t sent = ::send(socket_, begin + done, part, MSG_NOSIGNAL);
    if (sent <= 0) {
      return false;
    }
    done += static_cast<std::size_t>(sent);
  }
  static_cast<void>(BIO_reset(SSL_get_wbio(tls_)));
  return true;
}

template <class Step>
bool TlsPeer::run(Step step) {
  std::vector<char> room(64U << 10U);
  for (;;) {
    ERR_clear_error();
    const int result = step();
    if (!flush()) {
      return false;
    }
    if (result > 0) {
      return true;
    }
    if (SSL_get_error(tls_, result) != SSL_ERROR_WANT_READ) {
      return false;
    }
    const ssize_t came = ::recv(socket_, room.data(), room.size(), 0);
    if (came <= 0) {
      return false;
    }
    BIO_write(SSL_get_rbio(tls_), room.data(), static_cast<int>(came));
  }
}

bool TlsPeer::accept() {
  return run([&] { return SSL_do_handshake(tls_); });
}

std::string TlsPeer::read_some(std::size_t bytes) {
  std::string some(bytes, '\0');
  std::size_t taken = 0;
  if (!run([&] { return SSL_read_ex(tls_, some.data(), some.size(), &taken); })) {
    return {};
  }
  some.resize(taken);
  return some;
}

std::string TlsPeer::read_exactly(std::size_t bytes) {
  std::string all;
  while (all.size() < bytes) {
    const std::string some = read_some(std::min<std::size_t>(bytes - all.size(), 64U << 10U));
    if (some.empty()) {
      return {};
    }
    all += some;
  }
  return all;
}

bool TlsPeer::write(std::string_view bytes) {
  std::size_t written = 0;
  return run([&] { return SSL_write_ex(tls_, bytes.data(), bytes.size(), &written); });
}

bool TlsPeer::change_keys() {
  return SSL_key_update(tls_, SSL_KEY_UPDATE_REQUESTED) == 1 && accept();
}

void TlsPeer::say_end() {
  SSL_shutdown(tls_);
  flush();
}

}  // namespace millrace::net
