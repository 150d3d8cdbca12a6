// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// Of a connection's work: whether and when a request is handed to its handler.
#include <sys/socket.h>

#include <cerrno>
#include <exception>

#include "millrace/http/problem.hpp"
#include "millrace/telemetry/logger.hpp"
#include "server_connection.hpp"

namespace millrace::http {
namespace {

// Where a handler's answer goes: by value of the exchange's number, so that an answer after the
// deadline finds nothing.
class Exchange final : public ResponseSink {
 public:
  Exchange(std::weak_ptr<ServerConnection> connection, std::uint64_t number,
           std::shared_ptr<CompletionQueue> queue)
      : connection_(std::move(connection)), number_(number), queue_(std::move(queue)) {}

  void deliver(Response response) override {
    if (queue_->on_io_thread()) {
      if (const auto connection = connection_.lock(); connection && connection->is_dispatching()) {
        connection->complete(number_, std::move(response));
        return;
      }
    }
    queue_->push({std::move(connection_), number_, std::move(response)});
  }

 private:
  std::weak_ptr<ServerConnection> connection_;
  std::uint64_t number_;
  std::shared_ptr<CompletionQueue> queue_;
};

void call_handler(ServerCore& core, const Route& route, Request request, Responder responder) {
  const std::string request_id = request.id;
  const auto report = [&](std::string_view reason) {
    core.logger.error("a handler threw",
                      {{"route", route.pattern}, {"reason", reason}, {"request_id", request_id}});
  };
  try {
    route.handler(std::move(request), std::move(responder));
  } catch (const std::exception& error) {
    report(error.what());
  } catch (...) {
    report("not a std::exception");
  }
}

}  // namespace

// Why a request that has a route is not to be handed to it now, if so.
std::optional<Response> ServerConnection::refusal(const Route& route) {
  const RouteOptions& options = *route.options;
  if (options.limited && core_.draining) {
    core_.metrics.refused("draining");
    keep_alive_ = false;
    return problem_retry(503, core_.options.retry_after, "draining",
                         "This process is about to end; try another or later.");
  }
  if (options.gate) {
    if (const auto reason = options.gate()) {
      core_.metrics.refused("not_ready");
      return problem_retry(503, core_.options.retry_after, "not-ready", *reason);
    }
  }
  return std::nullopt;
}

void ServerConnection::admit(const Route& route, Request request) {
  if (!route.options->limited) {
    return handle(route, std::move(request));
  }
  if (!core_.admission.take()) {
    return wait_for_place(route, std::move(request));
  }
  place_taken();
  handle(route, std::move(request));
}

void ServerConnection::wait_for_place(const Route& route, Request request) {
  auto turn = [connection = weak_from_this(), exchange = exchange_, &thread = thread_] {
    asio::post(thread.io, [connection, exchange, &thread] {
      const auto waiting = connection.lock();
      if (!waiting || !waiting->called(exchange)) {
        thread.core.admission.leave();
      }
    });
  };
  const Admission::Entered entered = core_.admission.enter(std::move(turn));
  switch (entered.outcome) {
    case Admission::Outcome::taken:
      place_taken();
      return handle(route, std::move(request));
    case Admission::Outcome::waiting:
      in_line_ = InLine{entered.ticket, &route, std::move(request)};
      return core_.metrics.waiting.add(1);
    case Admission::Outcome::refused:
      return refuse("too_many_in_flight",
                    problem_retry(429, core_.options.retry_after, "too-many-in-flight",
                                  "As many requests as this process takes on at once are being "
                                  "worked on, and as many as may wait wait; try again later.",
                                  {{"max_in_flight", core_.options.max_in_flight},
                                   {"max_waiting", core_.options.max_waiting}}));
  }
}

bool ServerConnection::called(std::uint64_t exchange) {
  if (exchange != exchange_ || !in_line_) {
    return false;
  }
  InLine mine = *std::exchange(in_line_, std::nullopt);
  core_.metrics.waiting.add(-1);
  place_taken();
  if (client_has_gone()) {
    core_.metrics.refused("client_gone");
    abort();
  } else if (auto refused = refusal(*mine.route)) {
    answer(*std::move(refused));
    answered_.notify();
  } else {
    handle(*mine.route, std::move(mine.request));
  }
  return true;
}

void ServerConnection::handle(const Route& route, Request request) {
  if (route.options->work == Work::heavy) {
    return hand_to_worker(route, std::move(request));
  }
  Responder responder(std::make_shared<Exchange>(weak_from_this(), exchange_, thread_.queue));
  call_handler(core_, route, std::move(request), std::move(responder));
}

void ServerConnection::hand_to_worker(const Route& route, Request request) {
  const auto line = route.options->limited ? WorkQueue::Line::common : WorkQueue::Line::reserved;
  if (!core_.workers.take_room(line)) {
    refuse("workers_busy",
           problem_retry(503, core_.options.retry_after, "workers-busy",
                         "As many requests of this kind as may wait for a worker wait; try again "
                         "later.",
                         {{"max_worker_waiting", core_.options.max_worker_waiting}}));
    return answered_.notify();
  }
  Responder responder(std::make_shared<Exchange>(weak_from_this(), exchange_, thread_.queue));
  core_.metrics.worker_waiting.add(1);
  core_.workers.push(
      line, [&core = core_, &route, give_up = deadline_, request = std::move(request),
             responder = std::move(responder)]() mutable {
        core.metrics.worker_waiting.add(-1);
        if (std::chrono::steady_clock::now() >= give_up) {
          return responder.send(problem_retry(503, core.options.retry_after, "no-worker-in-time",
                                              "No worker became free in time; the request was not "
                                              "begun."));
        }
        call_handler(core, route, std::move(request), std::move(responder));
      });
}

void ServerConnection::place_taken() {
  counted_ = true;
  core_.metrics.in_flight.add(1);
}

// Nobody would see the answer of one that closed, and whoever gave up has asked again elsewhere.
bool ServerConnection::client_has_gone() {
  char byte = 0;
  const ssize_t n = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK);
}

}  // namespace millrace::http
