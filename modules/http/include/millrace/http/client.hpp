// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "millrace/base/error.hpp"
#include "millrace/http/errors.hpp"
#include "millrace/http/message.hpp"

namespace millrace::http {

/// A request as a client sends it. `Host`, `Content-Length`, `Transfer-Encoding` and `Connection`
/// are the client's business: in `headers` they are left out.
struct ClientRequest {
  Method method = Method::get;
  std::string target = "/";  ///< Path and query, encoded.
  std::string body{};
  std::string content_type = "application/json";  ///< Left out when the body is empty.
  Headers headers{};
  std::chrono::milliseconds timeout{90'000};  ///< From send() to the whole answer.
};

/// Sends one request over a connection of its own and waits for the answer; blocks at most
/// `timeout`. Any status is an answer. Thread-safe. errc::bad_url, not_sent, outcome_unknown,
/// timeout.
///
///     auto answer = fetch(Method::get, server.url() + "/readyz");
[[nodiscard]] Result<Response> fetch(Method method, std::string_view url, std::string body = {},
                                     Headers headers = {},
                                     std::chrono::milliseconds timeout = std::chrono::seconds(10));

/// Where a pool sends to and how much it takes on.
struct ClientPoolOptions {
  std::string url{};              ///< `http://host:port`; a path is not allowed.
  std::size_t connections = 8;    ///< Kept open; a request at a time on each.
  std::size_t max_queued = 1024;  ///< Waiting for a connection; more is errc::queue_full.
  std::size_t max_response_bytes = 64 * 1024 * 1024;
  std::chrono::milliseconds backoff_min{10};   ///< Between attempts to connect, doubling
  std::chrono::milliseconds backoff_max{500};  ///< up to this.
};

/// N persistent connections to one server, driven by a thread of its own. Connections are made when
/// needed and made again when lost. Requests are sent in the order of send(), one at a time per
/// connection, never twice.
class ClientPool {
 public:
  /// Runs once per accepted request, on the pool's thread; must not block or throw; may call
  /// send(). What it refers to outlives the pool: declare the pool last.
  using Callback = std::function<void(Result<Response>)>;

  /// errc::bad_url. Does not connect yet.
  [[nodiscard]] static Result<std::unique_ptr<ClientPool>> create(ClientPoolOptions options);
  /// Ends what is under way: requests that were not sent fail with not_sent, others with
  /// outcome_unknown; their callbacks run before this returns. Not from a callback.
  ~ClientPool();
  ClientPool(const ClientPool&) = delete;
  ClientPool& operator=(const ClientPool&) = delete;

  /// Takes a request; any thread. errc::queue_full, and then `callback` is not called. The callback
  /// gets the answer, of any status, or
  /// - errc::not_sent: certainly had no effect (no connection; or the time-out passed before it was
  /// sent),
  /// - errc::outcome_unknown or errc::timeout: it was sent and may have taken effect.
  [[nodiscard]] Status send(ClientRequest request, Callback callback);

  /// Requests that were taken and have no response yet.
  [[nodiscard]] std::size_t pending() const;

 private:
  struct Impl;
  explicit ClientPool(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace millrace::http
