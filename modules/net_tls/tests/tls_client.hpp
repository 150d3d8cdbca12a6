// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <gtest/gtest.h>
#include <poll.h>

#include <memory>
#include <string>
#include <string_view>

#include "listener.hpp"
#include "millrace/net/errors.hpp"
#include "millrace/net_tls/tls_context.hpp"
#include "tls_peer.hpp"

// The client's side of the TLS connections of tests, and an authority that both sides trust.
namespace millrace::net {

inline const Authority& authority() {
  static const Authority it("Authority of a test");
  return it;
}

inline const Credentials& server() {
  static const Credentials it = authority().issue("server", "DNS:localhost,IP:127.0.0.1");
  return it;
}

inline TlsSettings trusting() {
  TlsSettings settings;
  settings.ca_pem.value = authority().certificate();
  return settings;
}

inline std::unique_ptr<Stream> stream_to(const Address& address, const TlsSettings& settings) {
  const auto context = TlsContext::open(settings);
  EXPECT_TRUE(context.has_value()) << context.error().to_string();
  return context->connect(address, real_clock());
}

/// Waits for what the stream says it waits for.
inline Status wait(const Stream& stream, bool writes) {
  constexpr int timeout_ms = 120'000;
  pollfd watched{stream.descriptor(), stream.events(writes), 0};
  if (::poll(&watched, 1, timeout_ms) > 0) {
    return {};
  }
  return fail(errc::invalid_argument, "nothing happened");
}

inline Status connect(Stream& stream) {
  for (;;) {
    MILLRACE_TRY(stream.try_connect());
    if (stream.is_connected()) {
      return {};
    }
    MILLRACE_TRY(wait(stream, true));
  }
}

/// Sends all and receives so many bytes meanwhile.
inline Result<std::string> exchange(Stream& stream, std::string_view out, std::size_t wanted) {
  MILLRACE_TRY(connect(stream));
  std::string all;
  std::string room(100'000, '\0');
  while (!out.empty() || all.size() < wanted) {
    for (bool more = !out.empty(); more;) {
      MILLRACE_ASSIGN(const std::size_t sent, stream.write(out));
      out.remove_prefix(sent);
      more = sent > 0 && !out.empty();
    }
    for (bool more = true; more;) {
      MILLRACE_ASSIGN(const std::size_t came, stream.read(room));
      all.append(room, 0, came);
      more = came > 0 && all.size() < wanted;
    }
    if (!out.empty() || all.size() < wanted) {
      MILLRACE_TRY(wait(stream, !out.empty()));
    }
  }
  return all;
}

}  // namespace millrace::net
