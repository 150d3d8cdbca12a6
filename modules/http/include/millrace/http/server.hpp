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

/// The address of a server, and its limits.
struct ServerOptions {
  std::string address = "127.0.0.1";   ///< An IP address.
  std::uint16_t port = 0;              ///< 0 takes a free one, see Server::port().
  std::size_t threads = 1;             ///< IO threads; a connection stays on one of them.
  std::size_t max_connections = 4096;  ///< A further connection gets 503 and is closed.
  /// Requests that are processed at the same time; further requests wait in a queue.
  std::size_t max_in_flight = 1024;
  /// Requests in this queue, first in, first out. A further request gets 429 with `Retry-After`.
  /// Each waiting request is in memory with its body. If the client has closed its side of the
  /// connection meanwhile, the handler is not called.
  std::size_t max_waiting = 1024;
  std::size_t workers = 2;  ///< Threads for the handlers of heavy routes, see Work.
  /// Requests that wait for a worker; a further one gets 503.
  std::size_t max_worker_waiting = 64;
  /// For the header fields and trailers of a request together, and for its chunk extensions; beyond
  /// it the response is 431.
  std::size_t max_header_bytes = 16 * 1024;
  std::size_t max_body_bytes = 1024 * 1024;  ///< For a larger one the response is 413.
  /// Memory for the bodies of all requests that are read, wait or are processed; at least twice
  /// `max_body_bytes`. If a body would exceed it, the response is 503 with `Retry-After`, and the
  /// connection is closed. Bodies of up to 16 KiB do not count, because `max_connections` bounds
  /// them.
  std::size_t max_body_memory_bytes = 64UL * 1024 * 1024;
  std::chrono::milliseconds read_timeout{10'000};  ///< For reading a whole request; 408.
  std::chrono::milliseconds idle_timeout{60'000};  ///< Between requests; the connection is closed.
  /// For writing a response; the connection is closed.
  std::chrono::milliseconds write_timeout{10'000};
  /// From the request to its response; 504, or 503 with `Retry-After` when the request was still in
  /// the queue.
  std::chrono::milliseconds handler_deadline{60'000};
  std::chrono::milliseconds retry_after{1'000};  ///< The `Retry-After` of 429 and 503.
  /// How long an idle connection stays open while draining, so that a request that is on its way
  /// still gets 503.
  std::chrono::milliseconds drain_linger{200};
};

/// An HTTP/1.1 server with keep-alive, pipelining (responses in order) and limits.
/// `millrace_http_refused_total{reason}` counts the requests that each limit refused. Timeouts are
/// checked a few times per second.
///
///     Server server({.port = 8080}, logger, metrics);
///     server.router().add(Method::get, "/hello/{name}", [](Request request, Responder responder) {
///       responder.send({.body = "...", .content_type = "text/plain"});
///     });
///     if (auto started = server.start(); !started) { ... }
class Server {
 public:
  /// `logger` and `metrics` must outlive the server.
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

  /// Accepts no more connections and finishes the requests that are being processed; their
  /// responses have `Connection: close`. Waiting requests, and new requests on limited routes, get
  /// 503. Idle connections are closed. Returns true when no connection is left, false after
  /// `timeout`. Call Health::set_draining() first. Any thread except those of the server.
  bool drain(std::chrono::milliseconds timeout);
  /// Closes all connections and joins the threads. Responders that still exist have no effect any
  /// more. May be called several times, but not in a handler.
  void stop();

  /// The number of requests that handlers got and that have no response yet.
  [[nodiscard]] std::size_t in_flight() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace millrace::http
