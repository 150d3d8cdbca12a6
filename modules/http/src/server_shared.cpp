// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "server_shared.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cstdio>
#include <ctime>

#include "millrace/base/random.hpp"
#include "server_connection.hpp"

namespace millrace::http {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

telemetry::Counter& answers_counter(telemetry::MetricRegistry& registry, const char* status_class) {
  return registry.counter("millrace_http_requests_total", "Answers given, by class of status.",
                          {{"status", status_class}});
}

// Often enough for the shortest time-out to be kept within a quarter of itself, seldom enough to
// cost nothing.
milliseconds sweep_period(const ServerOptions& options) {
  const milliseconds shortest =
      std::min({options.read_timeout, options.idle_timeout, options.write_timeout,
                options.handler_deadline, options.drain_linger});
  return std::clamp(shortest / 4, milliseconds(5), milliseconds(250));
}

}  // namespace

ServerMetrics::ServerMetrics(telemetry::MetricRegistry& metric_registry)
    : registry(metric_registry),
      answers{&answers_counter(registry, "2xx"), &answers_counter(registry, "2xx"),
              &answers_counter(registry, "2xx"), &answers_counter(registry, "3xx"),
              &answers_counter(registry, "4xx"), &answers_counter(registry, "5xx")},
      in_flight(registry.gauge("millrace_http_in_flight_requests", "Requests being handled.")),
      waiting(registry.gauge("millrace_http_waiting_requests",
                             "Requests in line for a slot among those in flight.")),
      worker_waiting(registry.gauge("millrace_http_worker_waiting_requests",
                                    "Requests of heavy routes that wait for a worker.")),
      body_bytes(registry.gauge("millrace_http_body_memory_bytes",
                                "Memory of large bodies that are read, wait or are worked on.")),
      connections(registry.gauge("millrace_http_connections", "Open connections.")),
      late_answers(registry.counter("millrace_http_late_answers_total",
                                    "Answers dropped: given after the deadline.")) {}

void ServerMetrics::refused(std::string_view reason) {
  registry
      .counter("millrace_http_refused_total",
               "Requests and connections refused, by the limit that was met.",
               {{"reason", std::string(reason)}})
      .add();
}

ServerShared::ServerShared(ServerOptions server_options, telemetry::Logger& server_logger,
                           telemetry::MetricRegistry& registry)
    : options(std::move(server_options)),
      logger(server_logger),
      metrics(registry),
      id_seed(real_seed()),
      admission(options.max_in_flight, options.max_waiting),
      bodies(std::max(options.max_body_memory_bytes, 2 * options.max_body_bytes),
             metrics.body_bytes),
      workers(options.workers, options.max_worker_waiting) {}

void ServerShared::connection_opened() {
  metrics.connections.add(1);
  const MutexLock lock(mutex_);
  ++connections_;
}

void ServerShared::connection_closed() {
  metrics.connections.add(-1);
  const MutexLock lock(mutex_);
  if (--connections_ == 0) {
    all_closed_.notify_all();
  }
}

std::size_t ServerShared::open_connections() {
  const MutexLock lock(mutex_);
  return connections_;
}

bool ServerShared::wait_until_closed(milliseconds timeout) {
  MutexLock lock(mutex_);
  const auto until = steady_clock::now() + timeout;
  while (connections_ > 0) {
    if (!all_closed_.wait_until(lock, until)) {
      return connections_ == 0;
    }
  }
  return true;
}

void CompletionQueue::push(Completion completion) {
  const MutexLock lock(mutex_);
  if (io_ == nullptr) {
    return;
  }
  waiting_.push_back(std::move(completion));
  if (!std::exchange(scheduled_, true)) {
    asio::post(*io_, [self = shared_from_this()] { self->deliver_all(); });
  }
}

void CompletionQueue::run(std::function<void()> work) {
  if (on_io_thread()) return work();
  const MutexLock lock(mutex_);
  if (io_ != nullptr) asio::post(*io_, std::move(work));
}

void CompletionQueue::close() {
  io_thread_.store({});
  const MutexLock lock(mutex_);
  io_ = nullptr;
  waiting_.clear();
}

void CompletionQueue::deliver_all() {
  {
    const MutexLock lock(mutex_);
    scheduled_ = false;
    waiting_.swap(delivering_);
  }
  for (Completion& completion : delivering_) {
    if (const auto connection = completion.connection.lock()) {
      connection->complete(completion.exchange, std::move(completion.response));
    }
  }
  delivering_.clear();
}

IoThread::IoThread(ServerShared& server_shared)
    : shared(server_shared),
      io(1),
      work(io.get_executor()),
      sweep_timer(io),
      queue(std::make_shared<CompletionQueue>(io)) {}

void IoThread::run() {
  queue->set_io_thread();
  io.run();
}

void IoThread::adopt(Tcp::socket socket) {
  SystemError ignored;
  if (aborting) {
    socket.close(ignored);
    shared.connection_closed();
    return;
  }
  socket.set_option(Tcp::no_delay(true), ignored);
  socket.non_blocking(true, ignored);
  ::fcntl(socket.native_handle(), F_SETFD, FD_CLOEXEC);
  auto connection = std::make_shared<ServerConnection>(*this, std::move(socket));
  connection->slot = connections.size();
  connections.push_back(connection);
  if (shared.draining) {
    connection->hurry(steady_clock::now() + shared.options.drain_linger);
  }
  asio::co_spawn(io, ServerConnection::run(std::move(connection)), asio::detached);
  if (!std::exchange(sweeping, true)) {
    sweep();
  }
}

void IoThread::remove(ServerConnection& connection) {
  connections.back()->slot = connection.slot;
  std::swap(connections[connection.slot], connections.back());
  connections.pop_back();
  shared.connection_closed();
}

void IoThread::begin_drain() {
  const auto idle_until = steady_clock::now() + shared.options.drain_linger;
  // A copy: a connection that waits for a slot is answered, and may leave at once.
  const auto all = connections;
  for (const auto& connection : all) {
    connection->hurry(idle_until);
  }
}

void IoThread::abort_all() {
  aborting = true;
  // A copy: connections leave while they are notified.
  const auto all = connections;
  for (const auto& connection : all) {
    connection->abort();
  }
  sweep_timer.cancel();
  work.reset();
}

// Runs only while there are connections, so that an idle server does not wake.
void IoThread::sweep() {
  if (connections.empty() || aborting) {
    sweeping = false;
    return;
  }
  sweep_timer.expires_after(sweep_period(shared.options));
  sweep_timer.async_wait([this](SystemError ec) {
    if (ec) {
      return;
    }
    const auto now = steady_clock::now();
    const auto all = connections;
    for (const auto& connection : all) {
      connection->check_deadline(now);
    }
    sweep();
  });
}

std::string_view IoThread::date() {
  const std::time_t now = std::time(nullptr);
  if (now != date_second_) {
    date_second_ = now;
    std::tm parts{};
    ::gmtime_r(&now, &parts);
    constexpr const char* days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    char text[64];
    const auto size =
        std::snprintf(text, sizeof text, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[parts.tm_wday],
                      parts.tm_mday, months[parts.tm_mon], parts.tm_year + 1900, parts.tm_hour,
                      parts.tm_min, parts.tm_sec);
    date_.assign(text, static_cast<std::size_t>(size));
  }
  return date_;
}

}  // namespace millrace::http
