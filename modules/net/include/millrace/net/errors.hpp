// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include "millrace/base/error.hpp"

namespace millrace::net::errc {

// Inside of millrace::net, errc:: also finds the general codes.
using namespace ::millrace::errc;

/// The name of the host is unknown, or none of its addresses accepts a connection. Remedy: check
/// the host and the port in the message, and that the server runs and listens there.
inline constexpr ErrorCode unreachable{"net.unreachable"};
/// The peer closed the connection, or the connection broke. It is not known whether the peer
/// received the data that was sent. Remedy: connect again. Repeat a request only if it may be
/// repeated.
inline constexpr ErrorCode connection_lost{"net.connection_lost"};
/// The TLS handshake failed, or the bytes after it were not valid TLS. Remedy: the message has the
/// reason from OpenSSL. If it is about the certificate of the server, set the authority that signed
/// it, or connect to a host name that it contains. If the server requires a certificate of the
/// client, set the certificate and its key.
inline constexpr ErrorCode tls_failed{"net.tls_failed"};
/// With a password: the server did not prove that it knows the password, or its message was not
/// valid SCRAM. With a token: the server refused the token, or there is no valid token. Remedy:
/// check the user and the password, or the token, on both sides, and check the address of the
/// server.
inline constexpr ErrorCode not_authenticated{"net.not_authenticated"};

}  // namespace millrace::net::errc
