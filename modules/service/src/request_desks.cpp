// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/service/request_desks.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <limits>
#include <stdexcept>
#include <thread>
#include <utility>

#include "millrace/http/problem.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/service/entries.hpp"
#include "millrace/service/requests.hpp"
#include "millrace/service/send_when_durable.hpp"
#include "millrace/stream/request_records.hpp"

namespace millrace::service {

namespace {

using stream::RequestState;

constexpr std::chrono::milliseconds retry_after{1'000};
constexpr std::chrono::seconds error_pause{1};
constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();

Error reused(std::string_view id) {
  return Error(errc::request_id_reused,
               "request " + std::string(id) +
                   " was asked before with another body: give each request an id of its own");
}

http::Response pending_response(const std::string& location) {
  http::Response response;
  response.status = 202;
  response.body = R"({"state":"pending"})";
  if (!location.empty()) response.headers.set("Location", location);
  return response;
}

http::Response response_of(const RequestReply& reply, const std::string& location,
                           const OutcomeToResponse& to_response) {
  switch (reply.state) {
    case RequestState::pending:
      return pending_response(reply.is_known ? location : std::string());
    case RequestState::dead_lettered:
      return http::problem(422, "dead-lettered", {}, reply.outcome, {{"letter", reply.letter}});
    case RequestState::ended:
      break;
  }
  Result<http::Response> response = to_response(reply.type, reply.outcome);
  return response ? *std::move(response) : request_failed(response.error());
}

// Calls what the program brought: an exception of it must not end the thread that replies.
template <class Call>
bool runs(telemetry::Logger& logger, std::string_view id, const Call& call) {
  std::string reason;
  try {
    call();
    return true;
  } catch (const std::exception& error) {
    reason = error.what();
  } catch (...) {
    reason = "not a std::exception";
  }
  logger.error("what replies to a request threw", {{"request", id}, {"reason", reason}});
  return false;
}

}  // namespace

Result<stream::RequestAsked> encode_asked(const codec::TypeInfo& key_type, const void* key,
                                          const codec::TypeInfo& command_type,
                                          const void* command) {
  stream::RequestAsked asked;
  asked.type = codec::event_type(command_type, command);
  try {
    codec::encode_json(key_type, key, asked.key);
    codec::encode_json(command_type, command, asked.command);
  } catch (const std::domain_error& error) {
    return fail(millrace::errc::invalid_argument, "a request cannot be encoded: {}", error.what());
  }
  return asked;
}

http::Response request_failed(const Error& error) {
  const auto name = error.code().name;
  if (error.is(errc::request_id_reused)) return http::problem(409, name, {}, error.message());
  if (error.is(millrace::errc::invalid_argument) || error.is(log::errc::time_out_of_bounds))
    return http::problem(422, name, {}, error.message());
  if (error.is(log::errc::too_large)) return http::problem(413, name, {}, error.message());
  const int status = error.is(millrace::errc::busy) ? 429 : 503;
  return http::problem_retry(status, retry_after, name, error.message());
}

void send_when_durable(DurabilityGate& durability, const log::LogPosition& position,
                       http::Response response, http::Responder responder) {
  auto held = std::make_shared<std::pair<http::Response, http::Responder>>(std::move(response),
                                                                           std::move(responder));
  durability.when_durable(position, [held](const Status& status) {
    held->second.send(status ? std::move(held->first) : request_failed(status.error()));
  });
}

struct RequestDesks::Desk::Thread {
  Thread(RequestDesk& the_desk, Clock& the_clock, telemetry::Logger& the_logger)
      : desk(the_desk), clock(the_clock), logger(the_logger), thread([this] { run(); }) {}
  ~Thread() {
    {
      const MutexLock lock(mutex);
      stopping = true;
    }
    changed.notify_one();
    desk.interrupt();
    thread.join();
  }
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;

  void run() {
    while (!is_stopping()) {
      const Result<bool> more = desk.step();
      if (clock.monotonic_ns() >= drain_at_ns.load()) desk.drain();
      if (!more) {
        report(more.error());
      } else if (!*more && !is_stopping()) {
        desk.wait();
      }
    }
  }
  bool is_stopping() {
    const MutexLock lock(mutex);
    return stopping;
  }
  // What fails now is tried again. Requests end by their time meanwhile.
  void report(const Error& error) {
    logger.warn("outcomes of requests cannot be read",
                {{"code", error.code().name}, {"error", error.message()}});
    MutexLock lock(mutex);
    if (!stopping) changed.wait_for(lock, error_pause);
  }

  RequestDesk& desk;
  Clock& clock;
  telemetry::Logger& logger;
  std::atomic<std::int64_t> drain_at_ns{never};
  Mutex mutex;
  CondVar changed;
  bool stopping MILLRACE_GUARDED_BY(mutex) = false;
  std::thread thread;
};

RequestDesks::RequestDesks(Environment environment)
    : environment_(environment), pending_(std::make_shared<std::atomic<std::size_t>>(0)) {}
RequestDesks::~RequestDesks() = default;

Result<RequestDesks::Desk*> RequestDesks::desk(const std::string& name) {
  const MutexLock lock(mutex_);
  for (const auto& desk : desks_) {
    if (desk->name() == name) return desk.get();
  }
  MILLRACE_ASSIGN(const auto view,
                  (environment_.instance.view<std::string, stream::RequestEntry>(name)));
  // The manifest may have given the changelog another name, after a reset for example.
  const auto& stores = environment_.instance.topology().stores();
  const auto store =
      std::find_if(stores.begin(), stores.end(), [&](const auto& one) { return one.name == name; });
  RequestDeskOptions options{.service = environment_.instance.topology().service(),
                             .name = name,
                             .changelog = store == stores.end() ? "" : store->changelog,
                             .pending_max = environment_.pending_max,
                             .pending = pending_};
  options.look = [view](std::string_view id) { return view.get(std::string(id)); };
  MILLRACE_ASSIGN(auto opened,
                  RequestDesk::open(environment_.log, environment_.writer, std::move(options)));
  desks_.push_back(std::make_unique<Desk>(environment_, name, std::move(opened)));
  return desks_.back().get();
}

void RequestDesks::drain_within(std::chrono::milliseconds time) {
  const MutexLock lock(mutex_);
  for (const auto& desk : desks_)
    desk->drain_within(time);
}

RequestDesks::Desk::Desk(const Environment& environment, std::string name,
                         std::unique_ptr<RequestDesk> desk)
    : environment_(environment),
      name_(std::move(name)),
      desk_(std::move(desk)),
      pending_(environment.metrics.callback_gauge(
          "millrace_requests_pending", "Requests that wait for their outcome here",
          {{"requests", name_}}, [this] { return static_cast<double>(desk_->pending()); })),
      thread_(std::make_unique<Thread>(*desk_, environment.writer.clock(), environment.logger)) {}
RequestDesks::Desk::~Desk() = default;

Result<RequestDesk::Ticket> RequestDesks::Desk::ask(const RequestToAsk& request,
                                                    RequestDesk::Done done) {
  const auto call = [this, done = std::move(done),
                     id = std::string(request.id)](Result<RequestReply> reply) {
    runs(environment_.logger, id, [&] { done(std::move(reply)); });
  };
  return desk_->ask(request,
                    [this, call, id = std::string(request.id)](Result<RequestReply> reply) {
                      if (!reply) return call(std::move(reply));
                      const log::LogPosition position = reply->position;
                      environment_.durability.when_durable(
                          position, [call, id, reply = *std::move(reply)](const Status& status) {
                            if (!status) return call(fail(status.error()));
                            if (reply.id_reused) return call(fail(reused(id)));
                            call(reply);
                          });
                    });
}

void RequestDesks::Desk::respond(HttpRequest http, const RequestToAsk& request,
                                 OutcomeToResponse to_response) {
  const std::string location = http.location;
  respond_with(std::move(http), request,
               [location, to_response = std::move(to_response)](const Result<RequestReply>& reply) {
                 return reply ? response_of(*reply, location, to_response)
                              : request_failed(reply.error());
               });
}

void RequestDesks::Desk::respond_with(HttpRequest http, const RequestToAsk& request,
                                      ReplyToResponse to_response) {
  RequestToAsk to_ask = request;
  to_ask.within_ms = std::min<std::int64_t>(to_ask.within_ms, environment_.within_max.count());
  auto held = std::make_shared<HttpRequest>(std::move(http));
  const std::shared_ptr<http::ResponseSink> sink = held->responder.sink();
  const Result<RequestDesk::Ticket> ticket = desk_->ask(
      to_ask, [this, held, to_response, id = std::string(request.id)](Result<RequestReply> reply) {
        const std::optional<log::LogPosition> shown =
            reply ? std::optional(reply->position) : std::nullopt;
        if (reply && reply->id_reused) reply = fail(reused(id));
        http::Response response = http::problem(500, "handler-gave-no-answer");
        runs(environment_.logger, id, [&] { response = to_response(reply); });
        if (!shown) return held->responder.send(std::move(response));
        send_when_durable(environment_.durability, *shown, std::move(response),
                          std::move(held->responder));
      });
  if (!ticket) return held->responder.send(to_response(fail(ticket.error())));
  // Its own reference: another thread may be responding already.
  if (sink) sink->when_abandoned([this, ticket = *ticket] { desk_->withdraw(ticket); });
}

void RequestDesks::Desk::look(HttpRequest http, std::string_view id,
                              const OutcomeToResponse& to_response) const {
  const auto found = find_entry<std::string, stream::RequestEntry>(
      environment_.instance, environment_.log, name_, std::string(id));
  if (!found && found.error().is(errc::not_owner) && http.headers &&
      environment_.forwarder != nullptr) {
    const std::string key(id);
    std::string bytes;
    codec::encode_key(codec::type_info<std::string>(), &key, bytes);
    const auto where = partition_of_entry(environment_.instance, environment_.log, name_, bytes);
    if (!where) return http.responder.send(request_failed(where.error()));
    return environment_.forwarder->forward({http.location, *http.headers, found.error()}, *where,
                                           std::move(http.responder));
  }
  if (!found) return http.responder.send(request_failed(found.error()));
  http::Response response;
  if (found->value) {
    const stream::RequestEntry& entry = *found->value;
    response = response_of({.state = entry.state,
                            .is_known = true,
                            .type = entry.type,
                            .outcome = entry.outcome,
                            .letter = entry.letter},
                           http.location, to_response);
  } else {
    response = http::problem(404, "no-such-request", {},
                             "Request " + std::string(id) +
                                 " is not known here, or not yet: repeat it, with the same body.");
  }
  send_when_durable(environment_.durability, found->position, std::move(response),
                    std::move(http.responder));
}

void RequestDesks::stop() {
  const MutexLock lock(mutex_);
  for (const auto& desk : desks_)
    desk->stop();
}

void RequestDesks::Desk::stop() { thread_.reset(); }

void RequestDesks::Desk::drain_within(std::chrono::milliseconds time) {
  thread_->drain_at_ns.store(thread_->clock.monotonic_ns() +
                             std::chrono::nanoseconds(time).count());
  desk_->interrupt();
}

}  // namespace millrace::service
