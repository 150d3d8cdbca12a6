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

/// A request as a client sends it. The client writes `Host`, `Content-Length`, `Transfer-Encoding`
/// and `Connection` itself and ignores them in `headers`.
struct ClientRequest {
  Method method = Method::get;
  std::string target = "/";  ///< Path and query, encoded.
  std::string body{};
  std::string content_type = "application/json";  ///< Not sent when the body is empty.
  Headers headers{};
  std::chrono::milliseconds timeout{90'000};  ///< From send() to the end of the response.
};

/// Sends one request over a new connection and waits for the response; blocks at most `timeout`. A
/// response with any status is a success. Thread-safe. errc::bad_url, not_sent, outcome_unknown,
/// timeout.
///
///     auto response = fetch(Method::get, server.url() + "/readyz");
[[nodiscard]] Result<Response> fetch(Method method, std::string_view url, std::string body = {},
                                     Headers headers = {},
                                     std::chrono::milliseconds timeout = std::chrono::seconds(10));

/// The server of a pool, and the limits of the pool.
struct ClientPoolOptions {
  std::string url{};            ///< `http://host:port`; a path is not allowed.
  std::size_t connections = 8;  ///< Kept open; each carries one request at a time.
  /// Requests that wait for a connection; beyond it send() fails with errc::queue_full.
  std::size_t max_queued = 1024;
  std::size_t max_response_bytes = 64 * 1024 * 1024;
  std::chrono::milliseconds backoff_min{10};   ///< Between attempts to connect, doubling
  std::chrono::milliseconds backoff_max{500};  ///< up to this.
};

/// N persistent connections to one server. The pool has its own thread. It opens connections when
/// they are needed, and opens them again when they are lost. It sends requests in the order of
/// send(), one at a time on each connection, and never twice.
class ClientPool {
 public:
  /// Called once for each accepted request, in the thread of the pool. It must not block or throw,
  /// and it may call send(). Objects to which it refers must outlive the pool: declare the pool
  /// last.
  using Callback = std::function<void(Result<Response>)>;

  /// errc::bad_url. Does not connect yet.
  [[nodiscard]] static Result<std::unique_ptr<ClientPool>> create(ClientPoolOptions options);
  /// Ends all pending requests: those that were not sent fail with not_sent, the others with
  /// outcome_unknown. Their callbacks run before the destructor returns. Do not destroy the pool in
  /// a callback.
  ~ClientPool();
  ClientPool(const ClientPool&) = delete;
  ClientPool& operator=(const ClientPool&) = delete;

  /// Queues a request; any thread. With errc::queue_full, `callback` is not called. Otherwise the
  /// callback gets the response, with any status, or
  /// - errc::not_sent: the request had no effect (no connection, or the timeout passed before it
  ///   was sent),
  /// - errc::outcome_unknown or errc::timeout: it was sent and may have taken effect.
  [[nodiscard]] Status send(ClientRequest request, Callback callback);

  /// The number of accepted requests without a response.
  [[nodiscard]] std::size_t pending() const;

 private:
  struct Impl;
  explicit ClientPool(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace millrace::http
