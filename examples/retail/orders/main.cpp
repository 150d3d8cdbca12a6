// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "retail/main_settings.hpp"
#include "retail/orders/topology.hpp"

int main(int argc, char** argv) {
  return millrace::service::run(
      argc, argv,
      retail::plain_service("orders", "The life of orders and returns", retail::orders::topology));
}
