// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "millrace/codec/codec.hpp"
#include "millrace/codec/describe.hpp"
#include "millrace/service/request_desks.hpp"
#include "millrace/stream/requests.hpp"

namespace millrace::service {

/// How a request is asked. Views need to live for the call only.
struct AskOptions {
  /// Chosen by the client; 1 to 1,024 bytes. Ids are shared by all clients of the service: put what
  /// the client has proved (tenant, user) in front of the id that it chose.
  std::string_view id;
  /// Then the reply is `pending`. respond() waits for 50 s at most: a handler has 60 s.
  std::chrono::milliseconds within{30'000};
  std::string_view correlation = {};  ///< default: the id
  codec::TraceContext trace = {};     ///< default: none
  /// Event time of the request and its command, ms since 1970; default: now. A repeat need not have
  /// the same.
  std::optional<std::int64_t> time_ms = {};
};

/// What became of a request: its outcome, a dead letter, or nothing yet.
template <class Outcome>
struct Reply {
  stream::RequestState state = stream::RequestState::pending;
  std::optional<Outcome> outcome = {};  ///< when it has ended
  std::string reason = {};              ///< of a dead letter
  std::string letter = {};              ///< where that is, `stock.dead-letters-2:17`
};

/// The request as its topic has it. millrace::errc::invalid_argument when key or command have no
/// JSON.
[[nodiscard]] Result<stream::RequestAsked> encode_asked(const codec::TypeInfo& key_type,
                                                        const void* key,
                                                        const codec::TypeInfo& command_type,
                                                        const void* command);
/// The response to a request that could not be asked.
[[nodiscard]] http::Response request_failed(const Error& error);

template <class Kind>
class Requests;

/// Asks, in a route of a service, what its topology decides; see stream::Requests, which the
/// topology declares. Context::requests() makes it:
///
///     MILLRACE_ASSIGN(const auto moves, context.requests<Moves>());
///     moves.respond({std::move(responder), location}, wallet, MoveMoney{...}, {.id = id},
///     to_json);
///
/// Cheap to copy; valid as long as the Context. Thread-safe.
template <class K, class Command, class... E>
class Requests<stream::Requests<K, Command, E...>> {
 public:
  using Outcome = std::variant<E...>;
  /// Must not block. errc::request_id_reused, and failures of the append and of durability. What it
  /// throws is logged.
  using Done = std::function<void(Result<Reply<Outcome>>)>;
  using Ticket = RequestDesk::Ticket;

  explicit Requests(RequestDesks::Desk& desk) : desk_(&desk) {}

  /// Calls `done` once, on a thread of the service, when the outcome is known and durable, or the
  /// time has passed and the request is. When this fails, it is not called: millrace::errc::busy,
  /// millrace::errc::invalid_argument, log::errc::too_large.
  [[nodiscard]] Result<Ticket> ask(const K& key, const Command& command, const AskOptions& options,
                                   Done done) const {
    MILLRACE_ASSIGN(const stream::RequestAsked body, encoded(key, command));
    return desk_->ask(to_ask(body, options), [done](Result<RequestReply> reply) {
      if (reply) return done(typed(*reply));
      done(fail(std::move(reply).error()));
    });
  }
  /// Asks, and responds with what `to_response` makes of the outcome. Other responses: 202 when the
  /// time passed first, with `Location` when the owner of the id has taken the request, 409 when
  /// another request has the id, 422 for a dead letter (with its reason and position) and for what
  /// is no command, 413 for one that is too large, 429 when too many are pending, 503 when it could
  /// not be appended, 500 when `to_response` throws, which is logged.
  void respond(HttpRequest http, const K& key, const Command& command, const AskOptions& options,
               std::function<http::Response(const Outcome&)> to_response) const {
    const Result<stream::RequestAsked> body = encoded(key, command);
    if (!body) return http.responder.send(request_failed(body.error()));
    desk_->respond(std::move(http), to_ask(*body, options), responding(std::move(to_response)));
  }
  /// The same with all responses made by the program, for an API with problems of its own:
  /// `to_response` gets what ask() gives, or the failure of it. request_failed() makes the response
  /// that respond() sends for a failure.
  void respond_with(
      HttpRequest http, const K& key, const Command& command, const AskOptions& options,
      std::function<http::Response(const Result<Reply<Outcome>>&)> to_response) const {
    const Result<stream::RequestAsked> body = encoded(key, command);
    if (!body) return http.responder.send(to_response(fail(body.error())));
    desk_->respond_with(std::move(http), to_ask(*body, options),
                        [to_response = std::move(to_response)](const Result<RequestReply>& reply) {
                          return to_response(reply ? typed(*reply) : fail(reply.error()));
                        });
  }
  /// Responds with what is known of the request: for the `Location` of a 202. It is one read of the
  /// store of this instance; 404 for an id that is not known there. When another instance has the
  /// partition of the id, it gets its response from there, if `http` has the headers of the request
  /// (`{std::move(responder), request.target, request.headers}`); 503 errc::not_owner when that is
  /// not possible.
  void look(HttpRequest http, std::string_view id,
            std::function<http::Response(const Outcome&)> to_response) const {
    desk_->look(std::move(http), id, responding(std::move(to_response)));
  }

 private:
  static Result<stream::RequestAsked> encoded(const K& key, const Command& command) {
    return encode_asked(codec::type_info<K>(), &key, codec::type_info<Command>(), &command);
  }
  static RequestToAsk to_ask(const stream::RequestAsked& body, const AskOptions& options) {
    return {options.id,          body,          options.within.count(),
            options.correlation, options.trace, options.time_ms};
  }
  static Result<Outcome> decoded(std::string_view type, std::string_view json) {
    Outcome outcome;
    MILLRACE_TRY(codec::decode_json(codec::type_info<Outcome>(), type, json, &outcome));
    return outcome;
  }
  static Result<Reply<Outcome>> typed(const RequestReply& reply) {
    Reply<Outcome> made{.state = reply.state};
    if (reply.state == stream::RequestState::ended) {
      MILLRACE_ASSIGN(made.outcome, decoded(reply.type, reply.outcome));
    } else if (reply.state == stream::RequestState::dead_lettered) {
      made.reason = reply.outcome;
      made.letter = reply.letter;
    }
    return made;
  }
  static OutcomeToResponse responding(std::function<http::Response(const Outcome&)> to_response) {
    return [to_response = std::move(to_response)](std::string_view type,
                                                  std::string_view json) -> Result<http::Response> {
      MILLRACE_ASSIGN(const Outcome outcome, decoded(type, json));
      return to_response(outcome);
    };
  }

  RequestDesks::Desk* desk_;
};

}  // namespace millrace::service
