// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "retail/insights/topology.hpp"
#include "retail/main_settings.hpp"

int main(int argc, char** argv) {
  return millrace::service::run(
      argc, argv,
      retail::plain_service("insights",
                            "Revenue by country and day, best sellers, the order funnel",
                            retail::insights::topology));
}
