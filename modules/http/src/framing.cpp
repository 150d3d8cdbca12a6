// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "framing.hpp"

#include <algorithm>
#include <charconv>

namespace millrace::http {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// The transfer codings of a message, over all its fields.
struct Codings {
  std::size_t count = 0;
  std::size_t chunked = 0;
  bool chunked_is_last = false;
  bool has_empty = false;

  void add(std::string_view list) {
    while (true) {
      const std::size_t comma = list.find(',');
      const std::string_view coding = trimmed(list.substr(0, comma));
      chunked_is_last = equal_ignoring_case(coding, "chunked");
      chunked += chunked_is_last ? 1 : 0;
      has_empty |= coding.empty();
      ++count;
      if (comma == std::string_view::npos) {
        return;
      }
      list.remove_prefix(comma + 1);
    }
  }
};

struct Framing {
  Codings codings;
  std::size_t lengths = 0;
  bool length_is_number = true;
  bool length_is_zero = true;
  std::size_t hosts = 0;
  std::string_view host;
};

Framing framing_of(const Headers& headers) {
  Framing framing;
  for (std::size_t i = 0; i < headers.size(); ++i) {
    const auto [name, value] = headers.at(i);
    if (equal_ignoring_case(name, "Transfer-Encoding")) {
      framing.codings.add(value);
    } else if (equal_ignoring_case(name, "Content-Length")) {
      ++framing.lengths;
      framing.length_is_number =
          !value.empty() && std::all_of(value.begin(), value.end(), is_digit);
      framing.length_is_zero = value.find_first_not_of('0') == std::string_view::npos;
    } else if (equal_ignoring_case(name, "Host")) {
      ++framing.hosts;
      framing.host = value;
    }
  }
  return framing;
}

std::optional<ReadFailure> check_body(const Framing& framing, bool is_http_11) {
  const Codings& codings = framing.codings;
  if (framing.lengths > 1 || !framing.length_is_number) {
    return ReadFailure{400, "Content-Length must come once and be a number."};
  }
  if (codings.count == 0) {
    return std::nullopt;
  }
  if (!is_http_11) {
    return ReadFailure{400, "HTTP/1.0 has no Transfer-Encoding."};
  }
  if (framing.lengths > 0) {
    return ReadFailure{400, "Send Content-Length or Transfer-Encoding, not both."};
  }
  if (codings.chunked != 1 || !codings.chunked_is_last || codings.has_empty) {
    return ReadFailure{400,
                       "The last transfer coding must be chunked, without parameters, and be "
                       "applied once."};
  }
  if (codings.count > 1) {
    return ReadFailure{501, "Of the transfer codings only chunked is understood."};
  }
  return std::nullopt;
}

// `http://host:port/path`: the authority of a target in absolute form; no value for others.
std::optional<std::string_view> authority_of(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (equal_ignoring_case(target.substr(0, scheme.size()), scheme)) {
      target.remove_prefix(scheme.size());
      return target.substr(0, target.find_first_of("/?"));
    }
  }
  return std::nullopt;
}

std::optional<ReadFailure> check_target(const RequestLine& line) {
  if (line.is_connect) {
    return ReadFailure{501, "This is no proxy: CONNECT is not supported."};
  }
  if (line.target.find('#') != std::string_view::npos) {
    return ReadFailure{400, "A request's target has no fragment; percent-encode the #."};
  }
  if (line.target.starts_with('/') || (line.is_options && line.target == "*")) {
    return std::nullopt;
  }
  if (const auto authority = authority_of(line.target); authority && is_host_and_port(*authority)) {
    return std::nullopt;
  }
  return ReadFailure{400, "The target must be a path that starts with / or an http URL."};
}

bool is_ipv6(std::string_view text) {
  return !text.empty() && text.find(':') != std::string_view::npos &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return is_hex(c) || c == ':' || c == '.'; });
}

bool is_name(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '%') {
      if (i + 2 >= text.size() || !is_hex(text[i + 1]) || !is_hex(text[i + 2])) {
        return false;
      }
      i += 2;
      continue;
    }
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!letter && !is_digit(c) && std::string_view("-._~").find(c) == std::string_view::npos) {
      return false;
    }
  }
  return !text.empty();
}

bool is_port(std::string_view text) {
  constexpr unsigned max_port = 65535;
  unsigned number = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, number);
  // An empty one stands for the scheme's own port (RFC 3986, 3.2.3).
  return text.empty() || (read.ec == std::errc() && read.ptr == end && number <= max_port);
}

}  // namespace

bool is_host_and_port(std::string_view text) {
  std::string_view host = text;
  std::string_view rest;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos || !is_ipv6(text.substr(1, end - 1))) {
      return false;
    }
    rest = text.substr(end + 1);
  } else {
    host = text.substr(0, text.find(':'));
    rest = text.substr(host.size());
    if (!is_name(host)) {
      return false;
    }
  }
  return rest.empty() || (rest.starts_with(':') && is_port(rest.substr(1)));
}

std::optional<ReadFailure> check_request_head(const RequestLine& line, const Headers& headers) {
  const Framing framing = framing_of(headers);
  if (auto failure = check_body(framing, line.is_http_11)) {
    return failure;
  }
  if (framing.hosts > 1 || (framing.hosts == 0 && line.is_http_11)) {
    return ReadFailure{400, "Host must come exactly once."};
  }
  if (framing.hosts == 1 && !is_host_and_port(framing.host)) {
    return ReadFailure{400, "Host must be a host name or address, with or without a port."};
  }
  return check_target(line);
}

std::optional<std::string> check_response_head(int status, bool is_http_11,
                                               const Headers& headers) {
  const Framing framing = framing_of(headers);
  const bool has_no_body = status < 200 || status == 204;
  if (has_no_body && (framing.codings.count > 0 || !framing.length_is_zero)) {
    return "a response of status " + std::to_string(status) + " announces a body";
  }
  if (const auto failure = check_body(framing, is_http_11)) {
    return "its end is in doubt: " + failure->detail;
  }
  return std::nullopt;
}

}  // namespace millrace::http
