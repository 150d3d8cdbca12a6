// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include <CLI/CLI.hpp>
#include <algorithm>
#include <limits>
#include <map>

#include "arguments.hpp"
#include "commands/commands.hpp"
#include "merged_reader.hpp"
#include "millrace/base/time_text.hpp"
#include "names.hpp"
#include "record_text.hpp"
#include "text.hpp"

namespace millrace::cli {

namespace {

constexpr std::size_t last_records = 10;
constexpr std::int64_t wait_ns = 200'000'000;  // between looks at the stop flag and heartbeats
constexpr int records_at_once = 10'000;        // the same, while there is more to read
constexpr std::int64_t widening = 8;
constexpr std::int64_t int32_max = std::numeric_limits<std::int32_t>::max();

using Starts = std::vector<MergedReader::Start>;

bool wanted(const TailOptions& options, const log::RecordView& record) {
  return !options.key || record.key == *options.key;
}

Result<std::vector<log::Topic>> find_topics(log::Log& log, const TailOptions& options) {
  if (options.all) {
    MILLRACE_ASSIGN(std::vector<log::Topic> all, sorted_topics(log, false));
    if (!options.partition) return all;
    std::erase_if(
        all, [&](const log::Topic& topic) { return *options.partition >= topic.spec.partitions; });
    if (!all.empty()) return all;
    return fail(errc::invalid_argument,
                "no topic has a partition " + std::to_string(*options.partition));
  }
  std::vector<log::Topic> topics;
  for (const std::string& name : options.topics) {
    MILLRACE_ASSIGN(log::Topic topic, find_topic(log, name));
    if (options.partition && *options.partition >= topic.spec.partitions) {
      return fail(errc::invalid_argument, "topic '" + name + "' has partitions 0 to " +
                                              std::to_string(topic.spec.partitions - 1));
    }
    topics.push_back(std::move(topic));
  }
  return topics;
}

// All partitions that are asked for, each with what it keeps.
struct Range {
  MergedReader::Start start;
  log::Offset first;
  log::Offset end;
  [[nodiscard]] log::TopicPartition topic_partition() const {
    return {start.topic->id, start.partition};
  }
};

Result<std::vector<Range>> ranges_of(log::Log& log, const std::vector<log::Topic>& topics,
                                     const TailOptions& options) {
  std::vector<Range> ranges;
  std::vector<log::TopicPartition> partitions;
  for (const log::Topic& topic : topics) {
    for (std::int32_t p = 0; p < topic.spec.partitions; ++p) {
      if (options.partition && *options.partition != p) continue;
      ranges.push_back({{&topic, log::partition(p), {}}, {}, {}});
      partitions.push_back(ranges.back().topic_partition());
    }
  }
  MILLRACE_ASSIGN(const std::vector<log::Offset> firsts, log.start_offsets(partitions));
  MILLRACE_ASSIGN(const std::vector<log::Offset> ends, log.end_offsets(partitions));
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    ranges[i].first = firsts[i];
    ranges[i].end = ends[i];
  }
  return ranges;
}

// Where each range begins.
Result<std::vector<log::Offset>> first_offsets(log::Log& log, const std::vector<Range>& ranges,
                                               const TailStart& from, Clock& clock) {
  std::vector<std::optional<log::Offset>> found(ranges.size());
  if (from.kind == TailStart::Kind::time || from.kind == TailStart::Kind::ago) {
    std::vector<log::TopicPartition> partitions;
    for (const Range& range : ranges)
      partitions.push_back(range.topic_partition());
    const bool ago = from.kind == TailStart::Kind::ago;
    const std::int64_t time_ms = ago ? clock.wall_ms() - from.value : from.value;
    MILLRACE_ASSIGN(found, log.find_times(partitions, time_ms));
  }
  std::vector<log::Offset> firsts;
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    const Range& range = ranges[i];
    log::Offset first = range.first;
    if (from.kind == TailStart::Kind::offset)
      first = std::clamp(log::offset(from.value), range.first, range.end);
    else if (from.kind != TailStart::Kind::beginning)
      first = found[i].value_or(range.end);
    firsts.push_back(first);
  }
  return firsts;
}

// Where to begin so that the last records come, and how many too many come first.
struct LastRecords {
  Starts starts;
  std::size_t skip = 0;
};

Result<LastRecords> find_last(log::Log& log, const std::vector<Range>& ranges,
                              const TailOptions& options, std::size_t count) {
  auto window = static_cast<std::int64_t>(std::max<std::size_t>(count, 1));
  while (true) {
    Starts starts;
    for (const Range& range : ranges) {
      starts.push_back(range.start);
      starts.back().from = std::max(range.first, log::offset(range.end.value - window));
      starts.back().end = range.end;
    }
    std::size_t found = 0;
    std::map<log::TopicPartition, std::size_t> found_at;
    MILLRACE_TRY(MergedReader(log, starts).read([&](const FoundRecord& one) {
      if (!wanted(options, one.record)) return true;
      ++found;
      ++found_at[{one.topic.id, one.partition}];
      return true;
    }));
    const auto is_whole = [&](const Range& range) {
      return range.end.value - range.first.value <= window;
    };
    // Offsets need not be dense: all of the last ones may be in a partition that showed few.
    const auto showed_enough = [&](const Range& range) {
      return options.key || is_whole(range) || found_at[range.topic_partition()] >= count;
    };
    if (std::all_of(ranges.begin(), ranges.end(), is_whole) ||
        (found >= count && std::all_of(ranges.begin(), ranges.end(), showed_enough)))
      return LastRecords{std::move(starts), found - std::min(found, count)};
    window *= widening;
  }
}

// Prints the wanted records from a reader until there are no more, there is a limit, or nobody
// reads them.
class Printer {
 public:
  Printer(const TailOptions& options, Session& session, std::size_t skip,
          std::optional<std::size_t> limit)
      : options_(options), session_(session), skip_(skip), left_(limit) {}

  [[nodiscard]] bool done() const {
    return (left_ && *left_ == 0) || !session_.out.open() || session_.stop.load();
  }
  void unlimited() { left_.reset(); }

  bool operator()(const FoundRecord& found) {
    if (!wanted(options_, found.record)) return !session_.stop.load();
    if (skip_ > 0) {
      --skip_;
      return true;
    }
    text_.clear();
    if (options_.json) {
      append_record_json(text_, found, options_.headers);
      session_.out.json(text_);
    } else {
      const std::optional<std::size_t> room = session_.out.columns();
      columns_.room = room.value_or(0);
      append_record_line(text_, found, options_.headers, room ? &columns_ : nullptr);
      session_.out.write(text_);
    }
    if (left_) --*left_;
    return !done();
  }

 private:
  const TailOptions& options_;
  Session& session_;
  std::size_t skip_;
  std::optional<std::size_t> left_;
  std::string text_;
  RecordColumns columns_;
};

// `2h`, `-2h` or `2h ago`, in ms.
std::optional<std::int64_t> parse_duration_back(std::string_view text) {
  constexpr std::string_view ago = " ago";
  if (text.ends_with(ago)) text.remove_suffix(ago.size());
  if (text.starts_with('-')) text.remove_prefix(1);
  constexpr std::pair<std::string_view, std::int64_t> units[] = {
      {"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};
  for (const auto& [unit, unit_ms] : units) {
    if (!text.ends_with(unit)) continue;
    const auto count = parse_integer(std::string(text.substr(0, text.size() - unit.size())));
    // What the number of another unit ends with is none.
    if (!count) continue;
    std::int64_t back_ms = 0;
    const bool fits = *count >= 0 && !__builtin_mul_overflow(*count, unit_ms, &back_ms);
    return fits ? std::optional(back_ms) : std::nullopt;
  }
  return std::nullopt;
}

Status follow(log::Log& log, MergedReader& reader, Printer& printer, Session& session) {
  while (!printer.done()) {
    int left = records_at_once;
    MILLRACE_TRY(
        reader.read([&](const FoundRecord& found) { return printer(found) && --left > 0; }));
    session.out.flush();
    session.out.look();
    if (printer.done()) break;
    MILLRACE_TRY(log.maintain());
    static_cast<void>(reader.wait(session.clock.monotonic_ns() + wait_ns));
  }
  return {};
}

}  // namespace

std::optional<TailStart> parse_tail_start(const std::string& text) {
  using Kind = TailStart::Kind;
  if (text == "beginning") return TailStart{Kind::beginning, 0};
  if (text == "end") return TailStart{Kind::end, 0};
  if (const auto offset = parse_integer(text)) {
    if (*offset < 0) return std::nullopt;
    return TailStart{Kind::offset, *offset};
  }
  if (text.starts_with('@')) {
    const auto time_ms = parse_integer(std::string_view(text).substr(1));
    return time_ms ? std::optional(TailStart{Kind::time, *time_ms}) : std::nullopt;
  }
  if (const auto time = parse_time(text)) return TailStart{Kind::time, *time};
  if (const auto midnight = parse_time(text + "T00:00:00Z"))
    return TailStart{Kind::time, *midnight};
  if (const auto back_ms = parse_duration_back(text)) return TailStart{Kind::ago, *back_ms};
  return std::nullopt;
}

Status tail(log::Log& log, const TailOptions& options, Session& session) {
  MILLRACE_ASSIGN(const std::vector<log::Topic> topics, find_topics(log, options));
  MILLRACE_ASSIGN(const std::vector<Range> ranges, ranges_of(log, topics, options));
  LastRecords begin;
  std::optional<std::size_t> limit = options.limit;
  if (options.from) {
    MILLRACE_ASSIGN(const auto firsts, first_offsets(log, ranges, *options.from, session.clock));
    for (std::size_t i = 0; i < ranges.size(); ++i) {
      begin.starts.push_back(ranges[i].start);
      begin.starts.back().from = firsts[i];
    }
  } else {
    limit = limit.value_or(last_records);
    MILLRACE_ASSIGN(begin, find_last(log, ranges, options, *limit));
  }
  for (std::size_t i = 0; i < ranges.size(); ++i)
    begin.starts[i].end = options.follow ? std::nullopt : std::optional(ranges[i].end);
  MergedReader reader(log, begin.starts);
  Printer printer(options, session, begin.skip, limit);
  if (begin.starts.size() > 1 && !options.json && !log::has_commit_order(log)) {
    session.notes.line("(partitions are merged by time: this log keeps no order over them)");
    session.notes.flush();
  }
  if (!printer.done()) MILLRACE_TRY(reader.read(std::ref(printer)));
  session.out.flush();
  if (!options.follow) return {};
  if (!options.from) printer.unlimited();
  return follow(log, reader, printer, session);
}

CLI::App* add_tail(CLI::App& app, Action& action) {
  auto* command =
      app.add_subcommand("tail", "Print records in the order of commits, on Kafka by time");
  auto options = std::make_shared<TailOptions>();
  auto from = std::make_shared<std::string>();
  auto* topics =
      command->add_option("TOPIC", options->topics, "One or more topics")->check(check_topic);
  command->add_flag("-a,--all", options->all, "All topics that there are now, private ones too")
      ->excludes(topics);
  add_number(*command, "-p,--partition", "This partition only", {0, int32_max},
             [options](std::int64_t n) { options->partition = static_cast<std::int32_t>(n); });
  // Not bound to the optional: CLI11 would take a key of no characters for no key.
  command->add_option_function<std::string>(
      "-k,--key", [options](const std::string& key) { options->key = key; },
      "Records with this key only");
  command
      ->add_option(
          "--from", *from,
          "Where to begin: beginning, end, an offset, a time such as 2010-12-01T08:26:00Z, "
          "a day such as 2010-12-01 (from midnight in UTC), @ and ms since 1970, or how long ago, "
          "such as 2h or 30m (default: the last records)")
      ->type_name("START")
      ->check([](const std::string& text) {
        return parse_tail_start(text) ? std::string()
                                      : "'" + escaped(text) +
                                            "' is not beginning, end, an offset from 0, a time "
                                            "(2010-12-01T08:26:00Z), a day (2010-12-01), ms since "
                                            "1970 (@0), or how long ago in ms, s, m, h or d (2h)";
      });
  add_number(*command, "-n,--limit", "At most so many records (default: 10 without --from)",
             {0, int32_max},
             [options](std::int64_t n) { options->limit = static_cast<std::size_t>(n); });
  command->add_flag("-f,--follow", options->follow, "Wait for more records, until Ctrl-C");
  command->add_flag("--json", options->json, "A JSON object a line");
  command->add_flag("--headers", options->headers, "Show the headers too");
  command->footer(
      "\nA time is the one that records carry: where times go back, later records may be earlier.\n"
      "\nExamples:\n"
      "  millrace tail orders --key 536365 --from beginning --json\n"
      "  millrace tail orders stock --from 2h --follow\n"
      "  millrace tail --all --from 2010-12-01T08:26:00Z -n 100\n");
  // CLI11 knows no "one of these is required" that also takes a positional.
  command->parse_complete_callback([options] {
    if (!options->all && options->topics.empty()) throw CLI::RequiredError("TOPIC or --all");
  });
  command->callback([options, from, &action] {
    if (!from->empty()) options->from = parse_tail_start(*from);
    action = [options](Session& session) -> Status {
      MILLRACE_ASSIGN(log::Log * log, session.log(options->follow));
      return tail(*log, *options, session);
    };
  });
  return command;
}

}  // namespace millrace::cli
