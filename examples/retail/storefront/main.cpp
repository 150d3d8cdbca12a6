// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "retail/main_settings.hpp"
#include "retail/storefront/http/api.hpp"
#include "retail/storefront/topology.hpp"

namespace retail::storefront {
namespace {

millrace::service::Definition definition() {
  millrace::service::Definition storefront;
  storefront.name = "storefront";
  storefront.description =
      "HTTP in: takes orders, returns and write-offs, awaits what becomes of them, answers from "
      "local views";
  storefront.settings = {stock_setting()};
  storefront.topology = [](const millrace::service::Settings& settings) {
    return topology(retail_settings(settings));
  };
  storefront.routes = [](millrace::service::Context& context,
                         millrace::http::Router& router) -> millrace::Status {
    add_readiness(context);
    return add_api(router, context);
  };
  return storefront;
}

}  // namespace
}  // namespace retail::storefront

int main(int argc, char** argv) {
  return millrace::service::run(argc, argv, retail::storefront::definition());
}
