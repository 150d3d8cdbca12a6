// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// Brings a store in memory back after a restart: from its changelog, or from the snapshot that a
// clean end wrote.
#include "stream/cases.hpp"
#include "stream/counter.hpp"

namespace millrace::bench {

Sample run_restore(const Arguments& arguments) {
  const std::string directory = arguments.text("dir");
  const std::int64_t records = arguments.number("records");
  const std::string from = arguments.text("from");
  if (from != "changelog" && from != "snapshot")
    give_up("from is changelog or snapshot, not " + from);
  const bool snapshots = from == "snapshot";
  write_input(directory + "/log", records, static_cast<std::uint64_t>(arguments.number("keys")),
              false);
  {
    Counter counter(directory, snapshots);
    counter.run(records);
    counter.close();
  }
  const std::int64_t cpu_began = cpu_ns();
  const std::int64_t began = now_ns();
  Counter counter(directory, snapshots);
  counter.restore();
  Sample sample{.seconds = static_cast<double>(now_ns() - began) / 1e9,
                .cpu_seconds = static_cast<double>(cpu_ns() - cpu_began) / 1e9};
  sample.peak_rss_mb = peak_rss_mb();
  if (counter.total() != records)
    give_up("restored a count of " + std::to_string(counter.total()) + ", not " +
            std::to_string(records));
  sample.records = static_cast<double>(snapshots ? counter.keys() : counter.changelog_records());
  return sample;
}

}  // namespace millrace::bench
