// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#pragma once

#include <string>
#include <string_view>

#include "millrace/base/error.hpp"

namespace millrace::http {

/// The parts of `http://host[:port][/path]`.
struct Url {
  std::string host;       ///< Without the brackets of an IPv6 address.
  std::string port;       ///< `80` when the URL names none.
  std::string target;     ///< Path and query; `/` when the URL has none.
  std::string authority;  ///< As it stands in the URL, for the `Host` header.
};

/// errc::bad_url says what is wrong.
[[nodiscard]] Result<Url> parse_url(std::string_view text);

}  // namespace millrace::http
