// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <cstdio>

#include "peers/cases.hpp"
#include "peers/endpoint.hpp"
#include "peers/input.hpp"
#include "peers/kafka_client.hpp"
#include "support/measure.hpp"

namespace millrace::bench {
namespace {

constexpr std::int32_t partitions = 4;

void write_table(InputWriter& writer, Input& input) {
  for (std::uint64_t number = 0; number < input.spec().keys; ++number) {
    // Before everything in the stream, so that each of its records finds its match.
    writer.write(input.spec().base_ms - 1, input.key(number), input.table_value(number));
  }
}

void write_stream(InputWriter& writer, Input& input, std::int64_t from,
                  const Arguments& arguments) {
  const std::int64_t rate = arguments.number("rate", 0);
  const std::int64_t start = rate > 0 ? arguments.number("start_ns") : 0;
  for (std::int64_t i = from; i < input.spec().records; ++i) {
    if (rate > 0) sleep_until_ns(start + i * 1'000'000'000 / rate);
    writer.write(input.timestamp_ms(i), input.key(input.key_number(i)), input.value(i));
  }
}

}  // namespace

void run_load(const Arguments& arguments) {
  Input input({.records = arguments.number("records"),
               .keys = static_cast<std::uint64_t>(arguments.number("keys")),
               .base_ms = arguments.number("base_ms")});
  const std::int64_t began = now_ns();
  const auto writer = open_input(arguments.text("url"), arguments.text("topic"), partitions,
                                 arguments.number("rate", 0) > 0);
  if (arguments.number("table", 0) != 0) {
    write_table(*writer, input);
  } else {
    write_stream(*writer, input, arguments.number("from", 0), arguments);
  }
  writer->flush();
  std::printf("{\"seconds\": %.3f}\n", static_cast<double>(now_ns() - began) / 1e9);
}

void run_remove(const Arguments& arguments) {
  remove_kafka_topics(arguments.text("url"), arguments.text("prefix"));
}

}  // namespace millrace::bench
