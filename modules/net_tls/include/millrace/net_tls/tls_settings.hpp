// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string>

namespace millrace::net {

/// A setting, and its name for error messages: the name that the user knows.
struct TlsSetting {
  std::string value;  ///< empty: not given
  std::string name;
};

/// The settings of the TLS connections of a client. Certificates and keys are in PEM or in a key
/// store.
struct TlsSettings {
  /// A file or a directory (as `openssl rehash` makes it) of trusted authorities. When neither this
  /// nor ca_pem is given, the system's authorities are trusted.
  TlsSetting ca_location{{}, "ca_location"};
  TlsSetting ca_pem{{}, "ca_pem"};
  /// The client's certificate, followed by the chain of those that signed it.
  TlsSetting certificate_location{{}, "certificate_location"};
  TlsSetting certificate_pem{{}, "certificate_pem"};
  TlsSetting key_location{{}, "key_location"};
  TlsSetting key_pem{{}, "key_pem"};
  TlsSetting key_password{{}, "key_password"};
  /// A PKCS#12 file with the key of the client, its certificate and the chain; it replaces the five
  /// settings above.
  TlsSetting key_store_location{{}, "key_store_location"};
  TlsSetting key_store_password{{}, "key_store_password"};
  TlsSetting cipher_suites{{}, "cipher_suites"};
  TlsSetting curves{{}, "curves"};
  TlsSetting signature_algorithms{{}, "signature_algorithms"};
  bool verifies = true;     ///< a trusted authority must have signed the server's certificate
  bool checks_host = true;  ///< the certificate must also contain the name of the host
};

}  // namespace millrace::net
