// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// Counts records by key: a topology with a store, changelog and exactly-once commits, beside a hash
// map.
#include <boost/unordered/unordered_flat_map.hpp>

#include "millrace/base/hash.hpp"
#include "stream/cases.hpp"
#include "stream/counter.hpp"
#include "support/plain_file.hpp"

namespace millrace::bench {
namespace {

struct KeyHash {
  using is_transparent = void;
  using is_avalanching = void;
  std::size_t operator()(std::string_view key) const { return xxh64(key); }
};

using Counts = boost::unordered_flat_map<std::string, std::int64_t, KeyHash, std::equal_to<>>;

void count_plainly(const PlainFile& file, Counts& counts) {
  read_plain(file, [&](const PlainRecord& record) {
    auto found = counts.find(record.key);
    if (found == counts.end()) found = counts.emplace(std::string(record.key), 0).first;
    found->second += 1;
  });
}

template <class F>
Sample timed(std::int64_t records, F work) {
  const std::int64_t cpu_began = cpu_ns();
  const std::int64_t began = now_ns();
  work();
  return {.records = static_cast<double>(records),
          .seconds = static_cast<double>(now_ns() - began) / 1e9,
          .cpu_seconds = static_cast<double>(cpu_ns() - cpu_began) / 1e9,
          .peak_rss_mb = peak_rss_mb()};
}

Sample count_plain(const Arguments& arguments, std::int64_t records, std::uint64_t keys) {
  PlainFile file(arguments.text("dir") + "/plain");
  RecordSource source(input_value_bytes, keys);
  write_plain(file, source, records, 500);
  Counts counts;
  const Sample sample = timed(records, [&] { count_plainly(file, counts); });
  std::int64_t total = 0;
  for (const auto& [key, count] : counts)
    total += count;
  if (total < records) give_up("plain counted " + std::to_string(total));
  return sample;
}

}  // namespace

Sample run_count(const Arguments& arguments) {
  const std::int64_t records = arguments.number("records");
  const auto keys = static_cast<std::uint64_t>(arguments.number("keys"));
  if (arguments.system() == "plain") return count_plain(arguments, records, keys);
  const std::string directory = arguments.text("dir");
  write_input(directory + "/log", records, keys, arguments.text("envelope") == "cloudevents");
  Counter counter(directory, false);
  const Sample sample = timed(records, [&] { counter.run(records); });
  if (counter.total() != records)
    give_up("counted " + std::to_string(counter.total()) + " of " + std::to_string(records));
  return sample;
}

}  // namespace millrace::bench
