// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string>

namespace millrace::net {

/// The last failure of OpenSSL on this thread, in OpenSSL's words; empty when there was none.
/// Clears all failures.
[[nodiscard]] std::string openssl_reason();

}  // namespace millrace::net
