// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include "millrace/base/error.hpp"

namespace millrace::http::errc {

/// Another program listens on this address and port. Remedy: stop the other program, or choose
/// another port; the message names address and port.
inline constexpr ErrorCode port_in_use{"http.port_in_use"};
/// The server could not listen, and the port is not in use: for example, this machine does not have
/// the address. Remedy: correct the address or the setting that the message names.
inline constexpr ErrorCode listen_failed{"http.listen_failed"};
/// The request did not reach the server: there was no connection, or no byte of it was written.
/// Remedy: send it again.
inline constexpr ErrorCode not_sent{"http.not_sent"};
/// The connection ended, or the response was not valid, after the request was sent. The request may
/// have taken effect or not. Remedy: send it again if it is idempotent.
inline constexpr ErrorCode outcome_unknown{"http.outcome_unknown"};
/// No response came in time after the request was sent. The request may have taken effect or not.
/// Remedy: send it again if it is idempotent, or allow more time.
inline constexpr ErrorCode timeout{"http.timeout"};
/// The queue of the client pool is full, so the request was not sent. Remedy: wait for responses
/// before you send more.
inline constexpr ErrorCode queue_full{"http.queue_full"};
/// The URL is not of the form `http://host[:port][/path]`, or its host is unknown. Remedy: correct
/// the URL.
inline constexpr ErrorCode bad_url{"http.bad_url"};

}  // namespace millrace::http::errc
