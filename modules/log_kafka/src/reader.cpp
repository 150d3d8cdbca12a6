// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "reader.hpp"

#include <algorithm>
#include <set>

#include "admin.hpp"
#include "millrace/log/backend/rules.hpp"
#include "millrace/log/errors.hpp"
#include "wire/fetch_cursor.hpp"

namespace millrace::log::kafka {
namespace {

constexpr std::size_t max_clients = 4;
constexpr std::int64_t idle_ns = 30'000'000'000;
// One try of a question: its leader may be gone, and another one be known by then.
constexpr int try_ms = 2'000;
constexpr std::int64_t pause_ns = 2'000'000;
// A topic that is there may be unknown to a broker for so long.
constexpr std::int64_t unknown_ns = 5'000'000'000;
constexpr std::int64_t unknown_pause_ns = 50'000'000;

// Of a try that is to be over by then, but not before an answer can come.
int left_ms(Clock& clock, std::int64_t deadline_ns) {
  return static_cast<int>(
      std::clamp<std::int64_t>((deadline_ns - clock.monotonic_ns()) / 1'000'000, 100, 3'600'000));
}

}  // namespace

void Signal::wait(std::uint64_t seen, std::int64_t timeout_ns) const {
  // Bounded, because the sum of an endless deadline and now does not fit into a time point.
  constexpr std::int64_t longest_ns = 3'600'000'000'000;
  MutexLock lock(mutex_);
  if (count_ == seen) {
    changed_.wait_for(lock, std::chrono::nanoseconds(std::min(timeout_ns, longest_ns)));
  }
}

Reader::Reader(const ClientConfig& config, Clock& clock)
    : config_(config), clock_(clock), events_(config), ids_(config) {}
Reader::~Reader() = default;

Status Reader::open() {
  const Settings fixed{{"isolation.level", "read_committed"},
                       {"enable.partition.eof", "true"},
                       {"enable.auto.commit", "false"},
                       {"auto.offset.reset", "error"}};
  MILLRACE_ASSIGN(asker_, config_.make(RD_KAFKA_CONSUMER, {}, fixed, events_));
  config_.cluster()->served_by(asker_.get());
  return {};
}

Reader::Client* Reader::fetch_client(std::size_t index) {
  while (clients_.size() <= index) {
    clients_.push_back(std::make_unique<wire::FetchClient>(
        wire::FetchSettings::of(config_), *config_.cluster(), events_.last_error, signal_));
  }
  return clients_[index].get();
}

// The cursor of that partition that continues there, else one that nobody holds and that begins
// there, else one of a further client.
Result<Reader::Choice> Reader::choose_cursor(TopicPartition partition, const KafkaPartition& at,
                                             Offset from) {
  const std::int64_t now_ns = clock_.monotonic_ns();
  std::size_t free_client = max_clients;
  std::shared_ptr<Cursor> oldest;
  for (std::size_t i = 0; i < clients_.size(); ++i) {
    const std::shared_ptr<Cursor> cursor = clients_[i]->find(partition);
    if (cursor == nullptr) {
      free_client = std::min(free_client, i);
      continue;
    }
    if (cursor->is_held) {
      continue;
    }
    if (cursor->next == from && !cursor->error) {
      cursor->used_ns = now_ns;
      return Choice{cursor, true};
    }
    if (oldest == nullptr || cursor->used_ns < oldest->used_ns) {
      oldest = cursor;
    }
  }
  // Readers take turns; one that was there a moment ago will be back.
  constexpr std::int64_t moment_ns = 1'000'000'000;
  const bool may_add = free_client < max_clients || clients_.size() < max_clients;
  if (oldest != nullptr && (!may_add || oldest->error || now_ns - oldest->used_ns > moment_ns)) {
    oldest->used_ns = now_ns;
    return Choice{oldest, false};
  }
  if (!may_add) {
    return fail(errc::limit, "more than " + std::to_string(max_clients) +
                                 " threads read one partition through one handle; open a handle "
                                 "for each four");
  }
  Client* const chosen = fetch_client(std::min(free_client, clients_.size()));
  const std::shared_ptr<Cursor> made = chosen->add(partition, at);
  made->used_ns = now_ns;
  return Choice{made, false};
}

Result<Reader::HeldCursor> Reader::hold_cursor(TopicPartition partition, const KafkaPartition& at,
                                               Offset from) {
  Choice choice;
  {
    const MutexLock lock(mutex_);
    MILLRACE_ASSIGN(choice, choose_cursor(partition, at, from));
    choice.cursor->is_held = true;
  }
  HeldCursor held(*this, std::move(choice.cursor));
  if (!choice.continues) {
    MILLRACE_TRY(held->begin(from));
  }
  return held;
}

void Reader::let_go(Cursor& cursor) {
  const MutexLock lock(mutex_);
  cursor.is_held = false;
}

Status Reader::fetch(TopicPartition partition, const KafkaPartition& at, Offset from,
                     std::size_t max_bytes, FetchBuffer& buffer) {
  buffer.bytes.clear();
  buffer.records.clear();
  buffer.batches.clear();
  buffer.next = from;
  buffer.end = from;
  MILLRACE_ASSIGN(const HeldCursor cursor, hold_cursor(partition, at, from));
  if (!cursor->end_asked) MILLRACE_TRY(learn_end(*cursor, from));
  MILLRACE_TRY(wait_for_records(*cursor, max_bytes));
  if (cursor->error) {
    const rd_kafka_resp_err_t code = *cursor->error;
    if (code == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
        code == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE) {
      MILLRACE_ASSIGN(const std::vector<Offset> first, ask({at}, End::first));
      MILLRACE_ASSIGN(const std::vector<Offset> last, ask({at}, End::last_stable));
      return fail(out_of_range_error(at.topic, partition.partition, from, first[0], last[0]));
    }
    return fail(
        error_of(code, "reading " + at.topic + "/" + std::to_string(at.partition), last_error()));
  }
  return cursor->answer(max_bytes, buffer);
}

Status Reader::learn_end(Cursor& cursor, Offset from) {
  MILLRACE_ASSIGN(const std::vector<Offset> last, ask({cursor.at}, End::last_stable));
  cursor.known_end = std::max(cursor.known_end.load(), last[0].value);
  if (from > last[0] || from.value < 0) {
    MILLRACE_ASSIGN(const std::vector<Offset> first, ask({cursor.at}, End::first));
    return fail(out_of_range_error(cursor.at.topic, partition(cursor.at.partition), from, first[0],
                                   last[0]));
  }
  cursor.end_asked = true;
  return {};
}

Status Reader::wait_for_records(Cursor& cursor, std::size_t max_bytes) {
  const std::int64_t deadline_ns =
      clock_.monotonic_ns() + std::int64_t{1'000'000} * config_.timeout_ms();
  for (;;) {
    const std::uint64_t seen = signal_.count();
    cursor.pull(max_bytes);
    if (cursor.has_records() || cursor.error || cursor.reached().value >= cursor.known_end.load())
      return {};
    const std::int64_t left_ns = deadline_ns - clock_.monotonic_ns();
    if (left_ns <= 0)
      return fail(errc::unavailable, "reading " + cursor.at.topic + "/" +
                                         std::to_string(cursor.at.partition) + " from offset " +
                                         std::to_string(cursor.next.load().value) +
                                         ": no answer in " + std::to_string(config_.timeout_ms()) +
                                         " ms" + last_error());
    signal_.wait(seen, left_ns);
  }
}

Result<std::vector<Offset>> Reader::ask(const std::vector<KafkaPartition>& partitions, End end) {
  return ask(partitions, end, request_deadline_ns());
}

Result<std::vector<Offset>> Reader::ask(const std::vector<KafkaPartition>& partitions, End end,
                                        std::int64_t deadline_ns) {
  return ask_at(partitions, static_cast<std::int64_t>(end), deadline_ns);
}

Result<std::vector<std::optional<Offset>>> Reader::ask_time(
    const std::vector<KafkaPartition>& partitions, std::int64_t time_ms) {
  MILLRACE_ASSIGN(const std::vector<Offset> offsets,
                  ask_at(partitions, time_ms, request_deadline_ns()));
  std::vector<std::optional<Offset>> found;
  for (const Offset& one : offsets)
    found.push_back(one.value < 0 ? std::nullopt : std::optional(one));
  return found;
}

std::int64_t Reader::request_deadline_ns() const {
  return clock_.monotonic_ns() + std::int64_t{1'000'000} * config_.timeout_ms();
}

// In a request for offsets, negative times stand for the ends of a partition.
Result<std::vector<Offset>> Reader::ask_at(const std::vector<KafkaPartition>& partitions,
                                           std::int64_t time_ms, std::int64_t deadline_ns) {
  if (partitions.empty()) return std::vector<Offset>{};
  std::optional<std::string> unknown = find_leaders(partitions, false, deadline_ns);
  std::int64_t unknown_since_ns = -1;  // not unknown
  for (;;) {
    Result<std::vector<Offset>> offsets =
        unknown ? fail(error_of(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, "looking for " + *unknown))
                : ask_once(partitions, time_ms, deadline_ns);
    // It may be that this broker has not heard of it yet, or is not its leader.
    const bool passing = !offsets && (offsets.error().is(errc::unknown_topic) ||
                                      offsets.error().is(errc::unavailable));
    const std::int64_t now_ns = clock_.monotonic_ns();
    if (!passing || now_ns >= deadline_ns) return offsets;
    if (!unknown) {
      unknown_since_ns = -1;
      signal_.wait(signal_.count(), pause_ns);
    } else {
      if (unknown_since_ns < 0) unknown_since_ns = now_ns;
      if (now_ns - unknown_since_ns >= unknown_ns) return offsets;
      const Signal never;
      never.wait(0, unknown_pause_ns);
    }
    unknown = find_leaders(partitions, true, deadline_ns);
  }
}

// The client reads none of them: it does not find out by itself who leads them now, and takes half
// a second where it never heard of a topic. Returns a topic that the broker does not know.
std::optional<std::string> Reader::find_leaders(const std::vector<KafkaPartition>& partitions,
                                                bool again, std::int64_t deadline_ns) {
  std::set<std::string> topics;
  for (const KafkaPartition& partition : partitions)
    topics.insert(partition.topic);
  for (const std::string& topic : topics) {
    {
      const MutexLock lock(mutex_);
      if (!again && known_topics_.contains(topic)) continue;
    }
    const auto found = find_partitions(asker_.get(), topic, left_ms(clock_, deadline_ns));
    if (!found) return std::nullopt;
    const MutexLock lock(mutex_);
    if (!*found) {
      known_topics_.erase(topic);
      return topic;
    }
    known_topics_.insert(topic);
  }
  return std::nullopt;
}

Result<std::vector<Offset>> Reader::ask_once(const std::vector<KafkaPartition>& partitions,
                                             std::int64_t time_ms, std::int64_t deadline_ns) {
  PartitionList list(rd_kafka_topic_partition_list_new(static_cast<int>(partitions.size())));
  for (const KafkaPartition& partition : partitions) {
    // Brokers refuse a request that names one twice.
    if (rd_kafka_topic_partition_list_find(list.get(), partition.topic.c_str(),
                                           partition.partition) != nullptr)
      continue;
    rd_kafka_topic_partition_list_add(list.get(), partition.topic.c_str(), partition.partition)
        ->offset = time_ms;
  }
  const auto doing = [&] {
    return (time_ms < 0 ? "asking for the end of " : "asking for the offset of a time in ") +
           partitions.front().topic + "/" + std::to_string(partitions.front().partition);
  };
  const rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(
      asker_.get(), list.get(), std::min(left_ms(clock_, deadline_ns), try_ms));
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return fail(error_of(code, doing(), last_error()));
  std::vector<Offset> offsets;
  for (const KafkaPartition& partition : partitions) {
    const rd_kafka_topic_partition_t* const found = rd_kafka_topic_partition_list_find(
        list.get(), partition.topic.c_str(), partition.partition);
    if (found->err != RD_KAFKA_RESP_ERR_NO_ERROR)
      return fail(error_of(found->err, doing(), last_error()));
    offsets.push_back(offset(found->offset));
  }
  return offsets;
}

void Reader::heard_of(TopicPartition partition, Offset end) {
  const MutexLock lock(mutex_);
  for (const auto& client : clients_) {
    if (const auto cursor = client->find(partition); cursor != nullptr) cursor->heard_of(end);
  }
}

bool Reader::has_news(const Interest& interest, const KafkaPartition& at) {
  {
    const MutexLock lock(mutex_);
    for (const auto& client : clients_) {
      const auto cursor = client->find(interest.partition);
      if (cursor == nullptr || cursor->next != interest.next) {
        continue;
      }
      // Somebody reads there just now: they raise the signal when they are done.
      if (cursor->is_held) {
        return false;
      }
      cursor->used_ns = clock_.monotonic_ns();
      cursor->pull(1);
      return cursor->has_records() || cursor->error || interest.next.value < cursor->known_end;
    }
  }
  const auto cursor = hold_cursor(interest.partition, at, interest.next);
  if (!cursor) {
    return false;
  }
  (*cursor)->pull(1);
  return (*cursor)->has_records() || (*cursor)->error.has_value();
}

// What librdkafka says waits in its queue until somebody polls.
std::string Reader::last_error() {
  rd_kafka_poll(asker_.get(), 0);
  return events_.last_error.text();
}

void Reader::drop_idle() {
  static_cast<void>(last_error());
  ids_.drop_idle();
  const MutexLock lock(mutex_);
  const std::int64_t before_ns = clock_.monotonic_ns() - idle_ns;
  for (const auto& client : clients_)
    client->drop_unused_since(before_ns);
}

}  // namespace millrace::log::kafka
