// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "retail/main_settings.hpp"
#include "retail/stock/topology.hpp"

int main(int argc, char** argv) {
  return millrace::service::run(
      argc, argv,
      retail::plain_service(
          "stock", "Shelves: reserves, releases, ships, takes back, writes off, orders more",
          retail::stock::topology));
}
