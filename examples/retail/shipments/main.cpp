// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "retail/main_settings.hpp"
#include "retail/shipments/topology.hpp"

int main(int argc, char** argv) {
  return millrace::service::run(
      argc, argv,
      retail::plain_service("shipments", "Packs and dispatches", retail::shipments::topology));
}
