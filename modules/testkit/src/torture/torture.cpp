// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/testkit/torture.hpp"

#include <exception>

#include "torture/thread_run.hpp"
#include "torture/world_run.hpp"

namespace millrace::testkit {

namespace {

// What every failure says: which run of what, and how to repeat it.
[[noreturn]] void fail(const std::string& run, const std::string& service,
                       const TortureOptions& options, std::uint64_t steps,
                       const std::string& what) {
  const std::string seed = std::to_string(options.seed);
  throw TestError("torture of " + service + ", run " + run + ", seed " + seed + ", after " +
                  std::to_string(steps) + " steps: " + what +
                  "\n  repeat with torture(topology, inputs, {.seed = " + seed + "})");
}

template <class Run>
Tally tally_of(Run& run, const std::string& name, const std::string& service,
               const TortureOptions& options) {
  try {
    return run.run();
  } catch (const std::exception& error) {
    fail(name, service, options, run.steps(), error.what());
  }
}

}  // namespace

TortureReport torture(const TortureTopology& topology, const TortureInputs& inputs,
                      const TortureOptions& options) {
  TortureReport report;
  const std::string service = topology().service();
  const auto check = [&](auto& run, const std::string& name, const Tally& reference) {
    const Tally tally = tally_of(run, name, service, options);
    if (const std::string difference = tally.difference_to(reference); !difference.empty())
      fail(name, service, options, run.steps(), "it ended otherwise than undisturbed" + difference);
    run.report(report);
  };
  const std::string undisturbed = to_string(WorldKind::undisturbed);
  if (options.edited) {
    // The operators of the other version may have other names, by which those that throw are drawn.
    TortureOptions calm = options;
    calm.throwing = 0;
    WorldRun first(WorldKind::undisturbed, topology, inputs, calm);
    const Tally reference = tally_of(first, undisturbed, service, options);
    WorldRun edits(WorldKind::edits, topology, inputs, calm);
    check(edits, to_string(WorldKind::edits), reference);
  }
  WorldRun first(WorldKind::undisturbed, topology, inputs, options);
  const Tally reference = tally_of(first, undisturbed, service, options);
  for (const WorldKind kind : {WorldKind::rough, WorldKind::restarts}) {
    WorldRun run(kind, topology, inputs, options);
    check(run, to_string(kind), reference);
  }
  ThreadRun threads(topology, inputs, options, first.tasks());
  check(threads, "threads", reference);
  return report;
}

}  // namespace millrace::testkit
