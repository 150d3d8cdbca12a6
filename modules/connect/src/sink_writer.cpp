// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "millrace/connect/sink_writer.hpp"

#include <algorithm>
#include <string>
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
  MILLRACE_TRY(writer->last_step());
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
  last_step_ = steps ? steps->value : 0;
  return last_step_;
}

// A claim that is lost is not taken again: the state of the caller may be old by then.
Status SinkWriter::keep() {
  MILLRACE_TRY(log_.maintain());
  MILLRACE_TRY(log_.maintain_storage());
  MILLRACE_ASSIGN(const log::MembershipChange change, membership_->poll());
  if (!claim_ && !change.granted.empty()) claim_ = change.granted.front();
  is_lost_ = is_lost_ || (claim_ && std::ranges::find(change.lost, *claim_) != change.lost.end());
  if (is_lost_) {
    return fail(log::errc::fenced,
                "the claim on task {} of group {} is lost: another writer may have it now",
                options_.task, options_.group);
  }
  return {};
}

// A commit that changes nothing while the claim holds, and is refused when it does not. The
// position makes it one that brokers look at: it is that of the step which is known to be
// `written`.
Status SinkWriter::check_claim(std::optional<std::int64_t> written) {
  log::Transaction transaction;
  if (written) transaction.set_position(group_, progress_, log::offset(*written));
  transaction.require(*claim_);
  MILLRACE_TRY(log_.commit(transaction));
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
  if (failure_) return fail(*failure_);
  if (step != last_step_ + 1) {
    return fail(errc::invalid_argument, "step {} of group {} does not follow the last one, {}",
                step, options_.group, last_step_);
  }
  Result<log::Committed> committed = commit_step(transaction, step, progress);
  if (committed) {
    last_step_ = step;
  } else {
    failure_ = committed.error();
  }
  return committed;
}

Result<log::Committed> SinkWriter::commit_step(log::Transaction& transaction, std::int64_t step,
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

// A log may look at the sequence before the claim. Then it returns the outcome of another writer
// that took over and wrote a step of this number, or refuses the number as too old. Only while the
// claim holds is the step that is repeated our own. (Kafka looks at the claim first, so an empty
// question is enough where the commit has failed anyway.)
Result<log::Committed> SinkWriter::commit_until_known(log::Transaction& transaction) {
  const std::int64_t step = transaction.sequence().number;
  for (int repeat = 0;; ++repeat) {
    MILLRACE_TRY(keep());
    MILLRACE_FAULT_POINT("sink.before_commit");
    Result<log::Committed> committed = log_.commit(transaction);
    MILLRACE_FAULT_POINT("sink.after_commit");
    if (!committed && committed.error().is(errc::invalid_argument)) MILLRACE_TRY(check_claim({}));
    if (committed && committed->repeated) {
      MILLRACE_TRY(check_claim(repeat == 0 ? std::nullopt : std::optional(step)));
      if (repeat == 0) {
        return fail(errc::invalid_argument, "step {} of group {} was committed before", step,
                    options_.group);
      }
    }
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
