// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "wire/fetcher.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "millrace/log/errors.hpp"
#include "reader.hpp"
#include "units.hpp"

namespace millrace::log::kafka::wire {
namespace {

constexpr std::int64_t longest_sleep_ns = 10'000 * ms;
constexpr std::int64_t pause_ns = 70 * ms;
// How long a question for leaders may keep the fetch queues of other brokers waiting, and how long
// they then have until the next one.
constexpr int cluster_timeout_ms = 500;
constexpr std::int64_t cluster_pause_ns = 100 * ms;
constexpr std::int64_t long_question_ns = 50 * ms;
// Of a fetch on `behind`: what something at its end adds to the wait of what has more.
constexpr std::int32_t short_wait_ms = 20;
// A broker that returns nothing at once would be asked in circles.
constexpr std::int64_t empty_pause_ns = 20 * ms;
constexpr std::int64_t longest_throttle_ns = 10'000 * ms;
// A broker may not have heard yet of a topic that was just made.
constexpr std::int64_t unknown_ns = 5'000 * ms;

}  // namespace

Fetcher::Fetcher(FetchSettings settings, Cluster& cluster, LastError& last_error, Signal& signal)
    : settings_(std::move(settings)),
      cluster_(cluster),
      last_error_(last_error),
      signal_(signal),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  thread_ = std::thread([this] { run(); });
}

Fetcher::~Fetcher() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
  }
  wake();
  thread_.join();
  if (wake_ >= 0) ::close(wake_);
}

void Fetcher::wake() const {
  const std::uint64_t one = 1;
  static_cast<void>(!::write(wake_, &one, sizeof one));
}

std::shared_ptr<FetchQueue> Fetcher::add(KafkaPartition at, Offset from) {
  auto queue = std::make_shared<FetchQueue>(std::move(at), from);
  {
    const MutexLock lock(mutex_);
    added_.push_back(queue);
  }
  wake();
  return queue;
}

void Fetcher::release(FetchQueue& queue, std::size_t bytes) {
  if (queue.release(bytes)) wake();
}

void Fetcher::run() {
  while (take_added()) {
    // A process without a descriptor left for waking has none for connections either.
    next_ns_ = now() + (wake_ < 0 ? pause_ns : longest_sleep_ns);
    find_leaders();
    const std::int64_t now_ns = now();
    sort_by_broker(now_ns);
    for (auto& [address, broker] : brokers_)
      ask(broker, now_ns);
    wait();
    for (auto& [address, broker] : brokers_) {
      take_answers(broker.behind);
      take_answers(broker.watch);
    }
  }
}

bool Fetcher::take_added() {
  std::erase_if(states_, [](const auto& state) {
    return !state->asked && (state->ended || state->queue->is_dropped());
  });
  const MutexLock lock(mutex_);
  for (std::shared_ptr<FetchQueue>& queue : added_)
    states_.push_back(std::make_unique<FetchState>(std::move(queue)));
  added_.clear();
  return !stopping_;
}

// When the cluster takes its time, the next turn continues with those that were not asked for.
void Fetcher::find_leaders() {
  const std::int64_t began_ns = now();
  for (std::size_t i = 0; i < states_.size(); ++i) {
    FetchState& state = *states_[(first_asked_ + i) % states_.size()];
    if (state.leader || state.ended) continue;
    const std::int64_t due_ns = std::max(state.not_before_ns, cluster_due_ns_);
    if (now() < due_ns) {
      look_again(due_ns);
      continue;
    }
    if (!find_leader(state)) look_again(state.not_before_ns);
    if (now() - began_ns < long_question_ns || now() < cluster_due_ns_) continue;
    cluster_due_ns_ = now() + cluster_pause_ns;
    first_asked_ = (first_asked_ + i + 1) % states_.size();
  }
}

bool Fetcher::find_leader(FetchState& state) {
  Result<net::Address> leader = cluster_.leader(state.queue->at, cluster_timeout_ms);
  const std::int64_t now_ns = now();
  if (leader) {
    brokers_.try_emplace(*leader, *leader, settings_);
    state.leader = *std::move(leader);
    return true;
  }
  state.not_before_ns = now_ns + pause_ns;
  const Error& error = leader.error();
  bool news = false;
  if (error.is(errc::not_authorized)) {
    news = end(state, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
  } else if (error.is(errc::unknown_topic)) {
    news = take_unknown(state, now_ns);
  } else {
    last_error_.set(RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, error.message().c_str());
  }
  if (news) signal_.raise();
  return false;
}

void Fetcher::sort_by_broker(std::int64_t now_ns) {
  for (auto& [address, broker] : brokers_) {
    broker.with_more.clear();
    broker.at_end.clear();
  }
  for (const auto& state : states_) {
    if (!state->leader || state->asked || state->ended || state->queue->is_dropped()) continue;
    if (now_ns < state->not_before_ns) {
      look_again(state->not_before_ns);
      continue;
    }
    if (!state->queue->has_room(static_cast<std::size_t>(settings_.partition_bytes))) continue;
    Broker& broker = brokers_.at(*state->leader);
    (state->at_end ? broker.at_end : broker.with_more).push_back(state.get());
  }
  // What got nothing for the longest time is served first.
  for (auto& [address, broker] : brokers_)
    std::sort(broker.with_more.begin(), broker.with_more.end(),
              [](const FetchState* a, const FetchState* b) { return a->turn < b->turn; });
}

void Fetcher::ask(Broker& broker, std::int64_t now_ns) {
  // One that is just asked behind would come too late for the watch, every time.
  const bool complete = !broker.behind.asks_at_end();
  if (!broker.at_end.empty() && complete && broker.watch.is_ready(now_ns))
    broker.watch.ask(std::move(broker.at_end), settings_.wait_ms, now_ns);
  if (broker.behind.is_ready(now_ns)) {
    std::vector<FetchState*>& asked = broker.with_more;
    if (broker.watch.is_waiting())
      asked.insert(asked.end(), broker.at_end.begin(), broker.at_end.end());
    if (!asked.empty())
      broker.behind.ask(std::move(asked), std::min(short_wait_ms, settings_.wait_ms), now_ns);
  }
  for (const FetchLink* const link : {&broker.behind, &broker.watch}) {
    if (link->is_waiting() || link->due_ns() > now_ns) look_again(link->due_ns());
  }
}

void Fetcher::wait() {
  std::vector<Connection*> connections;
  for (auto& [address, broker] : brokers_) {
    for (const FetchLink* const link : {&broker.behind, &broker.watch}) {
      if (link->connection() != nullptr) connections.push_back(link->connection());
    }
  }
  advance_all(connections, wake_, next_ns_, *settings_.clock);
  std::uint64_t count = 0;
  static_cast<void>(!::read(wake_, &count, sizeof count));
}

void Fetcher::take_answers(FetchLink& link) {
  std::int64_t now_ns = now();
  if (link.is_overdue(now_ns)) {
    leave_old_leaders(link, now_ns);
    now_ns = now();
  }
  while (std::optional<FetchLink::Outcome> outcome = link.take(now_ns))
    take(link, *std::move(outcome), now_ns);
}

// A broker that stands still does not say that it leads no more.
void Fetcher::leave_old_leaders(FetchLink& link, std::int64_t now_ns) {
  if (now_ns < cluster_due_ns_) return;
  std::set<std::string_view> asked;
  for (const FetchState* const state : link.asked()) {
    const KafkaPartition& at = state->queue->at;
    if (asked.insert(at.topic).second) cluster_.forget(at.topic);
    const auto leader = cluster_.leader(at, cluster_timeout_ms);
    if (leader && *leader == link.address()) continue;
    if (leader)
      return link.break_off({errc::unavailable, "the broker at " + link.address().text() +
                                                    " is silent, and no longer the leader of " +
                                                    at.topic + "/" + std::to_string(at.partition)});
    if (now() - now_ns > long_question_ns) {
      cluster_due_ns_ = now() + cluster_pause_ns;
      return;
    }
  }
}

void Fetcher::take(FetchLink& link, FetchLink::Outcome outcome, std::int64_t now_ns) {
  Result<FetchAnswer> decoded = outcome.answer ? decode_fetch(outcome.answer->body, outcome.version)
                                               : fail(outcome.answer.error());
  if (!decoded || decoded->error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    const rd_kafka_resp_err_t code = decoded ? decoded->error : RD_KAFKA_RESP_ERR__TRANSPORT;
    const std::string why = decoded ? "the broker at " + link.address().text() +
                                          " refused a fetch: " + rd_kafka_err2str(code)
                                    : decoded.error().message();
    last_error_.set(code, why.c_str());
    for (FetchState* const state : outcome.asked)
      try_later(*state, now_ns);
    return;
  }
  bool news = false;
  std::size_t bytes = 0;
  for (const FetchedPartition& one : decoded->partitions)
    bytes += one.records.size();
  std::size_t at = 0;
  for (const FetchedPartition& one : decoded->partitions) {
    // Brokers answer in the order in which they were asked; any other is found, too.
    const auto is_it = [&](const FetchState* state) {
      if (state == nullptr || state->queue->at.partition != one.partition) return false;
      const KafkaPartition& queued = state->queue->at;
      return one.id.is_none() ? queued.topic == one.topic : queued.id == one.id;
    };
    const auto begin = outcome.asked.begin();
    auto found = std::find_if(begin + static_cast<std::ptrdiff_t>(at), outcome.asked.end(), is_it);
    if (found == outcome.asked.end()) found = std::find_if(begin, outcome.asked.end(), is_it);
    if (found == outcome.asked.end()) continue;
    at = static_cast<std::size_t>(found - begin) + 1;
    news |= take_partition(**found, one, *outcome.answer, bytes == one.records.size(), now_ns);
    *found = nullptr;  // answered once
  }
  if (news) signal_.raise();
  if (decoded->throttle_ms > 0)
    link.pause(now_ns + std::min(longest_throttle_ns, decoded->throttle_ms * ms));
  else if (!news && bytes == 0 && outcome.was_quick)
    link.pause(now_ns + empty_pause_ns);
}

/// True when that is news.
bool Fetcher::take_partition(FetchState& state, const FetchedPartition& fetched,
                             const Answer& answer, bool is_alone, std::int64_t now_ns) {
  if (state.queue->is_dropped()) return false;
  if (fetched.error != RD_KAFKA_RESP_ERR_NO_ERROR) return take_error(state, fetched.error, now_ns);
  state.out_of_range = false;
  state.unknown_since_ns = 0;
  if (fetched.records.empty()) {
    // Others may have taken up what there was room for.
    state.at_end = is_alone || state.position >= fetched.last_stable;
    return state.queue->put(std::nullopt, fetched.last_stable);
  }
  const std::optional<Offset> end = end_of_batches(fetched.records);
  // The cursor that reads it reports what is wrong with it.
  if (!end) state.ended = true;
  // Only batches from before it: the broker has yet to find what it was asked for.
  if (end && *end <= state.position) state.not_before_ns = now_ns + pause_ns;
  state.position = std::max(state.position, end.value_or(state.position));
  state.at_end = state.position >= fetched.last_stable;
  state.turn = ++turns_;
  // A part of a large answer would keep all of it.
  constexpr std::size_t large_bytes = 256U << 10U;
  constexpr std::size_t small_part = 8;
  std::shared_ptr<const std::string> owner = answer.frame;
  std::string_view records = fetched.records;
  if (owner->size() > large_bytes && records.size() < owner->size() / small_part) {
    owner = std::make_shared<const std::string>(records);
    records = *owner;
  }
  const bool news =
      state.queue->put(RecordSet(std::move(owner), records, fetched.aborted), fetched.last_stable);
  if (state.ended) state.queue->end(RD_KAFKA_RESP_ERR__BAD_MSG);
  return news;
}

/// True when that is news.
bool Fetcher::take_error(FetchState& state, rd_kafka_resp_err_t error, std::int64_t now_ns) {
  const std::string where = "fetching " + state.queue->at.topic + "/" +
                            std::to_string(state.queue->at.partition) + ": " +
                            rd_kafka_err2str(error);
  last_error_.set(error, where.c_str());
  try_later(state, now_ns);
  if (error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || is_unknown_id(error))
    return take_unknown(state, now_ns);
  if (error == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE && !state.out_of_range) {
    state.out_of_range = true;
    return false;
  }
  if (is_passing(error) || error == RD_KAFKA_RESP_ERR_UNKNOWN) return false;
  return end(state, error);
}

bool Fetcher::take_unknown(FetchState& state, std::int64_t now_ns) {
  if (state.unknown_since_ns == 0) state.unknown_since_ns = now_ns;
  if (now_ns - state.unknown_since_ns < unknown_ns) return false;
  return end(state, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
}

void Fetcher::try_later(FetchState& state, std::int64_t now_ns) {
  cluster_.forget(state.queue->at.topic);
  state.leader.reset();
  state.at_end = false;
  state.not_before_ns = now_ns + pause_ns;
}

bool Fetcher::end(FetchState& state, rd_kafka_resp_err_t error) {
  state.ended = true;
  state.queue->end(error);
  return true;
}

}  // namespace millrace::log::kafka::wire
