// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <openssl/ssl.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

// The other side of TLS connections, and who vouches for whom there.
namespace millrace::net {

/// In PEM.
struct Credentials {
  std::string certificate;
  std::string key;
};

/// Signs certificates. Each gets a new key.
class Authority {
 public:
  explicit Authority(const std::string& name);
  /// One for which another one vouches.
  Authority(const std::string& name, const Authority& other);
  ~Authority();
  Authority(const Authority&) = delete;
  Authority& operator=(const Authority&) = delete;
  [[nodiscard]] const std::string& certificate() const { return pem_; }
  /// In a directory of authorities, as `openssl rehash` names it.
  [[nodiscard]] std::string file_name() const;
  /// `names` as OpenSSL writes them: DNS:localhost,IP:127.0.0.1
  [[nodiscard]] Credentials issue(const std::string& subject, const std::string& names = {}) const;

 private:
  Authority(const std::string& name, const Authority* other);

  EVP_PKEY* key_;
  X509* certificate_;
  std::string pem_;
};

/// A PKCS#12 file: a certificate and its key, and those that vouch for it, in PEM.
[[nodiscard]] std::string key_store(const Credentials& credentials,
                                    const std::vector<std::string>& chain,
                                    const std::string& password);

/// The key once more, to be read with a password only.
[[nodiscard]] std::string locked(const std::string& key, const std::string& password);

struct PeerOptions {
  int version = TLS1_3_VERSION;        ///< the only one it speaks
  std::string asks_clients_from = {};  ///< PEM; empty: no certificate is asked for
  bool dribbles = false;               ///< sends each byte by itself
};

/// A server's end of a connection that was accepted; blocks.
class TlsPeer {
 public:
  TlsPeer(int socket, const Credentials& credentials, const PeerOptions& options = {});
  ~TlsPeer();
  TlsPeer(const TlsPeer&) = delete;
  TlsPeer& operator=(const TlsPeer&) = delete;

  /// False when the client or this one wants no connection.
  bool accept();
  /// Up to so many bytes; empty at the end.
  std::string read_some(std::size_t bytes);
  std::string read_exactly(std::size_t bytes);
  bool write(std::string_view bytes);
  /// Keys are changed, which the client has to respond to. Of TLS 1.3.
  bool change_keys();
  /// Says that it ends, but leaves the socket open.
  void say_end();
  [[nodiscard]] SSL* tls() const { return tls_; }

 private:
  /// Whether `step`, a function of OpenSSL, comes to an end.
  template <class Step>
  bool run(Step step);
  bool flush();

  const int socket_;
  const bool dribbles_;
  SSL_CTX* context_;
  SSL* tls_;
};

}  // namespace millrace::net
