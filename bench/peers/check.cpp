// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <unistd.h>

#include <cstdio>
#include <string>

#include "peers/cases.hpp"
#include "peers/end_of_input.hpp"
#include "peers/endpoint.hpp"
#include "peers/expectation.hpp"
#include "support/measure.hpp"

namespace millrace::bench {
namespace {

constexpr std::int64_t timeout_ms = 100;
constexpr std::int64_t quiet_ns = 300'000'000;

/// Reads an output and remembers when what was seen.
class Check {
 public:
  explicit Check(const Arguments& arguments)
      : expectation_(arguments.text("topology"),
                     {.records = arguments.number("records"),
                      .keys = static_cast<std::uint64_t>(arguments.number("keys")),
                      .base_ms = arguments.number("base_ms")},
                     arguments.number("every", 1) != 0),
        records_(arguments.number("records")),
        announce_(arguments.number("announce", -1)),
        rate_(arguments.number("rate", 0)),
        start_ns_(arguments.number("start_ns", 0)),
        warm_(arguments.number("warm", 0)),
        timeout_ns_(arguments.number("timeout_s", 600) * 1'000'000'000),
        latencies_(rate_ > 0 ? static_cast<std::size_t>(records_) : 0) {
    if (rate_ > 0) expectation_.index();
  }

  void run(OutputReader& reader) {
    const auto take = [this](std::string_view key, std::string_view value) { note(key, value); };
    const std::int64_t end = now_ns() + timeout_ns_;
    while (!expectation_.complete()) {
      now_ = now_ns();
      if (now_ > end)
        give_up(std::to_string(expectation_.answered()) + " of " + std::to_string(records_) +
                " inputs were answered when the time was over");
      reader.read(timeout_ms, take);
      announce();
    }
    // An output too many would come now.
    const std::int64_t quiet = now_ns() + quiet_ns;
    while (now_ns() < quiet)
      reader.read(timeout_ms, take);
    expectation_.finish();
  }

  void print() {
    std::printf("{\"outputs\": %lld, \"first_ns\": %lld, \"half_ns\": %lld, \"last_ns\": %lld",
                static_cast<long long>(outputs_), static_cast<long long>(first_ns_),
                static_cast<long long>(half_ns_), static_cast<long long>(last_ns_));
    if (latencies_.size() > 0)
      std::printf(", \"p50_us\": %.1f, \"p99_us\": %.1f", latencies_.percentile_us(0.5),
                  latencies_.percentile_us(0.99));
    std::printf("}\n");
  }

 private:
  void note(std::string_view key, std::string_view value) {
    const std::int64_t before = expectation_.answered();
    expectation_.take(key, value);
    const std::int64_t answered = expectation_.answered();
    const bool precise = rate_ > 0 || first_ns_ == 0 || answered == records_;
    const std::int64_t now = precise ? now_ns() : now_;
    if (first_ns_ == 0) first_ns_ = now;
    if (before < records_ / 2 && answered >= records_ / 2) half_ns_ = now_ns();
    if (before < records_ && answered == records_) last_ns_ = now;
    ++outputs_;
    if (rate_ == 0) return;
    const std::int64_t input = expectation_.input_of_last();
    if (input >= warm_) latencies_.add(now - (start_ns_ + input * 1'000'000'000 / rate_));
  }

  void announce() {
    if (announce_ < 0 || expectation_.answered() < announce_) return;
    std::printf("REACHED\n");
    std::fflush(stdout);
    announce_ = -1;
  }

  Expectation expectation_;
  std::int64_t records_;
  std::int64_t announce_;
  std::int64_t rate_;
  std::int64_t start_ns_;
  std::int64_t warm_;
  std::int64_t timeout_ns_;
  Latencies latencies_;
  std::int64_t now_ = 0;
  std::int64_t outputs_ = 0;
  std::int64_t first_ns_ = 0;
  std::int64_t half_ns_ = 0;
  std::int64_t last_ns_ = 0;
};

}  // namespace

void run_check(const Arguments& arguments) {
  // Who started it has gone when its input ends.
  const EndOfInput end_of_input([] { ::_exit(1); });
  Check check(arguments);
  const auto reader = open_output(arguments.text("url"), arguments.text("topic"));
  check.run(*reader);
  check.print();
}

}  // namespace millrace::bench
