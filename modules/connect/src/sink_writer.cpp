// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/connect/sink_writer.hpp"

#include <utility>

#include "millrace/base/fault_point.hpp"
#include "millrace/connect/errors.hpp"
#include "millrace/log/errors.hpp"

namespace millrace::connect {

namespace {

constexpr std::int64_t look_ns = 100'000'000;
constexpr int looks_max = 300;  // half a minute: longer than any backend needs to notice a death
constexpr int repeats_max = 5;

}  // namespace

SinkWriter::SinkWriter(log::Log& log, Clock& clock, Options options)
    : log_(log), clock_(clock), options_(std::move(options)) {}

Result<std::unique_ptr<SinkWriter>> SinkWriter::open(log::Log& log, Clock& clock, Options options) {
  std::unique_ptr<SinkWriter> writer(new SinkWriter(log, clock, std::move(options)));
  MILLRACE_ASSIGN(const log::Topic topic, log.create_topic(writer->options_.progress));
  writer->progress_ = {topic.id, log::partition(0)};
  writer->waiter_ = log.waiter();
  MILLRACE_TRY(writer->take_claim());
  return writer;
}

Status SinkWriter::take_claim() {
  MILLRACE_ASSIGN(group_, log_.group(options_.group));
  MILLRACE_ASSIGN(membership_, log_.join(group_, {options_.task}));
  MILLRACE_ASSIGN(const bool taken, wait_until([&] { return Result<bool>(claim_.has_value()); }));
  return taken ? Status{} : fail(errc::busy, options_.busy);
}

Result<std::int64_t> SinkWriter::last_step() {
  MILLRACE_ASSIGN(const std::optional<log::Offset> steps, log_.position(group_, progress_));
  return steps ? steps->value : 0;
}

// A claim that is lost is not taken again: the state of the caller may be old by then. The next
// commit is refused, by name.
Status SinkWriter::keep() {
  MILLRACE_TRY(log_.maintain());
  MILLRACE_TRY(log_.maintain_storage());
  MILLRACE_ASSIGN(const log::MembershipChange change, membership_->poll());
  if (!claim_ && !change.granted.empty()) claim_ = change.granted.front();
  return {};
}

Result<bool> SinkWriter::wait_until(const std::function<Result<bool>()>& done) {
  for (int look = 0; look < looks_max; ++look) {
    MILLRACE_TRY(keep());
    MILLRACE_ASSIGN(const bool is_done, done());
    if (is_done) return true;
    static_cast<void>(waiter_->wait({}, clock_.monotonic_ns() + look_ns));
  }
  return false;
}

Result<log::Committed> SinkWriter::commit(log::Transaction& transaction, std::int64_t step,
                                          const log::Record& progress) {
  transaction.append(progress_, progress);
  transaction.set_position(group_, progress_, log::offset(step));
  transaction.set_sequence(options_.group, step);
  transaction.require(*claim_);
  MILLRACE_ASSIGN(log::Committed committed, commit_until_known(transaction));
  last_ = committed.position;
  MILLRACE_TRY(wait_visible(committed));
  return committed;
}

Result<log::Committed> SinkWriter::commit_until_known(log::Transaction& transaction) {
  for (int repeat = 0;; ++repeat) {
    MILLRACE_TRY(keep());
    MILLRACE_FAULT_POINT("sink.before_commit");
    Result<log::Committed> committed = log_.commit(transaction);
    MILLRACE_FAULT_POINT("sink.after_commit");
    if (committed || repeat == repeats_max) return committed;
    if (!committed.error().is(log::errc::outcome_unknown)) return committed;
  }
}

// What asks for an end next waits for two seconds at most: a busy cluster may take seconds to mark
// a commit.
Status SinkWriter::wait_visible(const log::Committed& committed) {
  for (int look = 1;; ++look) {
    Status seen = log_.wait_visible(committed, clock_.monotonic_ns() + look_ns);
    if (seen || look == looks_max || !seen.error().is(log::errc::unavailable)) return seen;
    MILLRACE_TRY(keep());
  }
}

Status SinkWriter::wait_durable() {
  return last_ == log::LogPosition{} ? Status{} : log_.wait_durable(last_);
}

}  // namespace millrace::connect
