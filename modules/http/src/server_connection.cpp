// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "server_connection.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <exception>

#include "media_type.hpp"
#include "millrace/base/text.hpp"
#include "millrace/http/problem.hpp"
#include "millrace/telemetry/logger.hpp"
#include "response_writer.hpp"

namespace millrace::http {
namespace {

using std::chrono::steady_clock;
using telemetry::Field;

constexpr std::size_t small_body = 16UL * 1024;
constexpr std::chrono::milliseconds linger_time{1'000};
constexpr std::size_t max_id_size = 128;

bool is_sane_id(std::string_view id) {
  return !id.empty() && id.size() <= max_id_size && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == ':';
  });
}

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
    queue_->push({connection_, number_, std::move(response)});
  }
  void when_abandoned(std::function<void()> then) override {
    queue_->run([connection = connection_, number = number_, then = std::move(then)]() mutable {
      if (const auto alive = connection.lock()) {
        alive->watch_client(number, std::move(then));
      } else {
        then();
      }
    });
  }

 private:
  std::weak_ptr<ServerConnection> connection_;
  std::uint64_t number_;
  std::shared_ptr<CompletionQueue> queue_;
};

void call_handler(ServerShared& shared, const Route& route, Request request, Responder responder) {
  const std::string request_id = request.id;
  const auto report = [&](std::string_view reason) {
    shared.logger.error("a handler threw",
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

ServerConnection::ServerConnection(IoThread& thread, Tcp::socket socket)
    : thread_(thread),
      shared_(thread.shared),
      socket_(std::move(socket)),
      reader_(shared_.options.max_header_bytes, shared_.options.max_body_bytes, shared_.bodies) {
  enter(Phase::idle, shared_.options.idle_timeout);
}

void ServerConnection::enter(Phase phase, std::chrono::milliseconds time_limit) {
  phase_ = phase;
  expired_ = false;
  deadline_ = steady_clock::now() + time_limit;
}

Awaitable<void> ServerConnection::run(std::shared_ptr<ServerConnection> self) {
  try {
    auto serving = self->serve();
    co_await std::move(serving);
  } catch (const std::exception& error) {
    self->shared_.logger.error("a connection failed", {{"reason", error.what()}});
  }
  SystemError ignored;
  self->socket_.close(ignored);
  self->finish_exchange();
  self->abandon();
  self->thread_.remove(*self);
}

Awaitable<void> ServerConnection::serve() {
  while (!aborted_) {
    const ReadState state = parse();
    if (state == ReadState::need_more && !expired_) {
      auto reading = read_more();
      if (!co_await std::move(reading)) {
        break;
      }
      continue;
    }
    const bool too_slow = expired_;
    begin_exchange();
    if (state == ReadState::done) {
      dispatch(std::move(reader_.request()));
      while (!response_ && !aborted_) {
        auto waiting = answered_.wait();
        co_await std::move(waiting);
      }
    } else {
      answer_failure(too_slow ? ReadFailure{408, "The request did not arrive in time."}
                              : reader_.failure());
    }
    if (aborted_) {
      break;
    }
    finish_exchange();
    serialize();
    if (!write_now()) {
      auto writing = flush();
      if (!co_await std::move(writing)) {
        break;
      }
    }
    if (latency_ != nullptr) {
      latency_->observe(
          std::chrono::duration<double>(steady_clock::now() - exchange_began_).count());
    }
    if (!keep_alive_) {
      auto lingering = linger();
      co_await std::move(lingering);
      break;
    }
    reader_.reset();
    continue_sent_ = false;
    enter(Phase::idle,
          shared_.draining ? shared_.options.drain_linger : shared_.options.idle_timeout);
  }
}

ReadState ServerConnection::parse() {
  if (!buffer_.empty() && reader_.state() == ReadState::need_more) {
    buffer_.used(reader_.feed(buffer_.bytes()));
  }
  const ReadState state = reader_.state();
  if (state == ReadState::need_more && phase_ == Phase::idle && reader_.started()) {
    enter(Phase::reading, shared_.options.read_timeout);
  }
  return state;
}

// False when the connection is over; a request that came too late in parts continues to its 408.
Awaitable<bool> ServerConnection::read_more() {
  SystemError ec;
  if (!continue_sent_ && reader_.awaits_continue()) {
    continue_sent_ = true;
    constexpr std::string_view text = "HTTP/1.1 100 Continue\r\n\r\n";
    socket_.write_some(asio::const_buffer(text.data(), text.size()), ec);
    if (ec) {
      co_return false;
    }
  }
  char* const room = buffer_.room();
  const asio::mutable_buffer target(room, buffer_.room_size());
  auto token = asio::redirect_error(asio::use_awaitable, ec);
  auto receiving = socket_.async_read_some(target, token);
  const std::size_t n = co_await std::move(receiving);
  if (aborted_) {
    co_return false;
  }
  if (ec) {
    co_return expired_&& phase_ == Phase::reading;
  }
  buffer_.received(n);
  co_return true;
}

void ServerConnection::begin_exchange() {
  ++exchange_;
  exchange_began_ = steady_clock::now();
  response_.reset();
  latency_ = nullptr;
  is_head_ = false;
  request_id_.clear();
  abandoned_ = nullptr;
  phase_ = Phase::handling;
  expired_ = false;
  deadline_ = exchange_began_ + shared_.options.handler_deadline;
}

void ServerConnection::answer_failure(const ReadFailure& failure) {
  keep_alive_ = false;
  switch (failure.status) {
    case 408:
      return refuse("slow_request", problem(408, "request-timeout", {}, failure.detail));
    case 413:
      return refuse("body_too_large", problem(413, "body-too-large", {}, failure.detail,
                                              {{"max_bytes", shared_.options.max_body_bytes}}));
    case 431:
      return refuse("header_too_large", problem(431, "header-too-large", {}, failure.detail,
                                                {{"max_bytes", shared_.options.max_header_bytes}}));
    case 503:
      return refuse("body_memory",
                    problem_retry(503, shared_.options.retry_after, "body-memory", failure.detail));
    default:
      return refuse("malformed", problem(failure.status, "malformed-request", {}, failure.detail));
  }
}

void ServerConnection::identify(Request& request) {
  if (const auto given = request.header("X-Request-Id"); given && is_sane_id(*given)) {
    request.id = *given;
  } else {
    request.id.clear();
    append_short_hex(request.id, shared_.id_seed);
    request.id += '-';
    append_short_hex(request.id, shared_.next_id.fetch_add(1, std::memory_order_relaxed));
  }
  request_id_ = request.id;
}

void ServerConnection::dispatch(Request request) {
  keep_alive_ = reader_.keep_alive();
  is_head_ = request.method == Method::head;
  identify(request);
  const Router::Match match = shared_.router.match(request);
  if (std::holds_alternative<Router::BadPath>(match)) {
    return refuse("malformed", problem(400, "malformed-target", {},
                                       "The path or query has a broken percent escape."));
  }
  if (std::holds_alternative<Router::NotFound>(match)) {
    return answer(problem(404, "no-such-path", {}, "Nothing is served at " + request.target + "."));
  }
  if (const auto* other = std::get_if<Router::MethodNotAllowed>(&match)) {
    Response response =
        problem(405, "method-not-allowed", {}, "This path takes " + other->allow + ".");
    response.headers.set("Allow", other->allow);
    return answer(std::move(response));
  }
  const Route& route = *std::get<const Route*>(match);
  latency_ = route.latency;
  if (auto refused = refusal(route)) {
    return answer(*std::move(refused));
  }
  if (route.options->takes_json && !request.body.empty() &&
      !is_json_type(request.header("Content-Type").value_or(""))) {
    Response response = problem(415, "not-json", {},
                                "Send the body with Content-Type: application/json, in UTF-8.");
    response.headers.set("Accept", "application/json");
    return refuse("not_json", std::move(response));
  }
  admit(route, std::move(request));
}

// Why a request that has a route is not to be handed to it now, if so.
std::optional<Response> ServerConnection::refusal(const Route& route) {
  const RouteOptions& options = *route.options;
  if (options.limited && shared_.draining) {
    shared_.metrics.refused("draining");
    keep_alive_ = false;
    return problem_retry(503, shared_.options.retry_after, "draining",
                         "This process is about to end; try another or later.");
  }
  if (options.gate) {
    if (const auto reason = options.gate()) {
      shared_.metrics.refused("not_ready");
      return problem_retry(503, shared_.options.retry_after, "not-ready", *reason);
    }
  }
  return std::nullopt;
}

void ServerConnection::admit(const Route& route, Request request) {
  if (!route.options->limited) {
    return handle(route, std::move(request));
  }
  if (!shared_.admission.take()) {
    return wait_for_slot(route, std::move(request));
  }
  slot_taken();
  handle(route, std::move(request));
}

void ServerConnection::wait_for_slot(const Route& route, Request request) {
  auto turn = [connection = weak_from_this(), exchange = exchange_, &thread = thread_] {
    asio::post(thread.io, [connection, exchange, &thread] {
      const auto waiting = connection.lock();
      if (!waiting || !waiting->called(exchange)) {
        thread.shared.admission.leave();
      }
    });
  };
  const Admission::Entered entered = shared_.admission.enter(std::move(turn));
  switch (entered.outcome) {
    case Admission::Outcome::taken:
      slot_taken();
      return handle(route, std::move(request));
    case Admission::Outcome::waiting:
      in_line_ = InLine{entered.ticket, &route, std::move(request)};
      return shared_.metrics.waiting.add(1);
    case Admission::Outcome::refused:
      return refuse("too_many_in_flight",
                    problem_retry(429, shared_.options.retry_after, "too-many-in-flight",
                                  "As many requests as this process takes on at once are being "
                                  "worked on, and as many as may wait wait; try again later.",
                                  {{"max_in_flight", shared_.options.max_in_flight},
                                   {"max_waiting", shared_.options.max_waiting}}));
  }
}

bool ServerConnection::called(std::uint64_t exchange) {
  if (exchange != exchange_ || !in_line_) {
    return false;
  }
  InLine mine = *std::exchange(in_line_, std::nullopt);
  shared_.metrics.waiting.add(-1);
  slot_taken();
  if (client_has_gone()) {
    shared_.metrics.refused("client_gone");
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
  call_handler(shared_, route, std::move(request), std::move(responder));
}

void ServerConnection::hand_to_worker(const Route& route, Request request) {
  const auto line = route.options->limited ? WorkQueue::Line::common : WorkQueue::Line::reserved;
  if (!shared_.workers.take_room(line)) {
    refuse("workers_busy",
           problem_retry(503, shared_.options.retry_after, "workers-busy",
                         "As many requests of this kind as may wait for a worker wait; try again "
                         "later.",
                         {{"max_worker_waiting", shared_.options.max_worker_waiting}}));
    return answered_.notify();
  }
  Responder responder(std::make_shared<Exchange>(weak_from_this(), exchange_, thread_.queue));
  shared_.metrics.worker_waiting.add(1);
  shared_.workers.push(
      line, [&shared = shared_, &route, give_up = deadline_, request = std::move(request),
             responder = std::move(responder)]() mutable {
        shared.metrics.worker_waiting.add(-1);
        if (std::chrono::steady_clock::now() >= give_up) {
          return responder.send(problem_retry(503, shared.options.retry_after, "no-worker-in-time",
                                              "No worker became free in time; the request was not "
                                              "begun."));
        }
        call_handler(shared, route, std::move(request), std::move(responder));
      });
}

void ServerConnection::slot_taken() {
  counted_ = true;
  shared_.metrics.in_flight.add(1);
}

// Nobody would see the response to one that closed, and a client that gave up has asked again
// elsewhere.
bool ServerConnection::client_has_gone() {
  char byte = 0;
  const ssize_t n = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK);
}

void ServerConnection::refuse(std::string_view reason, Response response) {
  shared_.metrics.refused(reason);
  answer(std::move(response));
}

void ServerConnection::answer(Response response) { response_ = std::move(response); }

void ServerConnection::complete(std::uint64_t exchange, Response response) {
  if (exchange != exchange_ || response_ || phase_ != Phase::handling) {
    shared_.metrics.late_answers.add();
    return;
  }
  abandoned_ = nullptr;
  answer(std::move(response));
  answered_.notify();
}

void ServerConnection::watch_client(std::uint64_t exchange, std::function<void()> then) {
  if (exchange != exchange_ || aborted_) {
    return then();
  }
  if (!response_ && phase_ == Phase::handling) {
    abandoned_ = std::move(then);
  }
}

void ServerConnection::abandon() {
  if (const auto then = std::exchange(abandoned_, nullptr)) {
    then();
  }
}

void ServerConnection::finish_exchange() {
  reader_.release_body();
  if (in_line_) {
    // If its turn was called already, called() will find nobody and pass the slot on.
    shared_.admission.withdraw(in_line_->ticket);
    in_line_.reset();
    shared_.metrics.waiting.add(-1);
  }
  if (std::exchange(counted_, false)) {
    shared_.metrics.in_flight.add(-1);
    shared_.admission.leave();
  }
}

void ServerConnection::serialize() {
  Response& response = *response_;
  if (response.status < 200 || response.status > 599) {
    response.status = 500;
  }
  if (shared_.draining) {
    keep_alive_ = false;
  }
  shared_.metrics.answers[static_cast<std::size_t>(response.status / 100)]->add();
  const bool has_body = !is_head_ && response.status != 204 && response.status != 304;
  write_head(out_, response, {thread_.date(), request_id_, keep_alive_});
  large_body_.clear();
  written_ = 0;
  if (has_body && response.body.size() <= small_body) {
    out_ += response.body;
  } else if (has_body) {
    large_body_ = std::move(response.body);
  }
}

// Most responses fit into the socket's buffer: written at once, without a turn of the event loop.
bool ServerConnection::write_now() {
  SystemError ec;
  if (large_body_.empty()) {
    written_ = socket_.write_some(asio::const_buffer(out_.data(), out_.size()), ec);
  }
  return !ec && written_ == out_.size() && large_body_.empty();
}

Awaitable<bool> ServerConnection::flush() {
  enter(Phase::writing, shared_.options.write_timeout);
  std::array<asio::const_buffer, 2> parts;
  parts[0] = asio::const_buffer(out_.data() + written_, out_.size() - written_);
  parts[1] = asio::const_buffer(large_body_.data(), large_body_.size());
  SystemError ec;
  auto token = asio::redirect_error(asio::use_awaitable, ec);
  auto sending = asio::async_write(socket_, parts, token);
  co_await std::move(sending);
  co_return !ec && !aborted_;
}

// A socket closed with unread input resets the connection, and the peer may lose the answer: so
// read on until the peer closes too, for a while.
Awaitable<void> ServerConnection::linger() {
  enter(Phase::lingering, linger_time);
  SystemError ec;
  socket_.shutdown(Tcp::socket::shutdown_send, ec);
  while (!ec && !aborted_) {
    buffer_.clear();
    char* const room = buffer_.room();
    const asio::mutable_buffer target(room, buffer_.room_size());
    auto token = asio::redirect_error(asio::use_awaitable, ec);
    auto receiving = socket_.async_read_some(target, token);
    co_await std::move(receiving);
  }
}

void ServerConnection::check_deadline(SteadyTime now) {
  if ((in_line_ || abandoned_) && !response_ && client_has_gone()) {
    // What it sent is held for nobody.
    shared_.metrics.refused("client_gone");
    return abort();
  }
  if (now < deadline_ || expired_) {
    return;
  }
  if (phase_ == Phase::handling) {
    if (!response_ && in_line_) {
      refuse("waited_too_long",
             problem_retry(503, shared_.options.retry_after, "no-slot-in-time",
                           "No slot became free in time; the request was not begun."));
      answered_.notify();
    } else if (!response_) {
      shared_.metrics.refused("handler_deadline");
      shared_.logger.warn("a handler gave no answer in time", {{"request_id", request_id_}});
      answer(problem(504, "no-answer-in-time", {},
                     "The request was accepted, but its answer did not come in time."));
      answered_.notify();
      abandon();
    }
    return;
  }
  expired_ = true;
  SystemError ignored;
  socket_.cancel(ignored);
}

void ServerConnection::hurry(SteadyTime idle_until) {
  if (phase_ == Phase::idle) {
    deadline_ = std::min(deadline_, idle_until);
  } else if (in_line_ && !response_) {
    answer(*refusal(*in_line_->route));
    answered_.notify();
  }
}

void ServerConnection::abort() {
  aborted_ = true;
  SystemError ignored;
  socket_.close(ignored);
  answered_.notify();
}

}  // namespace millrace::http
