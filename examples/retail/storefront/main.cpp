// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "retail/main_settings.hpp"
#include "retail/storefront/http/api.hpp"
#include "retail/storefront/http/desk.hpp"
#include "retail/storefront/topology.hpp"

namespace retail::storefront {
namespace {

// Collects during a step whose requests got an outcome, and tells the desk when the step is over.
// Used by the worker's thread only, but for the desk, which is made before that thread starts.
class Outcomes final : public OutcomeListener {
 public:
  void outcome_known(const RequestId& id) override { known_.push_back(id); }
  void stepped() {
    desk->look_again(known_);
    known_.clear();
  }
  std::unique_ptr<Desk> desk;

 private:
  std::vector<RequestId> known_;
};

millrace::service::Definition definition(Outcomes& outcomes) {
  millrace::service::Definition storefront;
  storefront.name = "storefront";
  storefront.description =
      "HTTP in: takes orders, returns and write-offs, awaits what becomes of them, answers from "
      "local views";
  storefront.settings = {stock_setting()};
  storefront.topology = [&outcomes](const millrace::service::Settings& settings) {
    return topology(retail_settings(settings), &outcomes);
  };
  storefront.routes = [&outcomes](millrace::service::Context& context,
                                  millrace::http::Router& router) -> millrace::Status {
    MILLRACE_ASSIGN(outcomes.desk, Desk::create(context));
    add_readiness(context);
    return add_api(router, context, *outcomes.desk);
  };
  storefront.stepped = [&outcomes] { outcomes.stepped(); };
  storefront.ended = [&outcomes] { outcomes.desk.reset(); };
  return storefront;
}

}  // namespace
}  // namespace retail::storefront

int main(int argc, char** argv) {
  retail::storefront::Outcomes outcomes;
  return millrace::service::run(argc, argv, retail::storefront::definition(outcomes));
}
