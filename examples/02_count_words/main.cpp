// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
//
// Counts words: `02_count_words DIR < text` appends the lines of the text to a topic, lets the
// topology catch up, and prints the counts of all texts so far. Run it again with another text: it
// continues where it was. `02_count_words DIR lines` prints the lines of all texts so far.
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/base/clock.hpp"
#include "millrace/base/file_system.hpp"
#include "millrace/base/processes.hpp"
#include "millrace/base/random.hpp"
#include "millrace/base/terminal_text.hpp"
#include "millrace/log/environment.hpp"
#include "millrace/log_embedded/embedded.hpp"
#include "millrace/stream/instance.hpp"
#include "millrace/stream/reader.hpp"
#include "millrace/stream/writer.hpp"
#include "words.hpp"

namespace log = millrace::log;
namespace stream = millrace::stream;
using words::LineRead;

namespace {

// Appends the lines as the service `reader`, whose topic `lines` is.
millrace::Status append_lines(log::Log& log, log::LogEnvironment& world, std::istream& text) {
  MILLRACE_TRY(log.create_topic({"lines", 4, log::TopicKind::events, "reader"}));
  // [event]
  stream::RecordWriter records(log, world.clock, world.random);
  MILLRACE_ASSIGN(const auto lines,
                  (stream::Writer<std::string, LineRead>::open(records, "lines")));
  std::string line;
  for (std::int64_t number = 0; std::getline(text, line); ++number) {
    MILLRACE_TRY(lines.write("line-" + std::to_string(number), LineRead{line}).wait());
  }
  // [event]
  return {};
}

// [catch-up]
bool caught_up(const stream::Instance& instance) {
  const stream::InstanceStatus status = instance.status();
  const auto behind = [](const auto& task) { return task.lag > 0; };
  return status.ready && std::none_of(status.tasks.begin(), status.tasks.end(), behind);
}

millrace::Status catch_up(stream::Instance& instance) {
  for (;;) {
    MILLRACE_ASSIGN(const stream::StepResult step, instance.step());
    if (step.worked) continue;
    if (caught_up(instance)) return {};
    instance.wait(step);
  }
}
// [catch-up]

// [run]
millrace::Status count_words(const std::string& directory, std::istream& text) {
  millrace::SeededRandom random(millrace::real_seed());
  log::LogEnvironment world{millrace::real_clock(), millrace::real_file_system(), random,
                            millrace::real_processes()};
  log::register_embedded();
  MILLRACE_ASSIGN(const auto reader, log::open_log("file:" + directory, world,
                                                   {.service = "reader", .member = "reader"}));
  MILLRACE_TRY(append_lines(*reader, world, text));

  MILLRACE_ASSIGN(const auto log, log::open_log("file:" + directory, world,
                                                {.service = "words", .member = "words"}));
  MILLRACE_ASSIGN(stream::Topology topology, words::word_counts());
  MILLRACE_ASSIGN(const auto instance,
                  stream::Instance::open(*log, std::move(topology), {},
                                         {world.clock, world.files, random, {}}));
  MILLRACE_TRY(catch_up(*instance));

  MILLRACE_ASSIGN(const auto counts, (instance->view<std::string, std::int64_t>("counts")));
  MILLRACE_ASSIGN(const auto all, counts.all(1'000'000));
  for (const auto& [word, count] : all.value) {
    std::printf("%s %lld\n", millrace::escaped(word).c_str(), static_cast<long long>(count));
  }
  return instance->close();
}
// [run]

millrace::Status print_lines(const std::string& directory) {
  millrace::SeededRandom random(millrace::real_seed());
  log::LogEnvironment world{millrace::real_clock(), millrace::real_file_system(), random,
                            millrace::real_processes()};
  log::register_embedded();
  log::LogOptions options;
  options.create = false;
  MILLRACE_ASSIGN(const auto log, log::open_log("file:" + directory, world, options));
  // [lines]
  MILLRACE_ASSIGN(auto lines, (stream::Reader<std::string, LineRead>::open(*log, "lines")));
  return lines.for_each([](const stream::ReadEvent<std::string, LineRead>& event) {
    if (event.value != nullptr) std::puts(millrace::escaped(event.value->text).c_str());
  });
  // [lines]
}

}  // namespace

int main(int argc, char** argv) {
  const bool lines = argc == 3 && std::string_view(argv[2]) == "lines";
  if (argc != 2 && !lines) {
    std::fputs("Usage: 02_count_words DIR < text\n       02_count_words DIR lines\n", stderr);
    return 2;
  }
  if (const millrace::Status done = lines ? print_lines(argv[1]) : count_words(argv[1], std::cin);
      !done) {
    std::fprintf(stderr, "%s\n", done.error().to_string().c_str());
    return 1;
  }
  return 0;
}
