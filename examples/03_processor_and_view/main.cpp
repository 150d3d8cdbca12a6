// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// A service that keeps wallets: HTTP requests become commands, a processor decides, balances are a
// view.
#include "millrace/http/problem.hpp"
#include "millrace/service/requests.hpp"
#include "millrace/service/send_when_durable.hpp"
#include "millrace/service/service.hpp"
#include "wallets.hpp"

using millrace::http::Request, millrace::http::Responder, millrace::http::Response;
using namespace millrace::service;

millrace::Status add_routes(Context& context, millrace::http::Router& router) {
  auto options = context.ready;
  options.takes_json = true;
  auto routes = router.group(options);
  // [moves]
  MILLRACE_ASSIGN(const auto moves, context.requests<wallets::Moves>());
  routes.put("/wallets/{wallet}/moves/{move}", [moves](const Request& request, Responder to) {
    const auto move = millrace::codec::from_json<wallets::MoveMoney>(request.body);
    if (!move) return to.send(millrace::http::problem(400, {}, {}, move.error().message()));
    moves.respond({std::move(to), request.target}, std::string(request.param("wallet")), *move,
                  {.id = request.param("move")}, [](const auto& outcome) -> Response {
                    const auto& decided = std::get<wallets::MoveDecided>(outcome);
                    return {decided.accepted ? 200 : 409, millrace::codec::to_json(decided)};
                  });
  });
  // [moves]
  // [view]
  MILLRACE_ASSIGN(const auto view, (context.instance.view<std::string, std::int64_t>("balances")));
  routes.get("/wallets/{wallet}", [&context, view](const Request& request, Responder to) {
    const auto balance = view.get(std::string(request.param("wallet")));
    if (!balance) return to.send(request_failed(balance.error()));
    send_when_durable(context.durability, balance->position,
                      {200, std::to_string(balance->value.value_or(0))}, std::move(to));
  });
  // [view]
  return {};
}

// [main]
int main(int argc, char** argv) {
  Definition service;
  service.name = "wallets";
  service.description = "Keeps money in wallets, and never lets one go below zero";
  service.topology = [](const Settings&) { return wallets::topology(); };
  service.routes = add_routes;
  return run(argc, argv, service);
}
// [main]
