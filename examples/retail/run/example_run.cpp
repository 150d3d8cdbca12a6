// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors

#include "example_run.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>

#include "feed_position.hpp"
#include "millrace/base/clock.hpp"
#include "millrace/base/file_system.hpp"
#include "millrace/base/terminal_text.hpp"
#include "millrace/http/client.hpp"
#include "retail/feed/invoice_items.hpp"
#include "run_file_reader.hpp"
#include "services.hpp"

namespace retail {

using millrace::fail;
using millrace::Result;
using millrace::Status;

namespace {

constexpr std::int64_t watch_ms = 25;
// One service at a time is asked for its lag, so often: a stuck one holds up the display for no
// more than a moment.
constexpr std::int64_t lag_interval_ns = 150'000'000;
constexpr std::chrono::milliseconds lag_timeout{200};
constexpr std::int64_t stop_timeout_ms = 40'000;
constexpr std::int64_t pause_ns = 1'000'000'000;
constexpr std::chrono::milliseconds probe_timeout{2'000};

std::string get(const std::string& url, std::chrono::milliseconds timeout = probe_timeout) {
  const auto answer = millrace::http::fetch(millrace::http::Method::get, url, {}, {}, timeout);
  return answer && answer->status == 200 ? answer->body : std::string();
}

// The lag that the metrics of a service show.
std::optional<std::int64_t> lag_in(const std::string& metrics) {
  constexpr std::string_view name = "\nmillrace_stream_lag_records ";
  const std::size_t at = metrics.find(name);
  if (at == std::string::npos) return std::nullopt;
  const char* const begin = metrics.data() + at + name.size();
  double lag = 0;
  const auto [end, error] = std::from_chars(begin, metrics.data() + metrics.size(), lag);
  if (error != std::errc()) return std::nullopt;
  return static_cast<std::int64_t>(lag);
}

// Of what a service wrote before it ended: why.
std::string last_line(const std::string& path) {
  const auto text = millrace::read_file(millrace::real_file_system(), path);
  if (!text || text->empty()) return "it wrote nothing";
  const std::size_t end = text->find_last_not_of('\n');
  const std::size_t begin = text->rfind('\n', end);
  return text->substr(begin == std::string::npos ? 0 : begin + 1, end - begin);
}

}  // namespace

ExampleRun::ExampleRun(const RunOptions& options, const DataDirectory& directory,
                       millrace::service::Signals& signals, RunLog& log, const RunPass& pass,
                       std::vector<Invoice> invoices, std::size_t answered)
    : options_(options),
      directory_(directory),
      signals_(signals),
      run_log_(log),
      log_(log.log()),
      pass_(pass),
      invoices_(std::move(invoices)),
      answered_(answered),
      watcher_(log_, pass.begins_behind()),
      services_({}, millrace::real_clock()),
      seed_(options.seed != 0 ? options.seed : millrace::real_seed()) {}

Status ExampleRun::start(const std::string& program_directory) {
  std::vector<std::uint16_t> ports;
  if (options_.port != 0) ports.push_back(options_.port);
  while (ports.size() < static_cast<std::size_t>(options_.storefronts)) {
    MILLRACE_ASSIGN(const std::uint16_t port, free_port(ports));
    ports.push_back(port);
  }
  for (const std::uint16_t port : ports)
    urls_.push_back("http://127.0.0.1:" + std::to_string(port));
  for (auto& child :
       service_children(options_, directory_, log_.identity(), program_directory, ports)) {
    // A run file left by a killed service would name a process that is no more.
    static_cast<void>(
        millrace::real_file_system().remove(directory_.path("run/" + child.name + ".json")));
    MILLRACE_TRY(services_.start(std::move(child)));
  }
  view_.emplace(LiveView::standard_output(), storefront_url(),
                millrace::real_clock().monotonic_ns());
  while (!all_ready()) {
    MILLRACE_TRY(watch(watch_ms));
    if (!signal_.empty())
      return fail(millrace::errc::busy,
                  "stopped by " + signal_ + " before the services were ready");
    for (const auto& service : services_.status()) {
      // Wrong flags and unusable directories do not fix themselves.
      if (service.starts >= 5 && service.last_exit.starts_with("exit ")) {
        return fail(millrace::errc::io_error,
                    service.name + " does not start (" + service.last_exit +
                        "): " + last_line(service.log_file) + "\nSee " + service.log_file);
      }
    }
  }
  return {};
}

// One turn of the supervision loop. A log that has failed does not repair itself, however often its
// services are started again.
Status ExampleRun::watch(std::int64_t timeout_ms) {
  services_.poll(timeout_ms, signals_.descriptor());
  if (const auto signal = signals_.poll()) signal_ = millrace::service::to_string(*signal);
  MILLRACE_TRY(run_log_.maintain());
  if (feed_) feed_progress_ = feed_->progress();
  if (view_) {
    const std::int64_t now_ns = millrace::real_clock().monotonic_ns();
    look_at_lag(now_ns);
    view_->show(figures(), now_ns);
  }
  return {};
}

RunFigures ExampleRun::figures() const {
  return {phase_,
          feed_progress_,
          watcher_.final_requests(),
          watcher_.rejected_orders(),
          chaos_ ? chaos_->kills() : 0,
          services_.status(),
          lag_};
}

// For people, so now and then is enough. The services say it themselves: positions asked of a
// cluster whose coordinator does not answer cost more than they are worth.
void ExampleRun::look_at_lag(std::int64_t now_ns) {
  const auto services = services_.status();
  if (services.empty() || (lag_ns_ != 0 && now_ns - lag_ns_ < lag_interval_ns)) return;
  lag_ns_ = now_ns;
  lag_turn_ = (lag_turn_ + 1) % services.size();
  const auto& service = services[lag_turn_];
  lag_.erase(service.name);
  const std::string url = service_url(service);
  if (url.empty()) return;
  if (const auto lag = lag_in(get(url + "/metrics", lag_timeout))) lag_[service.name] = *lag;
}

// Before anything else is printed: it would be painted over.
void ExampleRun::leave_picture() {
  if (view_) view_->finish(figures(), millrace::real_clock().monotonic_ns());
}

std::string ExampleRun::service_url(const millrace::service::ChildStatus& service) const {
  const auto port = read_port(directory_.path("run/" + service.name + ".json"), service.pid);
  return port ? "http://127.0.0.1:" + std::to_string(*port) : std::string();
}

bool ExampleRun::all_ready() const {
  for (const auto& service : services_.status()) {
    const std::string url = service_url(service);
    if (url.empty() || get(url + "/readyz").empty()) return false;
    // A service is ready without the topics of others; the system is complete when all are there.
    if (get(url + "/metrics").find("\nmillrace_stream_missing_topics 0\n") == std::string::npos)
      return false;
  }
  return true;
}

// Lag as the services themselves see it: inputs that no position was ever committed for count as
// well.
bool ExampleRun::all_idle() const {
  for (const auto& service : services_.status()) {
    const std::string url = service_url(service);
    if (url.empty() ||
        get(url + "/metrics").find("\nmillrace_stream_lag_records 0\n") == std::string::npos)
      return false;
  }
  return true;
}

Result<bool> ExampleRun::feed_all() {
  FeedOptions feed;
  feed.urls = urls_;
  feed.in_flight = static_cast<std::size_t>(options_.in_flight);
  feed.rate = options_.rate;
  feed.total = invoices_.size();
  feed.first = answered_;
  feed.save_position = [this,
                        path = directory_.path(position_file(pass_.number))](std::size_t answered) {
    return write_feed_position(path, {answered, see(log_)});
  };
  MILLRACE_ASSIGN(
      feed_, Feed::start(
                 std::move(feed), [this](std::size_t index) { return feed_item(invoices_[index]); },
                 millrace::real_clock()));
  phase_ = RunPhase::feeding;
  if (options_.chaos_seconds > 0) {
    leave_picture();
    std::printf("chaos: about every %g s, seed %llu\n", options_.chaos_seconds,
                static_cast<unsigned long long>(seed_));
    chaos_.emplace(options_.chaos_seconds, seed_, millrace::real_clock().monotonic_ns());
  }
  bool told_unsaved = false;
  while (!feed_->progress().done) {
    const std::int64_t now = millrace::real_clock().monotonic_ns();
    if (chaos_) chaos_->act(services_, now);
    MILLRACE_TRY(
        watch(chaos_ ? std::clamp<std::int64_t>((chaos_->next_ns() - now) / 1'000'000, 1, watch_ms)
                     : watch_ms));
    MILLRACE_TRY(passing(watcher_.read()));
    if (!signal_.empty()) return false;
    if (feed_progress_.unsaved.empty() || told_unsaved) continue;
    told_unsaved = true;
    leave_picture();
    std::printf("the position of the feed is not saved (%s): a later run sends requests again\n",
                millrace::escaped(feed_progress_.unsaved).c_str());
  }
  feed_progress_ = feed_->progress();
  feed_.reset();
  if (!feed_progress_.failure.empty())
    return fail(millrace::errc::io_error, "the feed gave up: " + feed_progress_.failure);
  return true;
}

// Two more deaths when nothing comes in any longer; the second when all have recovered from the
// first.
Result<bool> ExampleRun::kill_twice() {
  for (int round = 0; round < 2; ++round) {
    chaos_->kill_one(services_);
    do {
      MILLRACE_TRY(watch(watch_ms));
      if (!signal_.empty()) return false;
    } while (!all_ready());
  }
  return true;
}

Result<bool> ExampleRun::await_rest() {
  phase_ = RunPhase::settling;
  while (signal_.empty()) {
    MILLRACE_TRY(passing(watcher_.read()));
    const bool final = watcher_.final_requests() >= static_cast<std::int64_t>(invoices_.size());
    const Result<std::int64_t> lag = watcher_.lag();
    if (!lag) MILLRACE_TRY(passing(fail(lag.error())));
    if (final && lag == 0 && all_idle()) {
      MILLRACE_TRY(log_.wait_durable(log_.committed()));
      rest_ns_ = millrace::real_clock().monotonic_ns();
      for (auto& of_service : lag_)
        of_service.second = 0;
      seen_ = see(log_);
      return true;
    }
    MILLRACE_TRY(watch(watch_ms));
  }
  return false;
}

Result<bool> ExampleRun::run_to_rest() {
  MILLRACE_ASSIGN(bool going, feed_all());
  if (going && chaos_) {
    MILLRACE_ASSIGN(going, kill_twice());
  }
  if (going) {
    MILLRACE_ASSIGN(going, await_rest());
  }
  leave_picture();
  return going;
}

Status ExampleRun::stay_up() {
  phase_ = RunPhase::up;
  while (signal_.empty()) {
    MILLRACE_TRY(watch(200));
    MILLRACE_TRY(passing(watcher_.read()));
  }
  return {};
}

Status ExampleRun::pause() {
  const std::int64_t until_ns = millrace::real_clock().monotonic_ns() + pause_ns;
  while (signal_.empty() && millrace::real_clock().monotonic_ns() < until_ns)
    MILLRACE_TRY(watch(watch_ms));
  if (signal_.empty()) return {};
  return fail(millrace::errc::busy, "stopped by " + signal_);
}

void ExampleRun::stop() {
  leave_picture();
  view_.reset();
  feed_.reset();
  for (const std::string& name : services_.stop_all(stop_timeout_ms)) {
    std::printf("%s did not drain within %lld s and was killed\n", name.c_str(),
                static_cast<long long>(stop_timeout_ms / 1000));
  }
}

Result<Summary> ExampleRun::sum_up(PassEnd& left) {
  Summary summary;
  MILLRACE_ASSIGN(summary.audit, audit(log_, {pass_.begin, {}}, &left));
  summary.feed = feed_progress_;
  for (std::size_t i = feed_progress_.begun_at; i < invoices_.size(); ++i) {
    if (invoices_[i].kind == InvoiceKind::order)
      summary.lines_sent += static_cast<std::int64_t>(invoices_[i].lines.size());
  }
  if (feed_progress_.first_send_ns != 0)
    summary.wall_seconds = static_cast<double>(rest_ns_ - feed_progress_.first_send_ns) / 1e9;
  summary.kills = chaos_ ? chaos_->kills() : 0;
  summary.seed = chaos_ ? seed_ : 0;
  summary.services = services_.status();
  summary.seen = seen_;
  return summary;
}

}  // namespace retail
