// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// A program that keeps its log in a directory: run.sh sees that it needs no client of Kafka.
#include <millrace/base/clock.hpp>
#include <millrace/base/file_system.hpp>
#include <millrace/base/processes.hpp>
#include <millrace/log/environment.hpp>
#include <millrace/log/log.hpp>
#include <millrace/log_embedded/embedded.hpp>
#include <millrace/stream/instance.hpp>
#include <millrace/stream/topology.hpp>

#include <cstdio>
#include <string>

namespace {

millrace::Status run(const std::string& directory) {
  millrace::SeededRandom random(millrace::real_seed());
  millrace::log::LogEnvironment world{millrace::real_clock(), millrace::real_file_system(), random,
                                      millrace::real_processes()};
  millrace::log::LogOptions options;
  options.service = "somebody";
  MILLRACE_ASSIGN(const auto log, millrace::log::open_embedded(directory, world, std::move(options),
                                                               {.force = true}));
  millrace::stream::TopologyBuilder builder("somebody");
  builder.stream<std::string, std::string>("words").to("somebody.words");
  MILLRACE_ASSIGN(millrace::stream::Topology topology, builder.build());
  MILLRACE_ASSIGN(const auto instance,
                  millrace::stream::Instance::open(*log, std::move(topology), {},
                                                   {world.clock, world.files, random, {}}));
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  const millrace::Status ran = run(argc > 1 ? argv[1] : "log");
  if (!ran) {
    std::fprintf(stderr, "local_log: %s\n", ran.error().to_string().c_str());
    return 1;
  }
  std::puts("local_log: ok");
  return 0;
}
