// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// A service that keeps wallets: HTTP requests become commands, a processor decides, answers and
// balances are views.
#include <memory>

#include "counter.hpp"
#include "millrace/service/service.hpp"
#include "wallets.hpp"

// [main]
int main(int argc, char** argv) {
  std::shared_ptr<wallets::Counter> counter;

  millrace::service::Definition service;
  service.name = "wallets";
  service.description = "Keeps money in wallets, and never lets one go below zero";
  service.topology = [](const millrace::service::Settings&) { return wallets::topology(); };
  service.routes = [&counter](millrace::service::Context& context,
                              millrace::http::Router& router) -> millrace::Status {
    using millrace::http::Request;
    using millrace::http::Responder;
    MILLRACE_ASSIGN(counter, wallets::Counter::open(context));
    auto options = context.ready;
    options.takes_json = true;
    auto routes = router.group(options);
    routes.put("/wallets/{wallet}/moves/{move}", [&](const Request& request, Responder responder) {
      counter->move(request, std::move(responder));
    });
    routes.get("/wallets/{wallet}", [&](const Request& request, Responder responder) {
      counter->balance(request, std::move(responder));
    });
    return {};
  };
  service.stepped = [&counter] { counter->look(); };
  service.ended = [&counter] { counter.reset(); };
  return millrace::service::run(argc, argv, service);
}
// [main]
