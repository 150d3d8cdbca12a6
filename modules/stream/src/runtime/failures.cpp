// SPDX-License-Identifier: Apache-2.0
// Copyright The Millrace Authors
#include "runtime/failures.hpp"

#include "millrace/base/terminal_text.hpp"
#include "millrace/base/time_text.hpp"
#include "millrace/log/errors.hpp"

namespace millrace::stream::runtime {

WorkItemCounts& WorkItemCounts::operator+=(const WorkItemCounts& more) {
  dead_letters += more.dead_letters;
  skipped += more.skipped;
  late += more.late;
  failed_firings += more.failed_firings;
  return *this;
}

void Failures::blame(const WorkItemId& work_item, const Error& error) {
  const bool size = error.is(log::errc::too_large);
  const auto found = refusals_.find(work_item);
  if (found == refusals_.end()) {
    const bool firing = !work_item.timer.empty();
    refusals_.emplace(work_item, Refusal{firing && size ? errc::firing_too_large : error.code(),
                                         error.message(),
                                         {},
                                         false,
                                         false});
    return;
  }
  Refusal& refusal = found->second;
  LetterShape& letter = refusal.letter;
  if (!size && !letter.now) {
    letter.now = true;
  } else if (letter.least == last_letter_form) {
    refusal.exhausted = true;
  } else {
    letter.least = static_cast<LetterForm>(static_cast<int>(letter.least) + 1);
  }
}

std::optional<Failure> Failures::refusal(const InHand& hand) const {
  if (refusals_.empty()) return std::nullopt;
  const auto found = refusals_.find(hand.id());
  if (found == refusals_.end()) return std::nullopt;
  const Refusal& refusal = found->second;
  return Failure{refusal.exhausted ? ErrorAction::fail : shared_->options.on_processing_error,
                 refusal.code, refusal.reason};
}

Status Failures::settle(const InHand& hand, const Failure& failure, Outbox& out,
                        WorkItemCounts& counts) {
  if (failure.action == ErrorAction::fail)
    return fail(failure.code, "{}: {}", hand.where(), failure.reason);
  LetterShape letter;
  if (!refusals_.empty()) {
    if (const auto found = refusals_.find(hand.id()); found != refusals_.end())
      letter = found->second.letter;
  }
  if (hand.is_firing()) {
    settle_firing(hand, failure, counts);
  } else if (failure.action == ErrorAction::skip) {
    ++counts.skipped;
    reports_.push_back({Level::warn, "record skipped", hand.where() + ": " + failure.reason});
  } else {
    letters_.write(hand, sub_topology_, failure.code, failure.reason, letter, out);
    ++counts.dead_letters;
    reports_.push_back({Level::warn, "dead letter", hand.where() + ": " + failure.reason});
  }
  return {};
}

void Failures::settle_firing(const InHand& hand, const Failure& failure, WorkItemCounts& counts) {
  ++counts.failed_firings;
  reports_.push_back(
      {Level::error, "a firing that failed is passed over",
       hand.where() + ": [" + std::string(failure.code.name) + "] " + failure.reason});
}

void Failures::dead_letter(const InHand& hand, ErrorCode code, std::string_view reason, Outbox& out,
                           WorkItemCounts& counts) {
  if (hand.is_firing()) {
    shared_->report(Level::error, "dead_letter() without a record in hand",
                    hand.where() + ": " + std::string(reason));
    return;
  }
  letters_.write(hand, sub_topology_, code, reason, {}, out);
  ++counts.dead_letters;
  reports_.push_back({Level::warn, "dead letter", hand.where() + ": " + std::string(reason)});
}

void Failures::late(const InHand& hand, std::string_view store, std::int64_t timestamp_ms,
                    std::uint64_t before) {
  constexpr std::size_t key_bytes_max = 100;
  const log::RecordView* const record = hand.record();
  std::string detail = hand.where() + ": operator " + std::string(store);
  if (record != nullptr && record->key)
    detail += ", key " + escaped(cut_text(*record->key, key_bytes_max));
  detail += ", time " + format_time(timestamp_ms);
  if (before > 0) detail += "; " + std::to_string(before) + " others since the last report";
  reports_.push_back(
      {Level::debug, "late record left out: its window is closed", std::move(detail)});
}

void Failures::keep(const InHand& hand) {
  for (const Report& report : reports_)
    shared_->report(report.level, report.message, report.detail);
  reports_.clear();
  if (refusals_.empty()) return;
  if (const auto found = refusals_.find(hand.id()); found != refusals_.end())
    found->second.kept = true;
}

void Failures::walk_ended(std::string_view timer) {
  for (auto& [work_item, refusal] : refusals_) {
    if (work_item.timer == timer) refusal.kept = true;
  }
}

void Failures::committed() {
  std::erase_if(refusals_, [](const auto& entry) { return entry.second.kept; });
}

void Failures::drop() {
  for (auto& [work_item, refusal] : refusals_)
    refusal.kept = false;
}

}  // namespace millrace::stream::runtime
