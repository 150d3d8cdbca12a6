// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// One measurement of the log or of a neighbour: bench-log CASE SYSTEM name=value...
#include "log/cases.hpp"

int main(int argc, char** argv) {
  using namespace millrace::bench;
  const Arguments arguments(argc, argv);
  const std::string& name = arguments.bench_case();
  if (name == "append") {
    report(run_append(arguments));
  } else if (name == "compaction") {
    report(run_compaction(arguments));
  } else if (name == "opening") {
    report(run_opening(arguments));
  } else if (name == "read") {
    report(run_read(arguments));
  } else if (name == "small_append") {
    report(run_small_append(arguments));
  } else if (name == "wake") {
    report(run_wake(arguments));
  } else if (name == "fdatasync") {
    report(run_fdatasync(arguments));
  } else {
    give_up("cases are append, compaction, opening, read, small_append, wake and fdatasync, not " +
            name);
  }
}
