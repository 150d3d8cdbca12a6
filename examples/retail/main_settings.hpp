// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include <string>
#include <utility>

#include "millrace/service/service.hpp"
#include "retail/contracts/settings.hpp"

namespace retail {

/// The setting that all services of the system share.
[[nodiscard]] inline millrace::service::Setting stock_setting() {
  return {.name = "stock",
          .default_value = "scarce",
          .help = "How shelves are filled; the same for all services and for the life of a log",
          .choices = {"ample", "scarce"},
          .for_life_of_log = true};
}

[[nodiscard]] inline Settings retail_settings(const millrace::service::Settings& settings) {
  Settings retail;
  retail.stock = settings.get("stock") == "ample" ? StockMode::ample : StockMode::scarce;
  return retail;
}

/// The definition of a service that has no HTTP routes of its own.
[[nodiscard]] inline millrace::service::Definition plain_service(
    std::string name, std::string description,
    millrace::Result<millrace::stream::Topology> (*topology)(const Settings&)) {
  millrace::service::Definition definition;
  definition.name = std::move(name);
  definition.description = std::move(description);
  definition.settings = {stock_setting()};
  definition.topology = [topology](const millrace::service::Settings& settings) {
    return topology(retail_settings(settings));
  };
  return definition;
}

}  // namespace retail
