// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include "millrace/base/error.hpp"

namespace millrace::http::errc {

/// The address and port to listen on are taken. Remedy: stop the other program, or choose another
/// port; the message names both.
inline constexpr ErrorCode port_in_use{"http.port_in_use"};
/// Listening failed for another reason than a taken port. Remedy: as the message says.
inline constexpr ErrorCode listen_failed{"http.listen_failed"};
/// The request certainly did not reach the server: no connection, or not a byte of it was written.
/// Remedy: send it again.
inline constexpr ErrorCode not_sent{"http.not_sent"};
/// The connection ended, or spoke nonsense, after the request was sent: it may or may not have
/// taken effect. Remedy: send it again if it is idempotent.
inline constexpr ErrorCode outcome_unknown{"http.outcome_unknown"};
/// The time-out passed after the request was sent; the outcome is unknown too. Remedy: as for
/// http.outcome_unknown.
inline constexpr ErrorCode timeout{"http.timeout"};
/// The client pool's queue is at its limit; the request was not taken. Remedy: wait for answers
/// before sending more.
inline constexpr ErrorCode queue_full{"http.queue_full"};
/// The URL is not `http://host[:port][/path]`, or its host is unknown. Remedy: mend the URL.
inline constexpr ErrorCode bad_url{"http.bad_url"};

}  // namespace millrace::http::errc
