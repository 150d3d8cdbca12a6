// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// The parts of the suite `peers` that are not Java: bench-peers ROLE SYSTEM name=value...
#include "peers/cases.hpp"

int main(int argc, char** argv) {
  using namespace millrace::bench;
  const Arguments arguments(argc, argv);
  const std::string& role = arguments.bench_case();
  if (role == "load") {
    run_load(arguments);
  } else if (role == "check") {
    run_check(arguments);
  } else if (role == "remove") {
    run_remove(arguments);
  } else if (role == "run" && arguments.system() == "librdkafka") {
    run_move(arguments);
  } else if (role == "run" && arguments.system() == "millrace") {
    run_topology(arguments);
  } else {
    give_up("roles are load, check, remove and run (of librdkafka or millrace), not " + role);
  }
}
