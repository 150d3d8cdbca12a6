// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "feed.hpp"

#include <algorithm>
#include <charconv>
#include <deque>
#include <optional>
#include <queue>
#include <set>
#include <thread>

#include "latencies.hpp"
#include "millrace/base/mutex.hpp"
#include "millrace/http/client.hpp"

namespace retail {

using millrace::Result;
using millrace::Status;

namespace {

constexpr std::int64_t ns_per_ms = 1'000'000;
constexpr std::int64_t ns_per_s = 1'000'000'000;
// In the open loop a stalled server must not make the feed hold the whole year.
constexpr std::size_t open_loop_limit = 4'096;
// What a service takes on unless its flags say otherwise, in flight and in line. Fewer would make
// the feed's own queue the bottleneck: so many requests by the time that one takes is the most it
// could send.
constexpr std::size_t max_connections = 2'048;
constexpr std::int64_t position_interval_ns = ns_per_s;
constexpr std::int64_t resend_pause_ns = 20 * ns_per_ms;
// At a low rate the last request may be due later than nanoseconds can count.
constexpr double longest_s = 1e9;
// So long without a refusal, and the server may have more room than it had.
constexpr std::int64_t calm_ns = 10 * ns_per_s;

}  // namespace

struct Feed::State {
  struct Resend {
    std::int64_t at_ns;
    std::size_t index;
    friend bool operator>(const Resend& a, const Resend& b) { return a.at_ns > b.at_ns; }
  };

  State(FeedOptions the_options, FeedSource the_source, millrace::Clock& the_clock)
      : options(std::move(the_options)), source(std::move(the_source)), clock(the_clock) {
    progress.begun_at = std::min(options.first, options.total);
    progress.total = options.total;
    next = answered_prefix = progress.begun_at;
    limit = most_at_once();
    answered.assign(options.total, false);
    due_ns.assign(options.total, 0);
  }

  void run();
  void wait_for_work(millrace::MutexLock& lock);
  std::optional<std::size_t> take_due(std::int64_t now_ns);
  void send(std::size_t index, std::size_t others);
  void on_answer(std::size_t index, bool is_order, std::size_t others,
                 const Result<millrace::http::Response>& answer);
  void on_final(std::size_t index, bool is_order);
  [[nodiscard]] std::size_t most_at_once() const {
    return options.rate > 0 ? open_loop_limit : options.in_flight;
  }
  [[nodiscard]] std::int64_t next_due_ns() const;
  void save_position(std::size_t position);
  void finish();

  const FeedOptions options;
  const FeedSource source;
  millrace::Clock& clock;
  mutable millrace::Mutex mutex;
  millrace::CondVar changed;
  FeedProgress progress;
  Latencies latencies;
  std::vector<bool> answered;
  std::vector<std::int64_t> due_ns;  ///< when each was first sent, or in the open loop was to be
  std::priority_queue<Resend, std::vector<Resend>, std::greater<>> resends;  ///< not to be sent yet
  std::set<std::size_t> again;  ///< to be sent again now, the oldest first
  std::size_t next = 0;
  std::size_t answered_prefix = 0;
  std::size_t in_flight = 0;
  std::size_t limit = 0;  ///< requests at once: the loop's, or as many as the server took
  std::int64_t refused_ns = 0;
  std::int64_t open_loop_start_ns = 0;
  bool stopping = false;
  std::vector<std::unique_ptr<millrace::http::ClientPool>> pools;
  std::size_t sent = 0;  ///< by the thread alone
  std::thread thread;
};

void Feed::State::run() {
  millrace::MutexLock lock(mutex);
  open_loop_start_ns = clock.monotonic_ns();
  std::int64_t saved_ns = open_loop_start_ns;
  while (!stopping && progress.failure.empty() && answered_prefix < options.total) {
    const std::int64_t now_ns = clock.monotonic_ns();
    if (const auto index = take_due(now_ns)) {
      const std::size_t others = in_flight++;
      lock.unlock();
      send(*index, others);
      lock.lock();
    } else {
      wait_for_work(lock);
    }
    if (now_ns - saved_ns > position_interval_ns) {
      saved_ns = now_ns;
      const std::size_t position = answered_prefix;
      lock.unlock();
      save_position(position);
      lock.lock();
    }
  }
  const std::size_t position = answered_prefix;
  lock.unlock();
  save_position(position);
  finish();
}

// When the open loop sends the next request.
std::int64_t Feed::State::next_due_ns() const {
  const double after_s = static_cast<double>(next - progress.begun_at) / options.rate;
  return open_loop_start_ns + static_cast<std::int64_t>(std::min(after_s, longest_s) * 1e9);
}

// The next request to send now, if the loop and the server allow one. What was refused goes before
// what was never sent: otherwise new requests take each place that becomes free while the refused
// ones wait out their pause, and find none again.
std::optional<std::size_t> Feed::State::take_due(std::int64_t now_ns) {
  for (; !resends.empty() && resends.top().at_ns <= now_ns; resends.pop())
    again.insert(resends.top().index);
  if (in_flight >= limit) return std::nullopt;
  if (!again.empty()) return again.extract(again.begin()).value();
  if (next >= options.total || in_flight + resends.size() >= most_at_once()) return std::nullopt;
  const std::int64_t due = options.rate > 0 ? next_due_ns() : now_ns;
  if (due > now_ns) return std::nullopt;
  due_ns[next] = due;
  if (progress.first_send_ns == 0) progress.first_send_ns = now_ns;
  return next++;
}

void Feed::State::wait_for_work(millrace::MutexLock& lock) {
  const std::int64_t now_ns = clock.monotonic_ns();
  std::int64_t until_ns = now_ns + position_interval_ns;
  if (!resends.empty()) until_ns = std::min(until_ns, resends.top().at_ns);
  if (options.rate > 0 && next < options.total && in_flight < limit &&
      in_flight + resends.size() < open_loop_limit)
    until_ns = std::min(until_ns, next_due_ns());
  changed.wait_for(lock, std::chrono::nanoseconds(std::max<std::int64_t>(0, until_ns - now_ns)));
}

void Feed::State::send(std::size_t index, std::size_t others) {
  FeedItem item = source(index);
  const bool is_order = item.is_order;
  millrace::http::ClientRequest request;
  request.method = millrace::http::Method::post;
  request.target = std::move(item.target);
  request.body = std::move(item.body);
  request.timeout = std::chrono::seconds(60);
  const Status taken = pools[sent++ % pools.size()]->send(
      std::move(request), [=, this](const Result<millrace::http::Response>& answer) {
        on_answer(index, is_order, others, answer);
      });
  if (!taken) on_answer(index, is_order, others, fail(taken.error()));
}

void Feed::State::on_answer(std::size_t index, bool is_order, std::size_t others,
                            const Result<millrace::http::Response>& answer) {
  const millrace::MutexLock lock(mutex);
  --in_flight;
  const int status = answer ? answer->status : 0;
  if (status == 0 || status == 429 || status == 503 || status == 504) {
    const std::int64_t pause_ns =
        pause_before_resend_ns(answer ? answer->headers.find("Retry-After") : std::nullopt);
    // As many as were under way before it the server has room for.
    if (status == 429) {
      limit = std::clamp<std::size_t>(others, 1, limit);
      refused_ns = clock.monotonic_ns();
    }
    ++progress.sent_again;
    resends.push({clock.monotonic_ns() + pause_ns, index});
  } else if (status == 200 || status == 201 || status == 202 || status == 409 || status == 422) {
    on_final(index, is_order);
  } else {
    progress.failure = "request " + std::to_string(index) + " was answered " +
                       std::to_string(status) + ": " + answer->body;
  }
  changed.notify_one();
}

void Feed::State::on_final(std::size_t index, bool is_order) {
  const std::int64_t now_ns = clock.monotonic_ns();
  if (is_order) latencies.add_us((now_ns - due_ns[index]) / 1'000);
  if (limit < most_at_once() && now_ns - refused_ns > calm_ns) ++limit;
  answered[index] = true;
  ++progress.answered;
  while (answered_prefix < options.total && answered[answered_prefix])
    ++answered_prefix;
}

// A lost position only means that answered requests are sent again, each of which takes effect
// once.
void Feed::State::save_position(std::size_t position) {
  if (!options.save_position) return;
  const Status saved = options.save_position(position);
  const millrace::MutexLock lock(mutex);
  progress.unsaved = saved ? "" : saved.error().message();
}

void Feed::State::finish() {
  const millrace::MutexLock lock(mutex);
  progress.done = true;
}

std::int64_t pause_before_resend_ns(std::optional<std::string_view> retry_after) {
  constexpr std::int64_t seconds_max = 3'600;
  if (!retry_after) return resend_pause_ns;
  std::int64_t seconds = 0;
  const char* const end = retry_after->data() + retry_after->size();
  const auto read = std::from_chars(retry_after->data(), end, seconds);
  const bool good =
      read.ec == std::errc() && read.ptr == end && seconds >= 0 && seconds <= seconds_max;
  return good ? seconds * ns_per_s : resend_pause_ns;
}

Result<std::unique_ptr<Feed>> Feed::start(FeedOptions options, FeedSource source,
                                          millrace::Clock& clock) {
  if (options.urls.empty()) return fail(millrace::errc::invalid_argument, "no storefront is named");
  millrace::http::ClientPoolOptions pool;
  pool.connections =
      options.rate > 0 ? max_connections : std::min(options.in_flight, max_connections);
  pool.max_queued = std::max(open_loop_limit, options.in_flight);
  auto state = std::make_unique<State>(std::move(options), std::move(source), clock);
  for (const std::string& url : state->options.urls) {
    pool.url = url;
    MILLRACE_ASSIGN(auto opened, millrace::http::ClientPool::create(pool));
    state->pools.push_back(std::move(opened));
  }
  State& running = *state;
  state->thread = std::thread([&running] { running.run(); });
  return std::unique_ptr<Feed>(new Feed(std::move(state)));
}

Feed::Feed(std::unique_ptr<State> state) : state_(std::move(state)) {}

Feed::~Feed() {
  {
    const millrace::MutexLock lock(state_->mutex);
    state_->stopping = true;
  }
  state_->changed.notify_one();
  state_->thread.join();
  state_->pools.clear();
}

FeedProgress Feed::progress() const {
  const millrace::MutexLock lock(state_->mutex);
  FeedProgress progress = state_->progress;
  progress.latency_p50_us = state_->latencies.percentile_us(0.50);
  progress.latency_p99_us = state_->latencies.percentile_us(0.99);
  progress.latency_max_us = state_->latencies.percentile_us(1.0);
  return progress;
}

}  // namespace retail
