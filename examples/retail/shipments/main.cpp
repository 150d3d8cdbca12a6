// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "retail/shipments/topology.hpp"
#include "retail/main_settings.hpp"

int main(int argc, char** argv) {
  return millrace::service::run(argc, argv, retail::plain_service("shipments", "Packs and dispatches", retail::shipments::topology));
}
