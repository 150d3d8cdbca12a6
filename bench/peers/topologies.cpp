// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// The three topologies of the suite; the same ones stand in Topologies.java.
#include <memory>

#include "millrace/base/processes.hpp"
#include "millrace/log/environment.hpp"
#include "millrace/log_embedded/embedded.hpp"
#include "millrace/log_kafka/kafka.hpp"
#include "millrace/stream/instance.hpp"
#include "millrace/stream/topology.hpp"
#include "peers/cases.hpp"
#include "peers/end_of_input.hpp"
#include "peers/expectation.hpp"
#include "peers/kafka_client.hpp"
#include "support/keeper.hpp"

namespace millrace::bench {
namespace {

constexpr std::int32_t partitions = 4;

using Text = std::string;

void count(const stream::Stream<Text, Text>& input, const Text& output) {
  input.group_by_key().count("counts").to_stream().to(output);
}

void windowed(const stream::Stream<Text, Text>& input, const Text& output) {
  input.group_by_key()
      .windowed_by(stream::tumbling(std::chrono::milliseconds(Expectation::window_ms))
                       .never_closes()
                       .retention(std::chrono::hours(24 * 365 * 100)))
      .count("windowed")
      .to_stream()
      .map([](const stream::Windowed<Text>& key, std::int64_t counted) {
        return std::pair(key.key + "@" + std::to_string(key.start_ms), counted);
      })
      .to(output);
}

void join(const stream::Stream<Text, Text>& input, const stream::Table<Text, Text>& table,
          const Text& output) {
  input.join(table, [](const Text& value, const Text& side) { return side + value; }).to(output);
}

stream::Topology build(const Arguments& arguments) {
  stream::TopologyBuilder builder(arguments.text("application"), partitions);
  const Text topology = arguments.text("topology");
  const Text output = arguments.text("output");
  const auto input = builder.stream<Text, Text>(arguments.text("input"));
  if (topology == "count") {
    count(input, output);
  } else if (topology == "windowed") {
    windowed(input, output);
  } else if (topology == "join") {
    join(input, builder.table<Text, Text>(arguments.text("table"), "known"), output);
  } else {
    give_up("topologies are count, windowed and join, not " + topology);
  }
  return must(builder.build());
}

}  // namespace

void run_topology(const Arguments& arguments) {
  SeededRandom random(real_seed());
  log::LogEnvironment environment{real_clock(), real_file_system(), random, real_processes()};
  log::LogOptions log_options;
  log_options.service = arguments.text("application");
  log_options.durability = log::DurabilityPolicy::os;
  log::register_embedded();
  log::register_kafka();
  const auto log = must(log::open_log(arguments.text("url"), environment, log_options));
  const Keeper keeper(*log);

  stream::InstanceOptions options;
  options.state_directory = arguments.text("state");
  must(real_file_system().create_directories(options.state_directory));
  const auto instance = must(stream::Instance::open(
      *log, build(arguments), options, {real_clock(), real_file_system(), random, {}}));
  const EndOfInput end_of_input([&] { instance->interrupt(); });
  bool ready = false;
  while (!end_of_input.reached()) {
    const stream::StepResult step = must(instance->step());
    if (!ready && instance->ready()) {
      ready = true;
      print_ready();
    }
    if (!step.worked) instance->wait(step);
  }
  must(instance->close());
}

}  // namespace millrace::bench
