// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "kafka/kafka_log.hpp"

#include <algorithm>

#include "kafka/admin.hpp"
#include "kafka/identity.hpp"
#include "kafka/membership.hpp"
#include "kafka/waiter.hpp"
#include "millrace/log/errors.hpp"
#include "rules.hpp"

namespace millrace::log::kafka {
namespace {

constexpr std::int64_t ms = 1'000'000;

std::string hex(std::uint64_t value) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text(16, '0');
  for (std::size_t i = 0; i < 16; ++i)
    text[i] = digits[(value >> (60 - 4 * i)) & 15U];
  return text;
}

}  // namespace

Result<std::unique_ptr<Log>> KafkaLog::open(std::string_view url, LogEnvironment& environment,
                                            LogOptions options) {
  MILLRACE_ASSIGN(Url parsed, parse_url(url));
  // A file stands for its settings, wherever it is named.
  for (Settings* settings : {&parsed.settings, &options.kafka}) {
    for (std::size_t i = 0; i < settings->size(); ++i) {
      if ((*settings)[i].first != "config") continue;
      const std::string file = (*settings)[i].second;
      MILLRACE_ASSIGN(const std::string text, read_file(environment.files, file));
      MILLRACE_ASSIGN(const Settings more, parse_settings(text, file));
      settings->erase(settings->begin() + static_cast<std::ptrdiff_t>(i));
      settings->insert(settings->end(), more.begin(), more.end());
      break;
    }
  }
  std::unique_ptr<KafkaLog> made(new KafkaLog(std::move(parsed), environment, std::move(options)));
  MILLRACE_TRY(made->start());
  return made;
}

KafkaLog::KafkaLog(Url url, LogEnvironment& environment, LogOptions options)
    : environment_(environment),
      options_(std::move(options)),
      config_(std::move(url), options_),
      reader_(config_, environment.clock),
      state_(config_, options_, reader_, environment.clock),
      unique_(
          hex(environment.random.next() ^ static_cast<std::uint64_t>(environment.clock.wall_ms()))),
      identity_(
          std::make_unique<Identity>(config_, options_, state_, environment.clock, unique_, "")),
      sequences_(config_, reader_) {}

KafkaLog::~KafkaLog() = default;

Status KafkaLog::start() {
  MILLRACE_TRY(reader_.open());
  const auto cluster = cluster_id(reader_.client(), config_.timeout_ms());
  if (!cluster)
    return fail(errc::unavailable, "kafka://" + config_.url().bootstrap + ": " +
                                       cluster.error().message() + reader_.complaints().text());
  identity_text_ = "kafka/" + *cluster + "/" + config_.url().prefix;
  return state_.open();
}

Status KafkaLog::check_open() const {
  if (abandoned_) return fail(closed_error(options_.member));
  return {};
}

Result<Offset> KafkaLog::start_offset(TopicPartition place) {
  MILLRACE_ASSIGN(const KafkaPlace at, place_in_kafka(place));
  MILLRACE_ASSIGN(const std::vector<Offset> first, reader_.ask({at}, Reader::End::first));
  return first[0];
}

Result<Offset> KafkaLog::end_offset(TopicPartition place) {
  MILLRACE_ASSIGN(const KafkaPlace at, place_in_kafka(place));
  MILLRACE_ASSIGN(const std::vector<Offset> last, reader_.ask({at}, Reader::End::last_stable));
  reader_.heard_of(place, last[0]);
  return last[0];
}

Status KafkaLog::fetch(TopicPartition place, Offset from, std::size_t max_bytes,
                       FetchBuffer& buffer) {
  MILLRACE_TRY(check_open());
  MILLRACE_ASSIGN(const KafkaPlace at, place_in_kafka(place));
  return reader_.fetch(place, at, from, max_bytes, buffer);
}

std::unique_ptr<Waiter> KafkaLog::waiter() { return std::make_unique<KafkaWaiter>(*this); }

// An acknowledged commit is on as many brokers as the topic's min.insync.replicas asks.
Status KafkaLog::wait_durable(LogPosition /*position*/) { return check_open(); }

Status KafkaLog::maintain() {
  MILLRACE_TRY(check_open());
  reader_.drop_idle();
  const std::int64_t now_ns = environment_.clock.monotonic_ns();
  // What fails here is tried again; only a damaged topic of ours ends it.
  const auto passing = [](const Error& error) {
    return error.is(errc::unavailable) || error.is(errc::outcome_unknown);
  };
  if (const Status beat = identity_->heartbeat(); !beat && !passing(beat.error())) return beat;
  if (now_ns - looked_ns_ < 1'000 * ms) return {};
  looked_ns_ = now_ns;
  if (const Status caught_up = state_.catch_up_to_end(); !caught_up) {
    if (passing(caught_up.error())) return {};
    return caught_up;
  }
  expel_silent();
  static_cast<void>(state_.trim());
  return {};
}

// The oldest of those who live sees to it, the next ones only when that takes too long.
void KafkaLog::expel_silent() {
  const std::int64_t self = identity_->current();
  if (self < 0) return;
  const std::int64_t now_ns = environment_.clock.monotonic_ns();
  const std::int64_t session_ns = options_.session_timeout_ms * ms;
  std::int64_t patience_ns = session_ns;
  std::vector<std::int64_t> silent;
  for (const auto& [member, heard_ns] : state_.last_heard()) {
    if (now_ns - heard_ns > session_ns) {
      silent.push_back(member);
    } else if (member < self) {
      patience_ns += 1'000 * ms;
    }
  }
  for (const std::int64_t member : silent) {
    const auto heard = state_.last_heard();
    const auto found = heard.find(member);
    if (member == self || found == heard.end() || now_ns - found->second <= patience_ns) continue;
    const std::string id = state_.look([&](const State& state) {
      const auto it = state.members().find(member);
      return it == state.members().end() ? std::string() : it->second.transactional_id;
    });
    if (!id.empty()) static_cast<void>(expel(config_, options_, state_, member, id));
  }
}

void KafkaLog::synchronize() { static_cast<void>(state_.catch_up_to_end()); }

void KafkaLog::abandon() {
  abandoned_ = true;
  identity_->abandon();
}

void synchronize(Log& log) { dynamic_cast<KafkaLog&>(log).synchronize(); }
std::weak_ptr<void> life(Log& log) { return dynamic_cast<KafkaLog&>(log).life(); }
void abandon(Log& log) { dynamic_cast<KafkaLog&>(log).abandon(); }

}  // namespace millrace::log::kafka
