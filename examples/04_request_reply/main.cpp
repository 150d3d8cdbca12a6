// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// A service that reserves seats over HTTP: a request becomes a command, and the response is its
// outcome.
#include <chrono>
#include <string>
#include <utility>
#include <variant>

#include "millrace/base/text.hpp"
#include "millrace/codec/describe.hpp"
#include "millrace/http/problem.hpp"
#include "millrace/service/requests.hpp"
#include "millrace/service/service.hpp"
#include "seats.hpp"

namespace {

using millrace::http::Request;
using millrace::http::Responder;
using millrace::http::Response;

struct Body {
  std::int64_t seats = 0;
};
BOOST_DESCRIBE_STRUCT(Body, (), (seats))

// [outcome]
Response to_response(const std::variant<seats::SeatsReserved, seats::SoldOut>& outcome) {
  Response response;
  response.status = std::holds_alternative<seats::SeatsReserved>(outcome) ? 200 : 409;
  response.body =
      std::visit([](const auto& event) { return millrace::codec::to_json(event); }, outcome);
  return response;
}
// [outcome]

// All clients of the service share its ids: in front of what the client chose goes what it is for.
// Where clients log in, that is who asks.
// [id]
std::string id_of(const Request& request) {
  // The parts came decoded: a "/" in one of them must not look like the one between them.
  return millrace::percent_encode(request.param("show")) + "/" +
         millrace::percent_encode(request.param("id"));
}
// [id]

}  // namespace

int main(int argc, char** argv) {
  millrace::service::Definition service;
  service.name = "seats";
  service.description = "Reserves seats, and never one of them twice";
  service.topology = [](const millrace::service::Settings&) { return seats::topology(); };
  // [routes]
  service.routes = [](millrace::service::Context& context,
                      millrace::http::Router& router) -> millrace::Status {
    MILLRACE_ASSIGN(const auto reservations, context.requests<seats::Reservations>());
    auto options = context.ready;
    options.takes_json = true;
    auto routes = router.group(options);
    constexpr auto path = "/shows/{show}/reservations/{id}";
    routes.put(path, [reservations](const Request& request, Responder responder) {
      const auto body = millrace::codec::from_json<Body>(request.body);
      if (!body)
        return responder.send(
            millrace::http::problem(400, body.error().code().name, "", body.error().message()));
      const auto within =
          millrace::http::prefer_wait(request.headers).value_or(std::chrono::seconds(2));
      reservations.respond({std::move(responder), request.target},
                           std::string(request.param("show")), seats::ReserveSeats{body->seats},
                           {.id = id_of(request), .within = within}, to_response);
    });
    routes.get(path, [reservations](const Request& request, Responder responder) {
      reservations.look({std::move(responder), request.target, request.headers}, id_of(request),
                        to_response);
    });
    return {};
  };
  // [routes]
  return millrace::service::run(argc, argv, service);
}
