// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "desk.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <thread>
#include <unordered_map>

#include "answers.hpp"
#include "millrace/base/hash.hpp"
#include "millrace/base/mutex.hpp"
#include "millrace/http/problem.hpp"
#include "millrace/log/errors.hpp"
#include "millrace/service/entries.hpp"

namespace retail::storefront {

using millrace::Result;
using millrace::Status;
using millrace::http::problem;
using millrace::http::problem_retry;
using millrace::http::Responder;
using millrace::http::Response;

namespace {

constexpr std::chrono::milliseconds retry_after{1'000};

using RequestWriter = millrace::stream::Writer<RequestId, RequestEvent>;
using StatusView = millrace::stream::View<RequestId, RequestView>;
using Deadlines = std::multimap<std::int64_t, std::uint64_t>;  // monotonic ns -> ticket

struct Waiting {
  RequestKind kind = RequestKind::unknown;
  RequestId id;
  std::string event_id;  // of the request: two under one id differ in it
  Responder responder;
  std::optional<millrace::log::LogPosition> appended = std::nullopt;  // where its record ends
  bool overdue = false;               // its timeout has passed, it waits for its record alone
  Deadlines::iterator deadline = {};  // unless overdue
};

/// What the view knows of a request.
enum class Known : std::uint8_t {
  answered,   ///< enough for an answer, which is sent
  no_answer,  ///< the request has to be appended, or waited for
  elsewhere,  ///< another instance has the view of this id
};

// The caller's span is the parent of what begins here; without one the request starts a trace of
// its own. It is made of the request, so that the same request sent again is the same event again.
millrace::codec::TraceContext trace_of(std::string_view traceparent, const Posted& posted) {
  auto trace =
      millrace::codec::parse_traceparent(traceparent).value_or(millrace::codec::TraceContext{});
  if (!trace.valid()) {
    trace.trace_high = millrace::xxh64(posted.id.text, 1);
    trace.trace_low = millrace::xxh64(posted.id.text, 2);
  }
  trace.span = millrace::xxh64(posted.event_id);
  return trace;
}

}  // namespace

struct Desk::State : std::enable_shared_from_this<Desk::State> {
  State(millrace::service::Context& the_context, RequestWriter the_requests, StatusView the_views)
      : context(the_context),
        requests(std::move(the_requests)),
        views(std::move(the_views)),
        timer([this] { run_timer(); }) {}

  void run_timer();
  void answer_overdue(const std::vector<std::uint64_t>& tickets);
  std::uint64_t wait(Waiting waiting, std::chrono::milliseconds timeout);
  std::vector<Waiting> take(const RequestId& id, std::string_view but = {});
  std::optional<Waiting> take_ticket(std::uint64_t ticket);
  std::optional<Waiting> take_late(std::uint64_t ticket);
  std::optional<Waiting> take_locked(std::uint64_t ticket);
  void appended(std::uint64_t ticket, millrace::log::LogPosition position);
  void send_pending(Waiting late);
  void withdraw(std::uint64_t ticket, const millrace::Error& error);
  void append(const Posted& posted, std::string_view trace, std::uint64_t ticket);
  void send_when_durable(millrace::log::LogPosition position, Response response,
                         Responder responder);
  Known answer_from_view(const Posted& posted, Responder& responder);
  void stop();

  millrace::service::Context& context;
  const RequestWriter requests;
  const StatusView views;
  millrace::Mutex mutex;
  millrace::CondVar changed;
  std::unordered_map<std::uint64_t, Waiting> waiting;
  std::unordered_multimap<std::string, std::uint64_t> by_id;
  Deadlines by_deadline;
  std::uint64_t next_ticket = 1;
  bool stopping = false;
  std::thread timer;
};

void Desk::State::run_timer() {
  millrace::MutexLock lock(mutex);
  while (!stopping) {
    const std::int64_t now = context.clock.monotonic_ns();
    std::vector<std::uint64_t> overdue;
    for (const auto& [deadline, ticket] : by_deadline) {
      if (deadline > now) break;
      overdue.push_back(ticket);
    }
    if (!overdue.empty()) {
      lock.unlock();
      answer_overdue(overdue);
      lock.lock();
      continue;
    }
    if (by_deadline.empty()) {
      changed.wait(lock);
    } else {
      changed.wait_for(lock, std::chrono::nanoseconds(by_deadline.begin()->first - now));
    }
  }
}

void Desk::State::answer_overdue(const std::vector<std::uint64_t>& tickets) {
  for (const std::uint64_t ticket : tickets) {
    if (std::optional<Waiting> late = take_late(ticket)) send_pending(*std::move(late));
  }
}

// An answer that the request continues regardless is a promise: it waits for the record to be safe.
void Desk::State::send_pending(Waiting late) {
  send_when_durable(*late.appended, still_pending(late.kind, late.id), std::move(late.responder));
}

// No value as long as its record is not appended: then the append sends the response.
std::optional<Waiting> Desk::State::take_late(std::uint64_t ticket) {
  const millrace::MutexLock lock(mutex);
  const auto found = waiting.find(ticket);
  if (found == waiting.end()) return std::nullopt;
  if (found->second.appended) return take_locked(ticket);
  by_deadline.erase(found->second.deadline);
  found->second.overdue = true;
  return std::nullopt;
}

void Desk::State::appended(std::uint64_t ticket, millrace::log::LogPosition position) {
  std::optional<Waiting> late;
  {
    const millrace::MutexLock lock(mutex);
    const auto found = waiting.find(ticket);
    if (found == waiting.end()) return;
    found->second.appended = position;
    if (found->second.overdue) late = take_locked(ticket);
  }
  if (late) send_pending(*std::move(late));
}

std::uint64_t Desk::State::wait(Waiting one, std::chrono::milliseconds timeout) {
  const std::int64_t deadline =
      context.clock.monotonic_ns() + std::chrono::nanoseconds(timeout).count();
  const millrace::MutexLock lock(mutex);
  const std::uint64_t ticket = next_ticket++;
  by_id.emplace(one.id.text, ticket);
  one.deadline = by_deadline.emplace(deadline, ticket);
  if (one.deadline == by_deadline.begin()) changed.notify_one();
  waiting.emplace(ticket, std::move(one));
  return ticket;
}

// All that wait for the id, but for those of the request with that event.
std::vector<Waiting> Desk::State::take(const RequestId& id, std::string_view but) {
  std::vector<Waiting> taken;
  const millrace::MutexLock lock(mutex);
  const auto [begin, end] = by_id.equal_range(id.text);
  for (auto one = begin; one != end;) {
    const auto found = waiting.find(one->second);
    if (found->second.event_id == but) {
      ++one;
      continue;
    }
    if (!found->second.overdue) by_deadline.erase(found->second.deadline);
    taken.push_back(std::move(found->second));
    waiting.erase(found);
    one = by_id.erase(one);
  }
  return taken;
}

// Nothing if it has been answered meanwhile.
std::optional<Waiting> Desk::State::take_ticket(std::uint64_t ticket) {
  const millrace::MutexLock lock(mutex);
  return take_locked(ticket);
}

std::optional<Waiting> Desk::State::take_locked(std::uint64_t ticket) {
  const auto found = waiting.find(ticket);
  if (found == waiting.end()) return std::nullopt;
  Waiting taken = std::move(found->second);
  waiting.erase(found);
  if (!taken.overdue) by_deadline.erase(taken.deadline);
  const auto [begin, end] = by_id.equal_range(taken.id.text);
  by_id.erase(std::find_if(begin, end, [ticket](const auto& one) { return one.second == ticket; }));
  return taken;
}

void Desk::State::withdraw(std::uint64_t ticket, const millrace::Error& error) {
  std::optional<Waiting> refused = take_ticket(ticket);
  if (!refused) return;
  if (error.is(millrace::log::errc::too_large))
    return refused->responder.send(problem(413, error.code().name, "", error.message()));
  if (error.is(millrace::log::errc::time_out_of_bounds) ||
      error.is(millrace::errc::invalid_argument))
    return refused->responder.send(problem(422, error.code().name, "", error.message()));
  // Too much at once is no fault; it is counted with the responses.
  if (!error.is(millrace::errc::busy)) {
    context.logger.error(
        "a request could not be appended",
        {millrace::telemetry::correlation(refused->id.text), {"error", error.to_string()}});
  }
  refused->responder.send(problem_retry(503, retry_after, error.code().name, error.message()));
}

void Desk::State::append(const Posted& posted, std::string_view trace, std::uint64_t ticket) {
  const Status taken = requests.write(
      posted.id, posted.event,
      {.id = posted.event_id,
       .time_ms = posted.ordered_at_ms,
       .correlation = posted.id.text,
       .trace = trace_of(trace, posted)},
      [self = shared_from_this(), ticket](const Result<millrace::log::LogPosition>& outcome) {
        if (outcome) {
          self->appended(ticket, *outcome);
        } else {
          self->withdraw(ticket, outcome.error());
        }
      });
  if (!taken) withdraw(ticket, taken.error());
}

void Desk::State::send_when_durable(millrace::log::LogPosition position, Response response,
                                    Responder responder) {
  auto held =
      std::make_shared<std::pair<Response, Responder>>(std::move(response), std::move(responder));
  context.durability.when_durable(position, [held](const Status& status) {
    held->second.send(status ? std::move(held->first)
                             : problem_retry(503, retry_after, status.error().code().name,
                                             status.error().message()));
  });
}

// Answers at once what the view already knows.
Known Desk::State::answer_from_view(const Posted& posted, Responder& responder) {
  const auto answer = millrace::service::find_entry<RequestId, RequestView>(
      context.instance, context.log, status_store, posted.id);
  if (!answer && answer.error().is(millrace::service::errc::not_owner)) return Known::elsewhere;
  if (!answer) {
    responder.send(
        problem_retry(503, retry_after, answer.error().code().name, answer.error().message()));
    return Known::answered;
  }
  const auto& view = answer->value;
  if (!view || view->request.empty()) return Known::no_answer;
  if (view->request != posted.event_id) {
    send_when_durable(answer->position, id_reused(posted.id, *view), std::move(responder));
    return Known::answered;
  }
  if (view->outcome == Outcome::pending) return Known::no_answer;
  send_when_durable(answer->position, outcome_answer(posted.id, *view), std::move(responder));
  return Known::answered;
}

void Desk::State::stop() {
  {
    const millrace::MutexLock lock(mutex);
    stopping = true;
  }
  changed.notify_one();
  timer.join();
}

Result<std::unique_ptr<Desk>> Desk::create(millrace::service::Context& context) {
  MILLRACE_ASSIGN(RequestWriter requests,
                  (context.writer<RequestId, RequestEvent>(requests_topic)));
  MILLRACE_ASSIGN(StatusView views, (context.instance.view<RequestId, RequestView>(status_store)));
  return std::unique_ptr<Desk>(
      new Desk(std::make_shared<State>(context, std::move(requests), std::move(views))));
}

Desk::Desk(std::shared_ptr<State> state) : state_(std::move(state)) {}

Desk::~Desk() { state_->stop(); }

void Desk::submit(Posted posted, std::string_view trace, std::chrono::milliseconds timeout,
                  Responder responder) {
  const Known known = state_->answer_from_view(posted, responder);
  if (known == Known::answered) return;
  // The log decides what becomes of it, and another instance will hear of that: here there is
  // nothing to wait for but the record.
  if (known == Known::elsewhere) timeout = std::chrono::milliseconds(0);
  // Waiting begins before the append, so that no outcome can pass unseen. A request that is under
  // way already is appended again: the first one in the log counts, the others have no effect.
  const std::uint64_t ticket =
      state_->wait({posted.kind, posted.id, posted.event_id, std::move(responder)}, timeout);
  state_->append(posted, trace, ticket);
  // Its outcome may have been committed between the first look and the wait.
  look_again({posted.id});
}

void Desk::look_again(const std::vector<RequestId>& ids) {
  for (const RequestId& id : ids) {
    {
      const millrace::MutexLock lock(state_->mutex);
      if (!state_->by_id.contains(id.text)) continue;
    }
    const auto answer = state_->views.get(id);
    if (!answer || !answer->value || answer->value->request.empty()) continue;
    const RequestView& view = *answer->value;
    // Before the outcome is known it is known already who waits in vain.
    const bool pending = view.outcome == Outcome::pending;
    for (Waiting& one : state_->take(id, pending ? view.request : std::string())) {
      Response response =
          one.event_id == view.request ? outcome_answer(id, view) : id_reused(id, view);
      state_->send_when_durable(answer->position, std::move(response), std::move(one.responder));
    }
  }
}

}  // namespace retail::storefront
