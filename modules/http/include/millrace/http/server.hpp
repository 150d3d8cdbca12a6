// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "millrace/base/error.hpp"
#include "millrace/http/errors.hpp"
#include "millrace/http/problem.hpp"
#include "millrace/http/router.hpp"

namespace millrace::telemetry {
class Logger;
class MetricRegistry;
}  // namespace millrace::telemetry

namespace millrace::http {

/// Where a server listens and what it puts up with.
struct ServerOptions {
  std::string address = "127.0.0.1";   ///< An IP address.
  std::uint16_t port = 0;              ///< 0 takes a free one, see Server::port().
  std::size_t threads = 1;             ///< IO threads; a connection stays on one of them.
  std::size_t max_connections = 4096;  ///< A further one gets 503 and is closed.
  std::size_t max_in_flight = 1024;    ///< One more request waits in line for a slot.
  /// Requests in that line; the one that waited longest is next. A further one gets 429
  /// with `Retry-After`. Each is held whole, body included, and its handler is not called if the
  /// client has closed its side of the connection meanwhile.
  std::size_t max_waiting = 1024;
  std::size_t workers = 2;              ///< Threads for the handlers of heavy routes, see Work.
  std::size_t max_worker_waiting = 64;  ///< Requests that wait for one; a further one gets 503.
  /// Of the fields of a request with its trailers, and of its chunk extensions; more is answered
  /// 431.
  std::size_t max_header_bytes = 16 * 1024;
  std::size_t max_body_bytes = 1024 * 1024;  ///< For a larger one the response is 413.
  /// Memory for the bodies of all requests that are read, wait or are worked on; at least twice
  /// `max_body_bytes`. A body that would take more is answered 503 with `Retry-After` and its
  /// connection closed. Bodies of up to 16 KiB do not count: `max_connections` bounds them.
  std::size_t max_body_memory_bytes = 64UL * 1024 * 1024;
  std::chrono::milliseconds read_timeout{10'000};   ///< For the whole of a request; 408.
  std::chrono::milliseconds idle_timeout{60'000};   ///< Between requests; the connection is closed.
  std::chrono::milliseconds write_timeout{10'000};  ///< For an answer; the connection is closed.
  /// From request to answer; 504, or 503 with `Retry-After` when it was still in line.
  std::chrono::milliseconds handler_deadline{60'000};
  std::chrono::milliseconds retry_after{1'000};  ///< What 429 and 503 tell.
  /// While draining, how long an idle connection is kept, so that a request on its way still gets
  /// its 503.
  std::chrono::milliseconds drain_linger{200};
};

/// An HTTP/1.1 server: keep-alive, pipelining (responses in order), limits. Each limit at work is
/// counted in `millrace_http_refused_total{reason}`. Time-outs are checked a few times per second.
///
///     Server server({.port = 8080}, logger, metrics);
///     server.router().add(Method::get, "/hello/{name}", [](Request request, Responder responder) {
///       responder.send({.body = "...", .content_type = "text/plain"});
///     });
///     if (auto started = server.start(); !started) { ... }
class Server {
 public:
  /// `logger` and `metrics` outlive the server.
  Server(ServerOptions options, telemetry::Logger& logger, telemetry::MetricRegistry& metrics);
  /// Stops.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// The routes; only before start().
  [[nodiscard]] Router& router();

  /// Listens and starts the threads. errc::port_in_use, errc::listen_failed. Once.
  [[nodiscard]] Status start();
  /// The port listened on; 0 before start().
  [[nodiscard]] std::uint16_t port() const;
  /// `http://address:port`.
  [[nodiscard]] std::string url() const;

  /// Stops accepting; requests in flight are finished and answered with `Connection: close`, those
  /// in line for a slot and new ones on limited routes are refused with 503; idle connections are
  /// closed. Blocks until no connection is left, true, or until `timeout`, false. Any thread but
  /// the server's own. Turn readiness off first (Health::set_draining).
  bool drain(std::chrono::milliseconds timeout);
  /// Closes everything and joins the threads. Responders that are still out become harmless.
  /// Idempotent; not from a handler.
  void stop();

  /// Requests that handlers got and that have no response yet.
  [[nodiscard]] std::size_t in_flight() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace millrace::http
