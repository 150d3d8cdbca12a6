// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "url.hpp"

#include <algorithm>
#include <charconv>

#include "millrace/http/errors.hpp"

namespace millrace::http {

Result<Url> parse_url(std::string_view text) {
  const auto refuse = [&](std::string_view why) {
    return fail(errc::bad_url, "'{}' {}; write http://host[:port][/path]", text, why);
  };
  if (text.starts_with("https://")) {
    return refuse("asks for TLS, which this client does not speak");
  }
  constexpr std::string_view scheme = "http://";
  if (!text.starts_with(scheme)) {
    return refuse("does not start with http://");
  }
  const bool clean =
      std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c != 0x7F; });
  if (!clean) {
    return refuse("contains a space or a character that must be percent-encoded");
  }
  std::string_view rest = text.substr(scheme.size());
  const std::size_t path = std::min(rest.find_first_of("/?"), rest.size());
  const std::string_view authority = rest.substr(0, path);
  rest.remove_prefix(path);

  Url url;
  url.authority = authority;
  url.port = "80";
  url.target = rest.starts_with('/') ? std::string(rest) : '/' + std::string(rest);
  const std::size_t bracket =
      authority.starts_with('[') ? authority.find(']') : std::string_view::npos;
  const std::size_t colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  url.host = bracket == std::string_view::npos ? authority.substr(0, colon)
                                               : authority.substr(1, bracket - 1);
  if (url.host.empty() || url.host.find('@') != std::string::npos) {
    return refuse("names no host");
  }
  if (colon != std::string_view::npos) {
    const std::string_view port = authority.substr(colon + 1);
    unsigned number = 0;
    const auto end = std::from_chars(port.data(), port.data() + port.size(), number);
    if (end.ec != std::errc() || end.ptr != port.data() + port.size() || number == 0 ||
        number > 65535) {
      return refuse("has a port that is not between 1 and 65535");
    }
    url.port = port;
  }
  return url;
}

}  // namespace millrace::http
