// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#pragma once

#include "support/arguments.hpp"

/// What bench-peers does; bench/peers/README.md says which parameters each takes.
namespace millrace::bench {

/// Writes records of the deterministic input, or its table.
void run_load(const Arguments& arguments);
/// Reads the output of a topology until every input is answered, and compares it.
void run_check(const Arguments& arguments);
/// Moves the bytes of the input to the output with bare librdkafka, exactly-once, until standard
/// input ends.
void run_move(const Arguments& arguments);
/// Runs one of the topologies with Millrace until standard input ends.
void run_topology(const Arguments& arguments);
/// Removes topics of Kafka by the begin of their names.
void run_remove(const Arguments& arguments);

}  // namespace millrace::bench
