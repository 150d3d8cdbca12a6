// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "millrace/http/server.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>

#include "millrace/base/assert.hpp"
#include "millrace/telemetry/logger.hpp"
#include "server_connection.hpp"

namespace millrace::http {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

void set_close_on_exec(int fd) { ::fcntl(fd, F_SETFD, FD_CLOEXEC); }

}  // namespace

struct Server::Impl {
  Impl(ServerOptions options, telemetry::Logger& logger, telemetry::MetricRegistry& metrics)
      : shared(std::move(options), logger, metrics) {}

  ServerShared shared;
  std::vector<std::unique_ptr<IoThread>> threads;
  std::unique_ptr<Tcp::acceptor> acceptor;
  std::unique_ptr<asio::steady_timer> accept_pause;
  std::size_t next_thread = 0;
  std::uint16_t port = 0;
  Mutex stop_mutex;
  bool stopped MILLRACE_GUARDED_BY(stop_mutex) = false;

  Status listen();
  void prepare_routes();
  void accept_next();
  void accepted(SystemError ec, Tcp::socket socket, IoThread& thread);
  void stop_accepting();
};

void Server::Impl::prepare_routes() {
  for (Route& route : shared.router.routes()) {
    route.latency = &shared.metrics.registry.histogram(
        "millrace_http_request_seconds", "From the whole request to its answer, by route.",
        telemetry::latency_buckets(),
        {{"route", std::string(method_name(route.method)) + ' ' + route.pattern}});
  }
}

Status Server::Impl::listen() {
  const ServerOptions& options = shared.options;
  const std::string listen_address = options.address + ':' + std::to_string(options.port);
  SystemError ec;
  const auto address = asio::ip::make_address(options.address, ec);
  if (ec) {
    return fail(errc::listen_failed, "'{}' is no IP address to listen on; use 127.0.0.1 or 0.0.0.0",
                options.address);
  }
  const Tcp::endpoint endpoint(address, options.port);
  acceptor = std::make_unique<Tcp::acceptor>(threads.front()->io);
  acceptor->open(endpoint.protocol(), ec);
  if (!ec) {
    set_close_on_exec(acceptor->native_handle());
    acceptor->set_option(Tcp::acceptor::reuse_address(true), ec);
  }
  if (!ec) {
    acceptor->bind(endpoint, ec);
  }
  if (!ec) {
    acceptor->listen(1024, ec);
  }
  if (ec == asio::error::address_in_use) {
    return fail(
        errc::port_in_use,
        "{} is in use by another program; stop it (`ss -ltnp` names it) or choose another port",
        listen_address);
  }
  if (ec) {
    return fail(errc::listen_failed,
                "cannot listen on {}: {}; check the address, and for ports below 1024 the rights",
                listen_address, ec.message());
  }
  port = acceptor->local_endpoint(ec).port();
  return {};
}

void Server::Impl::accept_next() {
  IoThread& thread = *threads[next_thread++ % threads.size()];
  acceptor->async_accept(thread.io, [this, &thread](SystemError ec, Tcp::socket socket) {
    accepted(ec, std::move(socket), thread);
  });
}

void Server::Impl::accepted(SystemError ec, Tcp::socket socket, IoThread& thread) {
  if (!acceptor->is_open() || ec == asio::error::operation_aborted) {
    return;
  }
  if (ec) {
    // Out of descriptors, most likely: those in use end some time; asking again at once would spin.
    shared.logger.error("cannot accept a connection", {{"reason", ec.message()}});
    shared.metrics.refused("accept_failed");
    accept_pause->expires_after(milliseconds(100));
    accept_pause->async_wait([this](SystemError paused) {
      if (!paused) {
        accept_next();
      }
    });
    return;
  }
  if (shared.open_connections() >= shared.options.max_connections) {
    shared.metrics.refused("too_many_connections");
    constexpr std::string_view text =
        "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: "
        "close\r\n\r\n";
    SystemError ignored;
    socket.write_some(asio::const_buffer(text.data(), text.size()), ignored);
    socket.shutdown(Tcp::socket::shutdown_send, ignored);
  } else {
    shared.connection_opened();
    auto adopt = [&thread, moved = std::move(socket)]() mutable { thread.adopt(std::move(moved)); };
    asio::dispatch(thread.io, std::move(adopt));
  }
  accept_next();
}

void Server::Impl::stop_accepting() {
  SystemError ignored;
  acceptor->close(ignored);
  accept_pause->cancel();
}

Server::Server(ServerOptions options, telemetry::Logger& logger, telemetry::MetricRegistry& metrics)
    : impl_(std::make_unique<Impl>(std::move(options), logger, metrics)) {}

Server::~Server() { stop(); }

Router& Server::router() {
  MILLRACE_ASSERT(impl_->threads.empty(), "routes are added before the server starts");
  return impl_->shared.router;
}

Status Server::start() {
  MILLRACE_ASSERT(impl_->threads.empty(), "a server starts once");
  const std::size_t count = std::max<std::size_t>(1, impl_->shared.options.threads);
  for (std::size_t i = 0; i < count; ++i) {
    impl_->threads.push_back(std::make_unique<IoThread>(impl_->shared));
  }
  impl_->accept_pause = std::make_unique<asio::steady_timer>(impl_->threads.front()->io);
  if (auto listening = impl_->listen(); !listening) {
    const MutexLock lock(impl_->stop_mutex);
    impl_->stopped = true;
    impl_->acceptor.reset();
    return listening;
  }
  impl_->prepare_routes();
  const auto& routes = impl_->shared.router.routes();
  if (std::any_of(routes.begin(), routes.end(),
                  [](const Route& route) { return route.options->work == Work::heavy; })) {
    impl_->shared.workers.start();
  }
  asio::post(impl_->threads.front()->io, [impl = impl_.get()] { impl->accept_next(); });
  for (const auto& thread : impl_->threads) {
    thread->thread = std::thread([&io_thread = *thread] { io_thread.run(); });
  }
  return {};
}

std::uint16_t Server::port() const { return impl_->port; }

std::string Server::url() const {
  const std::string& address = impl_->shared.options.address;
  const bool v6 = address.find(':') != std::string::npos;
  return "http://" + (v6 ? '[' + address + ']' : address) + ':' + std::to_string(impl_->port);
}

bool Server::drain(milliseconds timeout) {
  {
    const MutexLock lock(impl_->stop_mutex);
    if (impl_->stopped || impl_->threads.empty()) {
      return true;
    }
    impl_->shared.draining = true;
    asio::post(impl_->threads.front()->io, [impl = impl_.get()] { impl->stop_accepting(); });
    for (const auto& thread : impl_->threads) {
      asio::post(thread->io, [&io_thread = *thread] { io_thread.begin_drain(); });
    }
  }
  return impl_->shared.wait_until_closed(timeout);
}

void Server::stop() {
  const MutexLock lock(impl_->stop_mutex);
  if (std::exchange(impl_->stopped, true) || impl_->threads.empty()) {
    return;
  }
  // The slots of those that are cut off go to nobody.
  impl_->shared.admission.close();
  asio::post(impl_->threads.front()->io, [impl = impl_.get()] { impl->stop_accepting(); });
  for (const auto& thread : impl_->threads) {
    asio::post(thread->io, [&io_thread = *thread] { io_thread.abort_all(); });
  }
  for (const auto& thread : impl_->threads) {
    thread->thread.join();
    thread->queue->close();
  }
  impl_->shared.workers.stop();
  impl_->acceptor.reset();
}

std::size_t Server::in_flight() const { return impl_->shared.admission.taken(); }

}  // namespace millrace::http
