// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "wire/coordinator_link.hpp"

#include <algorithm>
#include <utility>

#include "millrace/log/errors.hpp"
#include "units.hpp"

namespace millrace::log::kafka::wire {
namespace {

// Of a question to the cluster, during which nothing else happens here.
constexpr std::int64_t longest_brokers_ms = 1'000;
// Of a transaction of version 2.
constexpr Api requests_of_second[] = {Api::produce, Api::init_producer_id, Api::end_txn,
                                      Api::txn_offset_commit};
// After so long another broker may be the leader or the coordinator.
constexpr std::int64_t longest_answer_ms = 15'000;

/// 0 when what is in between, such as a proxy, lets the requests of version 2 not through.
std::int16_t transactions_of(const Connection& connection) {
  const bool takes_all = std::ranges::all_of(
      requests_of_second, [&](Api api) { return connection.takes(api, version_of_second(api)); });
  return takes_all ? connection.transactions() : std::int16_t{0};
}

}  // namespace

RetryPolicy RetryPolicy::of(const ClientConfig& config) {
  const std::int64_t set_ms = config.number("socket.timeout.ms", longest_answer_ms);
  const std::int64_t answer_ms = set_ms <= 0 ? longest_answer_ms : set_ms;
  return {std::min(answer_ms, longest_answer_ms) * ms, ms, 20 * ms};
}

CoordinatorLink::CoordinatorLink(Cluster& cluster, std::string client_id, std::string key,
                                 CoordinatorKind kind, const RetryPolicy& retry_policy)
    : cluster_(cluster),
      client_id_(std::move(client_id)),
      key_(std::move(key)),
      kind_(kind),
      retry_policy_(retry_policy) {}

void CoordinatorLink::ask(Api api, std::int16_t version, std::string body, ResponseHandler handle) {
  if (questions_.empty()) {
    lost_one_ = false;
    stopped_ = false;
    refusals_ = 0;
    due_ns_ = 0;
    trouble_.clear();
    refused_ = false;
  }
  questions_.push_back({api, version, std::move(body), std::move(handle)});
}

void CoordinatorLink::stop() {
  stopped_ = true;
  std::erase_if(questions_, [](const Question& question) { return question.number < 0; });
}

void CoordinatorLink::drop() {
  questions_.clear();
  lost_one_ = false;
}

bool CoordinatorLink::is_waiting() const {
  return std::any_of(questions_.begin(), questions_.end(),
                     [](const Question& question) { return question.number >= 0; });
}

std::int64_t CoordinatorLink::due_ns(std::int64_t now_ns) const {
  if (questions_.empty()) return no_deadline_ns;
  if (due_ns_ > now_ns) return due_ns_;
  if (connection_ != nullptr && connection_->is_broken()) return now_ns;
  const auto since_ns = connection_ ? connection_->waiting_since_ns() : std::nullopt;
  return since_ns ? *since_ns + retry_policy_.answer_ns : now_ns + retry_policy_.answer_ns;
}

void CoordinatorLink::pause(std::int64_t now_ns) {
  due_ns_ = now_ns + retry_policy_.pause_after(refusals_++);
}

void CoordinatorLink::turn(std::int64_t now_ns, std::int64_t deadline_ns) {
  if (connection_ != nullptr) connection_->advance();
  if (questions_.empty() || now_ns < due_ns_) return;
  if (connection_ == nullptr && !find_or_connect(now_ns, deadline_ns)) return;
  while (auto answer = connection_->take()) {
    finding_ ? take_coordinator(*answer, now_ns) : take(*answer, now_ns);
    if (connection_ == nullptr) return;
  }
  const auto since_ns = connection_->waiting_since_ns();
  if (connection_->is_broken()) {
    refused_ = connection_->error().is(errc::refused_by_broker);
    return lose(connection_->error().message(), now_ns);
  }
  if (since_ns && now_ns - *since_ns >= retry_policy_.answer_ns)
    return lose(
        (finding_ ? "a broker that was asked for the coordinator of " : "the coordinator of ") +
            key_ + " does not answer",
        now_ns);
  if (finding_) return;
  if (connection_->knows_versions()) transactions_ = transactions_of(*connection_);
  if (now_ns >= due_ns_) send();
}

// A version that every broker takes goes out before this one has said what it takes.
void CoordinatorLink::send() {
  const auto is_refused = [&](const Question& question) {
    return question.number < 0 && connection_->knows_versions() &&
           !connection_->takes(question.api, question.version);
  };
  const auto refused = std::find_if(questions_.begin(), questions_.end(), is_refused);
  if (refused != questions_.end()) return refuse(RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION);
  for (Question& question : questions_) {
    const bool waits =
        question.version > spoken(question.api).lowest && !connection_->knows_versions();
    if (question.number < 0 && !waits)
      question.number = connection_->send(question.api, question.version, question.body);
  }
}

/// False when no broker is known.
bool CoordinatorLink::find_or_connect(std::int64_t now_ns, std::int64_t deadline_ns) {
  finding_ = !coordinator_;
  if (!finding_) {
    connect(*coordinator_);
    return true;
  }
  const std::int64_t left_ms = (deadline_ns - now_ns) / ms;
  const Result<net::Address> broker =
      cluster_.any(static_cast<int>(std::clamp<std::int64_t>(left_ms, 1, longest_brokers_ms)));
  if (!broker) {
    trouble_ = broker.error().message();
    pause(now_ns);
    return false;
  }
  connect(*broker);
  connection_->send(Api::find_coordinator, find_coordinator(key_, kind_));
  return true;
}

void CoordinatorLink::connect(const net::Address& address) {
  connection_ =
      std::make_unique<Connection>(address, client_id_, cluster_.clock(), cluster_.security().get(),
                                   cluster_.connect_timeout_ns());
}

void CoordinatorLink::take_coordinator(const Answer& answer, std::int64_t now_ns) {
  const std::optional<Coordinator> found = read_coordinator(answer.body);
  connection_.reset();
  if (found && found->error == RD_KAFKA_RESP_ERR_NO_ERROR) {
    coordinator_ = cluster_.address_of(found->address.host, found->address.port);
    finding_ = false;
    connect(*coordinator_);
    return;
  }
  const Code code = found ? found->error : RD_KAFKA_RESP_ERR__BAD_MSG;
  trouble_ = error_of(code, "finding the coordinator of " + key_).message();
  // The handlers receive an error that no retry helps against.
  if (found && !is_passing(code)) {
    refuse(code);
    return;
  }
  pause(now_ns);
}

void CoordinatorLink::refuse(Code code) {
  for (const Question& question : std::exchange(questions_, {})) {
    if (question.number >= 0) lost_one_ = true;
    question.handle(code, {});
  }
}

void CoordinatorLink::take(const Answer& answer, std::int64_t now_ns) {
  const auto question = std::find_if(questions_.begin(), questions_.end(),
                                     [&](const auto& one) { return one.number == answer.number; });
  if (question == questions_.end()) return;  // dropped
  switch (question->handle(RD_KAFKA_RESP_ERR_NO_ERROR, answer.body)) {
    case ResponseOutcome::done:
      questions_.erase(question);
      refusals_ = 0;
      return;
    case ResponseOutcome::again:
      question->number = -1;
      if (stopped_) questions_.erase(question);
      trouble_.clear();
      return pause(now_ns);
    case ResponseOutcome::elsewhere:
      // It may have been written down before that was found out.
      lost_one_ = true;
      question->number = -1;
      return lose("the broker at " + coordinator_->text() + " is not the coordinator of " + key_,
                  now_ns);
  }
}

void CoordinatorLink::lose(std::string why, std::int64_t now_ns) {
  trouble_ = std::move(why);
  for (Question& question : questions_) {
    if (question.number >= 0) lost_one_ = true;
    question.number = -1;
  }
  if (stopped_) questions_.clear();
  const bool was_lost = connection_->is_broken();
  connection_.reset();
  coordinator_.reset();
  pause(now_ns + (was_lost ? retry_policy_.loss_ns : 0));
}

}  // namespace millrace::log::kafka::wire
