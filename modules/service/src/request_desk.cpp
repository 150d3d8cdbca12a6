// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/service/request_desk.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "millrace/base/mutex.hpp"
#include "millrace/codec/cloud_events.hpp"
#include "millrace/codec/codec.hpp"
#include "millrace/codec/describe.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/log/record_reader.hpp"
#include "millrace/stream/request_ids.hpp"
#include "millrace/stream/writer.hpp"

namespace millrace::service {

namespace {

using stream::RequestAsked;
using stream::RequestEntry;
using stream::RequestState;
using Ticket = RequestDesk::Ticket;

// What one step reads at most, so that waits end in time.
constexpr int step_records = 1'000;
constexpr std::int64_t idle_wait_ns = 1'000'000'000;
// Until the topic is there.
constexpr std::int64_t first_wait_ns = 50'000'000;
constexpr std::size_t buffer_bytes = 4U << 20U;

struct Waiting {
  std::string id;
  std::uint64_t body = 0;
  std::int64_t deadline_ns = 0;
  std::optional<log::LogPosition> kept;  // where the request is in the log
  bool overdue = false;                  // it waits for `kept` alone
  bool is_known = false;                 // its owner has it
  RequestDesk::Done done;
};

/// A reply that is on its way out of the lock.
struct Settled {
  RequestDesk::Done done;
  Result<RequestReply> reply;
};
using AllSettled = std::vector<Settled>;

void send(AllSettled settled) {
  for (Settled& one : settled)
    one.done(std::move(one.reply));
}

RequestReply pending_reply(const Waiting& waiting, const log::LogPosition& position) {
  return {.is_known = waiting.is_known, .position = position};
}

RequestReply reply_of(const Waiting& waiting, const RequestEntry& entry,
                      const log::LogPosition& position) {
  if (waiting.body != entry.body) return {.id_reused = true, .position = position};
  return {.state = entry.state,
          .is_known = true,
          .type = entry.type,
          .outcome = entry.outcome,
          .letter = entry.letter,
          .position = position};
}

}  // namespace

struct RequestDesk::State : std::enable_shared_from_this<RequestDesk::State> {
  State(log::Log& the_log, stream::RecordWriter& the_writer, RequestDeskOptions the_options)
      : log(the_log),
        writer(the_writer),
        options(std::move(the_options)),
        asks_topic(options.service + "." + options.name),
        changelog_topic(options.changelog.empty() ? asks_topic + ".changelog" : options.changelog),
        reader(std::make_shared<log::RecordReader>(log, std::vector<log::RecordReader::Range>())) {
    if (!options.pending) options.pending = std::make_shared<std::atomic<std::size_t>>(0);
  }
  ~State() { *options.pending -= waiting.size(); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  Status subscribe(bool from_end);
  Result<const stream::Writer<std::string, RequestAsked>*> asks();
  Result<Ticket> add(const RequestToAsk& request, Done done);
  AllSettled settle(const std::string& id, const RequestEntry& entry,
                    const log::LogPosition& position);
  Result<bool> read();
  bool settle_known(const RequestToAsk& request, Ticket ticket);
  void appended(Ticket ticket, const Result<log::LogPosition>& outcome);
  AllSettled end_overdue(bool all);
  Status take_record(const log::RecordReader& from);
  Waiting take(Ticket ticket) MILLRACE_REQUIRES(mutex);
  std::shared_ptr<log::RecordReader> current_reader() const {
    const MutexLock lock(mutex);
    return reader;
  }

  log::Log& log;
  stream::RecordWriter& writer;
  RequestDeskOptions options;
  const std::string asks_topic;
  const std::string changelog_topic;
  bool subscribed = false;  // of the thread that steps

  mutable Mutex mutex;
  std::shared_ptr<log::RecordReader> reader MILLRACE_GUARDED_BY(mutex);
  std::optional<stream::Writer<std::string, RequestAsked>> asks_writer MILLRACE_GUARDED_BY(mutex);
  std::unordered_map<Ticket, Waiting> waiting MILLRACE_GUARDED_BY(mutex);
  std::multimap<std::string, Ticket, std::less<>> by_id MILLRACE_GUARDED_BY(mutex);
  std::set<std::pair<std::int64_t, Ticket>> by_deadline MILLRACE_GUARDED_BY(mutex);
  Ticket last_ticket MILLRACE_GUARDED_BY(mutex) = 0;
};

// What is not there yet is read from its beginning when it is: all of it was committed later.
Status RequestDesk::State::subscribe(bool from_end) {
  const Result<log::Topic> topic = log.find_topic(changelog_topic);
  if (!topic && topic.error().is(log::errc::unknown_topic)) return {};
  if (!topic) return fail(topic.error());
  std::vector<log::TopicPartition> partitions;
  for (std::int32_t number = 0; number < topic->spec.partitions; ++number)
    partitions.push_back({topic->id, log::partition(number)});
  MILLRACE_ASSIGN(const std::vector<log::Offset> firsts,
                  from_end ? log.end_offsets(partitions) : log.start_offsets(partitions));
  std::vector<log::RecordReader::Range> ranges;
  for (std::size_t i = 0; i < partitions.size(); ++i)
    ranges.push_back({partitions[i], firsts[i], std::nullopt, log::RecordReader::OnRemoved::skip});
  auto made = std::make_shared<log::RecordReader>(log, ranges, buffer_bytes);
  const MutexLock lock(mutex);
  reader = std::move(made);
  subscribed = true;
  return {};
}

Result<const stream::Writer<std::string, RequestAsked>*> RequestDesk::State::asks() {
  const MutexLock lock(mutex);
  if (!asks_writer) {
    MILLRACE_ASSIGN(auto opened,
                    (stream::Writer<std::string, RequestAsked>::open(writer, asks_topic)));
    asks_writer.emplace(std::move(opened));
  }
  return &*asks_writer;
}

Result<Ticket> RequestDesk::State::add(const RequestToAsk& request, Done done) {
  const std::int64_t deadline =
      writer.clock().monotonic_ns() + std::max<std::int64_t>(request.within_ms, 0) * 1'000'000;
  std::shared_ptr<log::RecordReader> to_wake;
  Ticket ticket = 0;
  {
    const MutexLock lock(mutex);
    if (options.pending->fetch_add(1) >= options.pending_max) {
      --*options.pending;
      return fail(millrace::errc::busy,
                  "{} requests are pending in this instance, which is the limit of all kinds of "
                  "requests together: try again in a moment",
                  options.pending_max);
    }
    ticket = ++last_ticket;
    waiting.emplace(ticket, Waiting{std::string(request.id), stream::body_hash(request.body),
                                    deadline, std::nullopt, false, false, std::move(done)});
    by_id.emplace(request.id, ticket);
    if (by_deadline.emplace(deadline, ticket).first == by_deadline.begin()) to_wake = reader;
  }
  if (to_wake) to_wake->interrupt();
  return ticket;
}

Waiting RequestDesk::State::take(Ticket ticket) {
  const auto found = waiting.find(ticket);
  Waiting taken = std::move(found->second);
  waiting.erase(found);
  --*options.pending;
  by_deadline.erase({taken.deadline_ns, ticket});
  const auto [begin, end] = by_id.equal_range(taken.id);
  by_id.erase(std::find_if(begin, end, [&](const auto& one) { return one.second == ticket; }));
  return taken;
}

AllSettled RequestDesk::State::settle(const std::string& id, const RequestEntry& entry,
                                      const log::LogPosition& position) {
  AllSettled settled;
  const MutexLock lock(mutex);
  std::vector<Ticket> ended;
  const auto [begin, end] = by_id.equal_range(id);
  for (auto one = begin; one != end; ++one) {
    Waiting& waits = waiting.at(one->second);
    const bool ends = waits.body != entry.body || entry.state != RequestState::pending;
    waits.is_known = true;
    if (ends) ended.push_back(one->second);
  }
  for (const Ticket ticket : ended) {
    Waiting taken = take(ticket);
    RequestReply reply = reply_of(taken, entry, position);
    settled.push_back({std::move(taken.done), std::move(reply)});
  }
  return settled;
}

// Whether the store of this instance knows how the request ended. One that it knows as pending is
// appended all the same: the reader may be ahead of the view, and have passed the outcome.
bool RequestDesk::State::settle_known(const RequestToAsk& request, Ticket ticket) {
  if (!options.look) return false;
  const auto found = options.look(request.id);
  if (!found || !found->value) return false;
  send(settle(std::string(request.id), *found->value, found->position));
  const MutexLock lock(mutex);
  return !waiting.contains(ticket);
}

void RequestDesk::State::appended(Ticket ticket, const Result<log::LogPosition>& outcome) {
  AllSettled settled;
  {
    const MutexLock lock(mutex);
    const auto found = waiting.find(ticket);
    if (found == waiting.end()) return;
    Waiting& waits = found->second;
    if (outcome) waits.kept = *outcome;
    if (outcome && !waits.overdue) return;
    Waiting taken = take(ticket);
    Result<RequestReply> reply = pending_reply(taken, outcome.value_or(log::LogPosition{}));
    if (!outcome) reply = fail(outcome.error());
    settled.push_back({std::move(taken.done), std::move(reply)});
  }
  send(std::move(settled));
}

AllSettled RequestDesk::State::end_overdue(bool all) {
  AllSettled settled;
  const std::int64_t now_ns = writer.clock().monotonic_ns();
  const MutexLock lock(mutex);
  while (!by_deadline.empty() && (all || by_deadline.begin()->first <= now_ns)) {
    const Ticket ticket = by_deadline.begin()->second;
    Waiting& waits = waiting.at(ticket);
    if (!waits.kept) {
      // That it continues is a promise: its append replies.
      waits.overdue = true;
      by_deadline.erase(by_deadline.begin());
      continue;
    }
    Waiting taken = take(ticket);
    RequestReply reply = pending_reply(taken, *taken.kept);
    settled.push_back({std::move(taken.done), std::move(reply)});
  }
  return settled;
}

Status RequestDesk::State::take_record(const log::RecordReader& from) {
  const log::RecordView& record = from.record();
  if (!record.key || !record.value) return {};
  {
    const MutexLock lock(mutex);
    if (by_id.find(*record.key) == by_id.end()) return {};
  }
  // Of a newer build, whose form this one does not know. Another type has more members at its end.
  MILLRACE_TRY(codec::read_value_type(record.headers.encoded(), record.headers.size()));
  RequestEntry entry;
  MILLRACE_TRY(codec::decode_binary(codec::type_info<RequestEntry>(), *record.value, &entry));
  send(settle(std::string(*record.key), entry, from.commit()));
  return {};
}

// True when there is more to read. An entry that cannot be decoded is passed over, and reported
// when the others were read.
Result<bool> RequestDesk::State::read() {
  if (!subscribed) MILLRACE_TRY(subscribe(false));
  const std::shared_ptr<log::RecordReader> from = current_reader();
  bool more = subscribed;
  Status all;
  for (int taken = 0; more && taken < step_records; ++taken) {
    MILLRACE_ASSIGN(const log::ReadOutcome outcome, from->next());
    more = outcome == log::ReadOutcome::record;
    if (!more) break;
    Status one = take_record(*from);
    if (all) all = std::move(one);
  }
  MILLRACE_TRY(all);
  return more;
}

Result<std::unique_ptr<RequestDesk>> RequestDesk::open(log::Log& log, stream::RecordWriter& writer,
                                                       RequestDeskOptions options) {
  auto state = std::make_shared<State>(log, writer, std::move(options));
  MILLRACE_TRY(state->subscribe(true));
  return std::unique_ptr<RequestDesk>(new RequestDesk(std::move(state)));
}

RequestDesk::RequestDesk(std::shared_ptr<State> state) : state_(std::move(state)) {}
RequestDesk::~RequestDesk() = default;

Result<Ticket> RequestDesk::ask(const RequestToAsk& request, Done done) {
  if (request.id.empty() || request.id.size() > stream::request_id_bytes_max) {
    return fail(millrace::errc::invalid_argument,
                "a request needs an id of 1 to {} bytes, which its client chooses; this one has {}",
                stream::request_id_bytes_max, request.id.size());
  }
  MILLRACE_ASSIGN(const auto* const asks, state_->asks());
  // Waiting begins before the look and the append, so that no outcome passes unseen.
  MILLRACE_ASSIGN(const Ticket ticket, state_->add(request, std::move(done)));
  if (state_->settle_known(request, ticket)) return ticket;
  const std::string_view correlation =
      request.correlation.empty() ? request.id : request.correlation;
  const Status taken =
      asks->write(std::string(request.id), request.body,
                  {.time_ms = request.time_ms, .correlation = correlation, .trace = request.trace},
                  [state = state_, ticket](const Result<log::LogPosition>& outcome) {
                    state->appended(ticket, outcome);
                  });
  // What is not withdrawn was replied to: an equal request had its outcome meanwhile.
  if (taken || !withdraw(ticket)) return ticket;
  return fail(taken.error());
}

bool RequestDesk::withdraw(Ticket ticket) {
  Waiting taken;  // what it holds goes without the lock
  const MutexLock lock(state_->mutex);
  if (!state_->waiting.contains(ticket)) return false;
  taken = state_->take(ticket);
  return true;
}

void RequestDesk::drain() { send(state_->end_overdue(true)); }

std::size_t RequestDesk::pending() const {
  const MutexLock lock(state_->mutex);
  return state_->waiting.size();
}

Result<bool> RequestDesk::step() {
  Result<bool> more = state_->read();
  send(state_->end_overdue(false));
  return more;
}

void RequestDesk::wait() {
  std::shared_ptr<log::RecordReader> reader;
  std::int64_t until =
      state_->writer.clock().monotonic_ns() + (state_->subscribed ? idle_wait_ns : first_wait_ns);
  {
    const MutexLock lock(state_->mutex);
    reader = state_->reader;
    if (!state_->by_deadline.empty()) until = std::min(until, state_->by_deadline.begin()->first);
  }
  static_cast<void>(reader->wait(until));
}

void RequestDesk::interrupt() { state_->current_reader()->interrupt(); }

}  // namespace millrace::service
