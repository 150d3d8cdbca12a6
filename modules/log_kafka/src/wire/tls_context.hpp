// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "millrace/base/error.hpp"

namespace millrace::log::kafka::wire {

/// What is asked of TLS, by librdkafka's names of the settings. Empty: not given.
struct TlsSettings {
  std::string ca_location;  ///< a file or a directory; neither this nor ca_pem: the system's
  std::string ca_pem;
  std::string certificate_location;
  std::string certificate_pem;
  std::string key_location;
  std::string key_pem;
  std::string key_password;
  std::string cipher_suites;
  std::string curves;
  std::string signature_algorithms;
  bool verifies = true;     ///< that somebody trusted vouches for the broker
  bool checks_host = true;  ///< and that it is the broker that was asked for
};

/// OpenSSL's failure that this thread met last, in its words; forgets all of them.
[[nodiscard]] std::string tls_reason();

/// Makes TLS connections. Thread-safe after construction.
class TlsContext {
 public:
  /// Reads the files, now and never again. errc::invalid_argument names the setting.
  [[nodiscard]] static Result<TlsContext> open(const TlsSettings& settings);

  struct Free {
    void operator()(SSL* it) const { SSL_free(it); }
    void operator()(SSL_CTX* it) const { SSL_CTX_free(it); }
  };
  /// For a connection with that host.
  [[nodiscard]] Result<std::unique_ptr<SSL, Free>> connection(const std::string& host) const;

 private:
  TlsContext() = default;
  Status load_authorities(const TlsSettings& settings);
  Status load_certificate(const TlsSettings& settings);
  Status load_key(const TlsSettings& settings);
  Status choose(const TlsSettings& settings);

  std::unique_ptr<SSL_CTX, Free> context_;
  bool checks_host_ = true;
};

}  // namespace millrace::log::kafka::wire
