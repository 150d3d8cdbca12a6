// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/testkit/torture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <boost/describe/class.hpp>
#include <cstdlib>
#include <filesystem>

#include "broken_log.hpp"
#include "millrace/base/clock.hpp"
#include "millrace/base/file_system.hpp"
#include "millrace/base/processes.hpp"
#include "millrace/base/random.hpp"
#include "millrace/log/environment.hpp"
#include "millrace/log_embedded/embedded.hpp"
#include "millrace/stream/topology.hpp"

namespace millrace::testkit {
namespace {

using testing::Gt;
using testing::HasSubstr;

struct Played {
  std::string song;
  std::int64_t seconds = 0;
};
BOOST_DESCRIBE_STRUCT(Played, (), (song, seconds))

struct Heard {
  std::int64_t times = 0;
};
BOOST_DESCRIBE_STRUCT(Heard, (), (times))

stream::Topology built(stream::TopologyBuilder& builder) {
  auto topology = builder.build();
  if (!topology) throw TestError(topology.error().to_string());
  return *std::move(topology);
}

// Seconds by listener, and plays by song behind a repartition.
void add_charts(stream::TopologyBuilder& builder) {
  const auto plays = builder.stream<std::string, Played>("plays");
  plays.map_values([](const Played& played) { return played; }).to("charts.plays");
  plays.group_by_key().aggregate(
      std::int64_t{0},
      [](const std::string&, const Played& played, std::int64_t so_far) {
        return so_far + played.seconds;
      },
      "seconds");
  plays.group_by([](const Played& played) { return played.song; })
      .count("songs")
      .to_stream()
      .map_values([](std::int64_t times) { return Heard{times}; })
      .to("charts.songs");
}

stream::Topology charts() {
  stream::TopologyBuilder builder("charts");
  add_charts(builder);
  return built(builder);
}

// The same, and something that was added before it.
stream::Topology edited_charts() {
  stream::TopologyBuilder builder("charts");
  builder.stream<std::string, Played>("plays").to_table("last");
  add_charts(builder);
  return built(builder);
}

TortureInputs plays(int count = 80) {
  TortureInputs inputs;
  inputs.topic("plays", "radio");
  for (int i = 0; i < count; ++i)
    inputs.write("plays", "listener-" + std::to_string(i % 13),
                 Played{"song-" + std::to_string(i % 7), 1 + i % 5}, 1'000 + i);
  return inputs;
}

TEST(Torture, a_sound_topology_passes_it_with_any_seed) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const TortureReport report = torture(charts, plays(), {.seed = seed, .edited = edited_charts});
    EXPECT_THAT(report.records, Gt(80U));
    EXPECT_THAT(report.letters, Gt(0U));
    EXPECT_THAT(report.deaths, Gt(20U));
    EXPECT_THAT(report.hand_overs, Gt(0U));
    EXPECT_THAT(report.slow_calls, Gt(0U));
    EXPECT_EQ(report.stuck_calls, 1U);
    EXPECT_EQ(report.edits, 2U);
  }
}

/// A log in a directory of its own that goes with the test, with members in one process.
class DirectoryLog {
 public:
  DirectoryLog() {
    std::string pattern = (std::filesystem::temp_directory_path() / "millrace-XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
  }
  ~DirectoryLog() {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  DirectoryLog(const DirectoryLog&) = delete;
  DirectoryLog& operator=(const DirectoryLog&) = delete;

  std::unique_ptr<log::Log> connect(log::LogOptions options) {
    ++opened_;
    // A slow machine is no reason to take a member for dead, nor a lock for stuck.
    constexpr std::int64_t timeout_ms = 3'600'000;
    options.session_timeout_ms = timeout_ms;
    log::EmbeddedOptions embedded;
    embedded.segment_bytes = 8U << 20U;
    embedded.stuck_holder_ms = timeout_ms;
    auto log = log::open_embedded(directory_ + "/log", environment_, std::move(options), embedded);
    if (!log) throw TestError(log.error().to_string());
    return *std::move(log);
  }
  [[nodiscard]] int opened() const { return opened_; }

 private:
  std::string directory_;
  SeededRandom random_{1};
  log::LogEnvironment environment_{real_clock(), real_file_system(), random_, real_processes()};
  std::atomic<int> opened_ = 0;
};

TEST(Torture, a_sound_topology_passes_it_over_a_log_in_a_directory) {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    DirectoryLog log;
    const auto connect = [&](log::LogOptions options) { return log.connect(std::move(options)); };
    const TortureReport report = torture(charts, plays(), {.seed = seed, .threads_log = connect});
    EXPECT_EQ(report.stuck_calls, 1U);
    // Those of two instances, of the writer and of the reader, and of an instance that began again.
    EXPECT_THAT(log.opened(), Gt(4));
  }
}

// What torture says of a topology; empty when it passes.
std::string finding(const TortureTopology& topology, const TortureOptions& options) {
  try {
    torture(topology, plays(), options);
  } catch (const TestError& error) {
    return error.what();
  }
  return {};
}

std::string finding(const TortureTopology& topology, std::uint64_t seed = 1) {
  return finding(topology, TortureOptions{.seed = seed});
}

struct Mutant {
  Broken broken;
  std::string found;  // what torture says of it
};

std::vector<Mutant> mutants() {
  return {{Broken::late_positions, "doubled: "},
          {Broken::commits_twice, "doubled: "},
          {Broken::drops_records, "lost: "},
          {Broken::shows_no_more, "lost: "}};
}

// The engine has these promises from the log, and does as badly when it breaks them itself.
TEST(Torture, an_engine_over_a_log_that_breaks_a_promise_fails) {
  for (const Mutant& mutant : mutants()) {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
      const auto breakage = std::make_shared<Breakage>(mutant.broken);
      const std::string text =
          finding(charts, {.seed = seed, .between = [&](std::unique_ptr<log::Log> inner) {
                             return std::make_unique<BrokenLog>(std::move(inner), breakage);
                           }});
      EXPECT_THAT(text, HasSubstr("torture of charts, run rough, seed"));
      EXPECT_THAT(text, HasSubstr(mutant.found));
    }
  }
}

// How often an instance begins again there depends on the scheduler: not each seed needs to show
// it.
TEST(Torture, an_engine_over_a_directory_that_breaks_a_promise_fails) {
  for (const Mutant& mutant : mutants()) {
    std::string text;
    for (std::uint64_t seed = 1; text.find(mutant.found) == std::string::npos && seed <= 10;
         ++seed) {
      DirectoryLog log;
      const auto breakage = std::make_shared<Breakage>(mutant.broken);
      const auto connect = [&](log::LogOptions options) -> std::unique_ptr<log::Log> {
        const bool of_instance = options.service == "charts";
        auto inner = log.connect(std::move(options));
        if (!of_instance) return inner;
        return std::make_unique<BrokenLog>(std::move(inner), breakage);
      };
      text = finding(charts, {.seed = seed, .threads_log = connect});
    }
    EXPECT_THAT(text, HasSubstr("torture of charts, run threads, seed"));
    EXPECT_THAT(text, HasSubstr(mutant.found));
  }
}

// Keeps its count in a member, where no commit is.
class ForgetfulCounter final : public stream::Processor<std::string, Played> {
 public:
  explicit ForgetfulCounter(stream::Emitter<std::string, Heard> out) : out_(out) {}
  void process(const std::string& key, const Played& played,
               stream::ProcessorContext& context) override {
    static_cast<void>(played);
    context.emit(out_, key, Heard{++times_[key]});
  }

 private:
  stream::Emitter<std::string, Heard> out_;
  std::map<std::string, std::int64_t> times_;
};

stream::Topology forgetful() {
  stream::TopologyBuilder builder("forgetful");
  const auto out = builder.emitter<std::string, Heard>("out");
  builder.stream<std::string, Played>("plays").process<ForgetfulCounter>("counter", out);
  builder.stream(out).to("forgetful.counts");
  return built(builder);
}

TEST(Torture, a_processor_that_counts_in_a_member_fails) {
  const std::string text = finding(forgetful, 3);
  EXPECT_THAT(text, HasSubstr("torture of forgetful, run rough, seed 3, after "));
  EXPECT_THAT(text, HasSubstr("lost: topic forgetful.counts, last value of listener-"));
  EXPECT_THAT(text, HasSubstr("repeat with torture(topology, inputs, {.seed = 3})"));
}

// Publishes by a list of its own: what is in it when the task moves is lost, and what is written
// before a commit is refused is published again.
class Hoarder final : public stream::Processor<std::string, Played> {
 public:
  explicit Hoarder(stream::Emitter<std::string, Played> out) : out_(out) {}
  void process(const std::string& key, const Played& played,
               stream::ProcessorContext& context) override {
    hoard_.emplace_back(key, played);
    if (hoard_.size() < 2) return;
    for (const auto& [listener, hoarded] : hoard_)
      context.emit(out_, listener, hoarded);
    hoard_.clear();
  }

 private:
  stream::Emitter<std::string, Played> out_;
  std::vector<std::pair<std::string, Played>> hoard_;
};

stream::Topology hoarding() {
  stream::TopologyBuilder builder("hoarding");
  const auto out = builder.emitter<std::string, Played>("out");
  builder.stream<std::string, Played>("plays").process<Hoarder>("hoarder", out);
  builder.stream(out).to("hoarding.plays");
  return built(builder);
}

TEST(Torture, a_processor_that_keeps_records_in_a_member_fails) {
  EXPECT_THAT(finding(hoarding), HasSubstr("lost: topic hoarding.plays, Played of input-"));
}

// Filters by how often it was called in this process.
stream::Topology moody() {
  stream::TopologyBuilder builder("moody");
  auto calls = std::make_shared<std::atomic<int>>(0);
  builder.stream<std::string, Played>("plays")
      .filter([calls](const Played&) { return ++*calls % 10 != 0; })
      .to("moody.plays");
  return built(builder);
}

TEST(Torture, a_handler_that_depends_on_its_calls_fails) {
  EXPECT_THAT(finding(moody), HasSubstr("ended otherwise than undisturbed"));
}

TEST(Torture, a_topology_whose_input_is_missing_fails_with_the_reason) {
  const auto waiting = [] {
    stream::TopologyBuilder builder("waiting");
    builder.stream<std::string, Played>("unknown").to("waiting.plays");
    return built(builder);
  };
  EXPECT_THAT(finding(waiting), HasSubstr("run undisturbed"));
  EXPECT_THAT(finding(waiting), HasSubstr("topic unknown is not there: declare it"));
}

}  // namespace
}  // namespace millrace::testkit
