// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// One measurement of streams or of a neighbour: bench-stream CASE SYSTEM name=value...
#include "stream/cases.hpp"

int main(int argc, char** argv) {
  using namespace millrace::bench;
  const Arguments arguments(argc, argv);
  const std::string& name = arguments.bench_case();
  if (name == "count") {
    report(run_count(arguments));
  } else if (name == "restore") {
    report(run_restore(arguments));
  } else {
    give_up("cases are count and restore, not " + name);
  }
}
