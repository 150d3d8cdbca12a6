// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "log/cases.hpp"
#include "support/plain_file.hpp"

namespace millrace::bench {

Sample run_fdatasync(const Arguments& arguments) {
  PlainFile file(arguments.text("dir") + "/disk");
  const std::string block(4096, 'x');
  const std::int64_t count = arguments.number("samples");
  Latencies latencies(static_cast<std::size_t>(count));
  // The first one makes the file's size durable.
  file.append(block);
  file.sync();
  const std::int64_t began = now_ns();
  const std::int64_t cpu_began = cpu_ns();
  for (std::int64_t i = 0; i < count; ++i) {
    file.append(block);
    const std::int64_t written = now_ns();
    file.sync();
    latencies.add(now_ns() - written);
  }
  return {.records = static_cast<double>(count),
          .seconds = static_cast<double>(now_ns() - began) / 1e9,
          .cpu_seconds = static_cast<double>(cpu_ns() - cpu_began) / 1e9,
          .peak_rss_mb = peak_rss_mb(),
          .p50_us = latencies.percentile_us(0.5),
          .p99_us = latencies.percentile_us(0.99)};
}

}  // namespace millrace::bench
